"""What a language model says about claims, and how much of it is taken over: never more than can be checked.

A verdict counts only if it names evidence that the claim was held against. It may lower what the rules found; it
may raise it by one step at most, and never over a figure that is missing or a "not" that was turned round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from layers.contract import ChatFailed
from layers.top.artifacts import Evidence
from layers.top.llm.wording import turned_round
from layers.top.verification.support import EvidenceText, SupportScore

Judged = Literal["supported", "weak", "unsupported", "contradicted"]
Scorer = Callable[[str, str], SupportScore]

SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdicts"],
    "properties": {
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["claim", "verdict", "evidence"],
                "properties": {
                    "claim": {"type": "string"},
                    "verdict": {
                        "type": "string",
                        "enum": ["supported", "weak", "unsupported", "contradicted"],
                    },
                    "evidence": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}
"""Kept to the subset of JSON schema that strict structured output takes."""

_SAME_SUBJECT: Final = 0.3
"""Fit from which a quotation speaks of what the claim speaks of, and so can contradict it."""

_STEPS: Final[tuple[Judged, ...]] = ("unsupported", "weak", "supported")


class GivenVerdict(BaseModel):
    """One verdict as the model gave it; nothing in it is trusted yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim: str
    verdict: Judged
    evidence: tuple[str, ...] = ()


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    verdicts: tuple[GivenVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A claim and the evidence that it is to be held against; ``id`` is unique within one judgement."""

    id: str
    text: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was taken over: a status, and the ids of the evidence that it rests on."""

    status: Judged
    evidence: tuple[str, ...]


def parse_verdicts(value: Mapping[str, object]) -> dict[str, GivenVerdict]:
    """The first verdict on each claim. Raises :class:`ChatFailed` (``llm_invalid``) for another shape or none at all."""
    try:
        answer = _Answer.model_validate(value)
    except ValidationError as error:
        raise ChatFailed("the answer has not the shape that was asked for", code="llm_invalid") from error
    if not answer.verdicts:
        raise ChatFailed("the answer has no verdicts", code="llm_invalid")
    return {given.claim: given for given in reversed(answer.verdicts)}


def accepted(case: Case, given: GivenVerdict, score: Scorer) -> Verdict | None:
    """The verdict as far as it can be checked; None where the rules' own verdict has to stand."""
    named = [row for row in case.evidence if row.id in given.evidence]
    if given.verdict == "contradicted":
        against = [row for row in named if _can_contradict(case, row, score)]
        return Verdict(status="contradicted", evidence=_ids(against)) if against else None
    if not named and given.verdict != "unsupported":
        return None
    # The rules have looked at all of the evidence, so the model may not raise a verdict by naming a part of it.
    found = score(case.text, " ".join(row.quote for row in case.evidence))
    return Verdict(status=_raised(case, given.verdict, named, found), evidence=_ids(named))


def _raised(case: Case, verdict: Judged, named: Sequence[Evidence], found: SupportScore) -> Judged:
    """The model's verdict, at most one step above the rules' and never ``supported`` against their guards."""
    highest = min(_STEPS.index(found.band) + 1, len(_STEPS) - 1)
    quotes = " ".join(row.quote for row in named)
    if found.missing_figures or (named and turned_round(case.text, quotes, EvidenceText(quotes))):
        highest = min(highest, _STEPS.index("weak"))
    return _STEPS[min(highest, _STEPS.index(verdict))]


def _can_contradict(case: Case, row: Evidence, score: Scorer) -> bool:
    """A quotation of the same matter that does not stand in the claim word for word."""
    return row.quote not in case.text and score(case.text, row.quote).fit >= _SAME_SUBJECT


def _ids(rows: Sequence[Evidence]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
