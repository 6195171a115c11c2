"""The shape in which a language model gives a part: sentences with the evidence that each rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from layers.contract import ChatFailed

SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sentences"],
    "properties": {
        "sentences": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["text", "evidence", "kind"],
                "properties": {
                    "text": {"type": "string"},
                    "evidence": {"type": "array", "items": {"type": "string"}},
                    "kind": {"type": "string", "enum": ["claim", "editorial"]},
                },
            },
        }
    },
}
"""Kept to the subset of JSON schema that strict structured output takes."""


class DraftSentence(BaseModel):
    """One sentence as the model gave it; nothing in it is trusted yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str
    evidence: tuple[str, ...]
    kind: Literal["claim", "editorial"]


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    sentences: tuple[DraftSentence, ...]


def parse_draft(value: Mapping[str, object]) -> tuple[DraftSentence, ...]:
    """The sentences of an answer. Raises :class:`ChatFailed` (``llm_invalid``) for another shape or none at all."""
    try:
        draft = _Draft.model_validate(value)
    except ValidationError as error:
        raise ChatFailed("the answer has not the shape that was asked for", code="llm_invalid") from error
    if not draft.sentences:
        raise ChatFailed("the answer has no sentences", code="llm_invalid")
    return draft.sentences
