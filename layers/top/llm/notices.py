"""What an article says about the model's part in it: who wrote, what was wrong, what stands in for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from layers.contract import ChatFailed, ContentWarning
from layers.top.llm.settling import Settled

CURES: Final = {
    "llm_unavailable": "Run the job again when the model answers; what is written is complete without it.",
    "llm_misconfigured": "Check LLM_ENDPOINT, LLM_MODEL and the key or the identity's role.",
    "llm_out_of_time": "Allow the job more time, or use a faster model.",
    "llm_unreliable": "Use a model that tells support from contradiction; these verdicts are by rules.",
    "budget_spent": "Raise budgetTokens, or ask for a shorter article.",
}
OTHER_CURE: Final = "Use a model that follows a JSON schema and has room for its answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the parts ended: ``settled`` were worded and verified, ``failed`` have the code of their failure."""

    parts: int
    settled: Mapping[str, Settled]
    failed: Mapping[str, str]
    stopped: ChatFailed | None

    @property
    def by_model(self) -> int:
        """Parts with at least one sentence of the model."""
        return sum(settled.by_model > 0 for settled in self.settled.values())

    def fallback_reason(self, *, worded: bool) -> str | None:
        """Why the article is not the model's, or not all of it."""
        if self.stopped is not None:
            return f"{self.stopped.code}: {self.stopped}"
        if self.failed:
            return f"{next(iter(self.failed.values()))}: no usable answer for {len(self.failed)} of {self.parts} parts"
        return (
            None if worded else "llm_unsupported: nothing that the model wrote was supported by the evidence"
        )


def notices(outcome: Outcome) -> tuple[ContentWarning, ...]:
    """The warnings of the article."""
    found = []
    where = f"article: {outcome.by_model} of {outcome.parts} parts worded by the model"
    if outcome.stopped is not None:
        code = outcome.stopped.code
        fix = CURES.get(code, OTHER_CURE)
        found.append(ContentWarning(severity="warning", code=code, where=where, fix=fix))
    unread = [f"{part} ({code})" for part, code in outcome.failed.items() if code not in CURES]
    if unread:
        found.append(
            ContentWarning(
                severity="warning", code="llm_part_unusable", where=", ".join(unread), fix=OTHER_CURE
            )
        )
    if replaced := _replaced(outcome):
        found.append(replaced)
    return tuple(found)


def _replaced(outcome: Outcome) -> ContentWarning | None:
    """Which faults the model's sentences still had after their repair; none of them is in the article."""
    faults: Counter[str] = Counter()
    for settled in outcome.settled.values():
        faults.update(settled.faults)
    if not faults:
        return None
    named = ", ".join(f"{code} {times}" for code, times in sorted(faults.items()))
    lost = sum(settled.replaced + settled.dropped for settled in outcome.settled.values())
    return ContentWarning(
        severity="info",
        code="llm_sentences_replaced",
        where=f"article: {lost} sentences ({named})",
        fix="Nothing to do: quotations stand in for them, or they were left out.",
    )
