"""A language model as judge of claims: batch by batch, held to what it was given, tested with known answers.

Whatever it does, the verdicts of the rules stand behind it. Only here can a claim become ``contradicted``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from layers.contract import ChatFailed, ChatRequest, ContentWarning, LanguageModel
from layers.top.llm.controls import CONTROLS, passed, spread
from layers.top.llm.meter import ENDS_IT, Meter
from layers.top.llm.notices import CURES, OTHER_CURE
from layers.top.llm.parts import speaks_to_writers
from layers.top.llm.prompts import judge_prompt, judge_system_prompt
from layers.top.llm.verdicts import SCHEMA, Case, GivenVerdict, Scorer, Verdict, accepted, parse_verdicts

MOST_CASES: Final = 48
_BATCH: Final = 8
_HOPELESS: Final = 2
_TOKENS_PER_CLAIM: Final = 80
_FRAME_TOKENS: Final = 300


@dataclass(slots=True, kw_only=True)
class Judgement:
    """The verdicts that were taken over, by case; ``asked`` counts the cases that were to be judged."""

    model: str
    meter: Meter
    asked: int = 0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the model looked at every case."""
        return not self.failed and self.stopped is None

    def warnings(self, where: str) -> tuple[ContentWarning, ...]:
        """Which claims are contradicted, and what kept the model from judging; at most one warning each."""
        against = [name for name, verdict in self.verdicts.items() if verdict.status == "contradicted"]
        found = ContentWarning(
            severity="warning",
            code="claims_contradicted",
            where=f"{where}: {', '.join(against)}",
            fix="Read the evidence named with each claim; correct the claim, or leave it out.",
        )
        return (*([found] if against else []), *self.failures(where))

    def failures(self, where: str) -> tuple[ContentWarning, ...]:
        """What kept the model from judging, at most one warning."""
        code = self.stopped or next(iter(self.failed), None)
        if code is None:
            return ()
        counted = (
            f"{where}: {len(self.verdicts)} of {self.asked} claims judged by the model, the rest by rules"
        )
        named = code if code in CURES else "llm_part_unusable"
        detail = counted if named == code else f"{counted} ({code})"
        return (
            ContentWarning(severity="warning", code=named, where=detail, fix=CURES.get(code, OTHER_CURE)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """One batch as it is shown: short names for claims and quotations, controls among the claims."""

    quotations: tuple[tuple[str, str], ...]
    claims: tuple[tuple[str, str, tuple[str, ...]], ...]
    cases: dict[str, Case]
    rows: dict[str, str]
    controls: tuple[str, ...]


async def judge(cases: Sequence[Case], model: LanguageModel, meter: Meter, score: Scorer) -> Judgement:
    """Verdicts on the first :data:`MOST_CASES` cases. Never raises for what the model does."""
    fit = [case for case in map(_harmless, cases) if case is not None][:MOST_CASES]
    judgement = Judgement(model=model.model, meter=meter, asked=len(fit))
    in_a_row = 0
    for start in range(0, len(fit), _BATCH):
        batch = fit[start : start + _BATCH]
        try:
            given = await _asked(_sheet(batch), model, meter)
        except ChatFailed as failed:
            judgement.failed[failed.code] = judgement.failed.get(failed.code, 0) + len(batch)
            in_a_row += 1
            if failed.code in ENDS_IT or in_a_row >= _HOPELESS:
                judgement.stopped = failed.code
                break
            continue
        in_a_row = 0
        judgement.verdicts |= await asyncio.to_thread(_accepted, batch, given, score)
    return judgement


def _harmless(case: Case) -> Case | None:
    """The case without quotations that speak to whoever judges; None where the claim does, or nothing is left."""
    rows = tuple(row for row in case.evidence if not speaks_to_writers(row.quote))
    if not rows or speaks_to_writers(case.text):
        return None
    return Case(id=case.id, text=case.text, evidence=rows)


def _sheet(batch: Sequence[Case]) -> _Sheet:
    rows = {row.id: row.quote for case in batch for row in case.evidence}
    names = {identity: f"Q{place}" for place, identity in enumerate(rows, 1)}
    known = [f"Q{len(names) + place}" for place in range(1, len(CONTROLS) + 1)]
    shown: list[tuple[str, tuple[str, ...], Case | None]] = [
        (case.text, tuple(names[row.id] for row in case.evidence), case) for case in batch
    ]
    tests = [(control.claim, (name,), None) for control, name in zip(CONTROLS, known, strict=True)]
    mixed = [(f"C{place}", *line) for place, line in enumerate(spread(shown, tests), 1)]
    by_claim = {text: name for name, text, _, case in mixed if case is None}
    return _Sheet(
        quotations=(
            *((names[identity], quote) for identity, quote in rows.items()),
            *((name, control.quote) for name, control in zip(known, CONTROLS, strict=True)),
        ),
        claims=tuple((name, text, ids) for name, text, ids, _ in mixed),
        cases={name: case for name, _, _, case in mixed if case is not None},
        rows={name: identity for identity, name in names.items()},
        controls=tuple(by_claim[control.claim] for control in CONTROLS),
    )


async def _asked(sheet: _Sheet, model: LanguageModel, meter: Meter) -> dict[str, GivenVerdict]:
    """Believable verdicts by case id, at the second try if need be. Raises :class:`ChatFailed`."""
    try:
        given = parse_verdicts(await _call(sheet, model, meter, "judge_claims", None))
        return _believed(sheet, given)
    except ChatFailed as failed:
        if failed.code in ENDS_IT:
            raise
        again = await _call(sheet, model, meter, "judge_again", str(failed))
        return _believed(sheet, parse_verdicts(again))


def _believed(sheet: _Sheet, given: dict[str, GivenVerdict]) -> dict[str, GivenVerdict]:
    if not passed(given, sheet.controls):
        raise ChatFailed("a claim whose verdict is known was judged wrongly", code="llm_unreliable")
    return dict(_renamed(sheet, given))


def _renamed(sheet: _Sheet, given: dict[str, GivenVerdict]) -> Iterator[tuple[str, GivenVerdict]]:
    """The verdicts on the cases with the real ids of their evidence; names that nobody gave fall away."""
    for name, case in sheet.cases.items():
        if name in given:
            ids = tuple(sheet.rows[row] for row in given[name].evidence if row in sheet.rows)
            yield case.id, given[name].model_copy(update={"evidence": ids})


async def _call(
    sheet: _Sheet, model: LanguageModel, meter: Meter, purpose: str, defect: str | None
) -> dict[str, object]:
    room = 1 if defect is None else 2
    request = ChatRequest(
        purpose=purpose,
        system=judge_system_prompt(),
        user=judge_prompt(sheet.quotations, sheet.claims, defect),
        schema=SCHEMA,
        max_output_tokens=room * (_FRAME_TOKENS + _TOKENS_PER_CLAIM * len(sheet.claims)),
        seconds=meter.time_for_a_call(),
        budget_tokens=meter.tokens_left,
    )
    try:
        reply = await model.complete(request)
    except ChatFailed as failed:
        meter.add(failed)
        raise
    meter.add(reply)
    return dict(reply.value)


def _accepted(batch: Sequence[Case], given: dict[str, GivenVerdict], score: Scorer) -> dict[str, Verdict]:
    found = {case.id: accepted(case, given[case.id], score) for case in batch if case.id in given}
    return {name: verdict for name, verdict in found.items() if verdict is not None}
