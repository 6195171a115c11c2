"""What a scripted model reads in a prompt: quotations, claims to be judged, and whether an answer is to be repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REPAIR = re.compile(r"^Defects:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """One piece of evidence in a prompt."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim to be judged, with the ids of the quotations that it is held against."""

    id: str
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt as far as a scripted model understands it; with claims it asks for verdicts."""

    quotations: tuple[Quotation, ...]
    is_repair: bool
    claims: tuple[Claim, ...] = ()


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """Every line that is a JSON object with an id and a quote is evidence, one with a claim and a text a claim."""
    text = "\n".join(str(message.get("content", "")) for message in messages)
    lines = [value for line in text.splitlines() if (value := _object(line)) is not None]
    return Prompt(
        quotations=tuple(
            Quotation(id=str(value["id"]), text=value["quote"])
            for value in lines
            if "id" in value and isinstance(value.get("quote"), str)
        ),
        is_repair=_REPAIR.search(text) is not None,
        claims=tuple(
            Claim(id=str(value["claim"]), text=value["text"], evidence=tuple(value.get("evidence", ())))
            for value in lines
            if "claim" in value and isinstance(value.get("text"), str)
        ),
    )


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith(('{"id"', '{"claim"')):
        return None
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
