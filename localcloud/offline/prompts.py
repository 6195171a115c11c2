"""What a scripted model reads in a prompt: the quotations offered as evidence, and whether a draft is to be repaired."""

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
class Prompt:
    """A prompt as far as a scripted model understands it."""

    quotations: tuple[Quotation, ...]
    is_repair: bool


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """Every line that is a JSON object with an id and a quote is evidence."""
    text = "\n".join(str(message.get("content", "")) for message in messages)
    found = [_quotation(line) for line in text.splitlines() if line.startswith('{"id"')]
    return Prompt(
        quotations=tuple(quotation for quotation in found if quotation),
        is_repair=_REPAIR.search(text) is not None,
    )


def _quotation(line: str) -> Quotation | None:
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("quote"), str):
        return None
    return Quotation(id=str(value["id"]), text=value["quote"])
