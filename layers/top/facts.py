"""factChecker: which claims of the article are worth checking, and what other sources say to them.

The rules give three verdicts only: words and figures can show support, they cannot show contradiction. That a claim
is ``contradicted`` is for a language model to judge, where there is one.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.bottom.passage_search import PassageSearch
from layers.contract import ContentWarning, StepContext
from layers.text.numbers import figures, names
from layers.top.artifacts import Article, Evidence, FactCheck, FactReport, Sentence, SupportStatus
from layers.top.evidence import EvidenceTable
from layers.top.llm.judge import Judgement, judge
from layers.top.llm.meter import Meter, part_of_budget
from layers.top.llm.verdicts import Case, Verdict
from layers.top.verification.support import EvidenceText, SupportScore, rarity, support_score

_PASSAGES = 6
_SENTENCES = 5
_SUPPORTING = 3
_SHOWN = 3
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_DATE = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+(?:\d|of\b)"
    r"|\b\d{1,2}\s+(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_SUPERLATIVE = re.compile(
    r"\b(?:most|least|best|worst|first|only|never|always|every|largest|smallest|highest|lowest|fastest|cheapest|leading|strongest"
    r"|oldest|newest|biggest|safest|unique)\b",
    re.IGNORECASE,
)


async def check_facts(context: StepContext) -> FactReport:
    """The fact report for the article; computing is done off the event loop."""
    article = context.need(Article)
    desk = await asyncio.to_thread(_Desk, article, context.need(SourceSet), context.need(PassageIndex))
    if context.tools.llm is None or not desk.checks:
        return desk.report(None)
    context.report(0.3, "asking the model about contradictions")
    # What the article left of the job's budget is shared with the citation verifier, which runs beside this step.
    budget = part_of_budget(context.brief.budget_tokens, article.tokens_in + article.tokens_out, 2)
    meter = Meter(budget=budget, seconds_left=context.seconds_left)
    judgement = await judge(desk.cases(), context.tools.llm, meter, desk.score)
    return await asyncio.to_thread(desk.report, judgement)


def report_facts(article: Article, sources: SourceSet, index: PassageIndex) -> FactReport:
    """The report by rules alone."""
    return _Desk(article, sources, index).report(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """A claim with its own evidence, what supports it elsewhere, and what else is near it (best first)."""

    sentence: Sentence
    worth: tuple[str, ...]
    own: tuple[Evidence, ...]
    others: tuple[Evidence, ...]
    near: tuple[Evidence, ...]


class _Desk:
    """The claims worth checking with all that the sources say to them."""

    def __init__(self, article: Article, sources: SourceSet, index: PassageIndex) -> None:
        self._search = PassageSearch(sources, index)
        self._table = EvidenceTable(sources, index)
        cited = {row.id: row for row in article.evidence}
        self.checks = []
        for sentence in article.all_sentences():
            worth = worth_checking(sentence)
            if worth:
                own = tuple(cited[row] for row in sentence.evidence if row in cited)
                self.checks.append(self._check(sentence, worth, own))

    def score(self, claim: str, evidence: str) -> SupportScore:
        """How well a piece of text supports a claim, stems weighed by their rarity in the sources."""
        return support_score(claim, EvidenceText(evidence), rarity(self._search.idf))

    def cases(self) -> list[Case]:
        """What a model is to judge: each claim against all that is near it.

        What the claim quotes word for word cannot contradict it, but shows the model that it is supported.
        """
        return [
            Case(id=check.sentence.id, text=check.sentence.text, evidence=(*check.own, *check.near))
            for check in self.checks
            if check.own or check.near
        ]

    def report(self, judgement: Judgement | None) -> FactReport:
        """The report, with the verdicts of a model where it gave some."""
        verdicts = judgement.verdicts if judgement else {}
        facts = tuple(self._fact(check, verdicts.get(check.sentence.id)) for check in self.checks)
        named = {row for fact in facts for row in (*fact.supporting, *fact.contradicting)}
        report = FactReport(
            facts=facts,
            evidence=tuple(row for row in self._table.as_tuple() if row.id in named),
            contradiction_checked=judgement is not None and judgement.complete,
            warnings=judgement.warnings("check_facts") if judgement else _unjudged(facts),
        )
        if judgement is None:
            return report
        return report.model_copy(
            update={
                "made_by": "llm" if verdicts else "rules",
                "model": judgement.model,
                "tokens_in": judgement.meter.tokens_in,
                "tokens_out": judgement.meter.tokens_out,
                "cost": judgement.meter.cost,
            }
        )

    def _check(self, sentence: Sentence, worth: tuple[str, ...], own: tuple[Evidence, ...]) -> _Check:
        search, sources = self._search, {row.source for row in own}
        elsewhere = [passage.id for passage in search.passages if passage.source in sources]
        passages = [found for found, _ in search.search(sentence.text, _PASSAGES, exclude=elsewhere)]
        near: list[Evidence] = []
        others: dict[str, Evidence] = {}
        for found in search.best_sentences(sentence.text, passages, _SENTENCES):
            row = self._table.add(found.passage, found.start, found.end)
            near.append(row)
            if found.passage.source not in others and self._band(sentence.text, found.text) == "supported":
                others[found.passage.source] = row
        return _Check(
            sentence=sentence,
            worth=worth,
            own=own,
            others=tuple(others.values())[:_SUPPORTING],
            near=tuple(near[:_SHOWN]),
        )

    def _fact(self, check: _Check, verdict: Verdict | None) -> FactCheck:
        by_rules = self._best_band(check)
        against: tuple[str, ...] = ()
        status, note = by_rules, _note(by_rules, check)
        if verdict is not None and verdict.status == "contradicted":
            against, status = verdict.evidence, "contradicted"
            near = {row.id: row.source for row in (*check.own, *check.near)}
            note = f"contradicted in {', '.join(dict.fromkeys(near[row] for row in against))}, as a language model judged"
        elif verdict is not None and not self._verbatim(check):
            status = verdict.status
            note = note if status == by_rules else "as a language model judged"
        return FactCheck(
            claim=check.sentence.id,
            text=check.sentence.text,
            worth=check.worth,
            status=status,
            supporting=tuple(row.id for row in check.others if row.id not in against),
            contradicting=against,
            method="lexical" if verdict is None else "llm",
            note=note,
        )

    def _verbatim(self, check: _Check) -> bool:
        return any(row.quote in check.sentence.text for row in check.own)

    def _band(self, claim: str, evidence: str) -> SupportStatus:
        return self.score(claim, evidence).band

    def _best_band(self, check: _Check) -> SupportStatus:
        bands = {self._band(check.sentence.text, row.quote) for row in (*check.own, *check.others)}
        best: tuple[SupportStatus, ...] = ("supported", "weak")
        return next((band for band in best if band in bands), "unsupported")


def worth_checking(sentence: Sentence) -> tuple[str, ...]:
    """Why a sentence is worth checking: ``number``, ``percentage``, ``date``, ``name``, ``superlative``."""
    if sentence.kind == "editorial":
        return ()
    found = figures(sentence.text)
    dated = bool(_YEAR.search(sentence.text) or _DATE.search(sentence.text))
    plain = [figure for figure in found if not figure.endswith("%") and not _YEAR.fullmatch(figure)]
    reasons = {
        "number": bool(plain),
        "percentage": any(figure.endswith("%") for figure in found),
        "date": dated,
        "name": bool(names(sentence.text)),
        "superlative": bool(_SUPERLATIVE.search(sentence.text)),
    }
    return tuple(name for name, holds in reasons.items() if holds)


def _unjudged(facts: tuple[FactCheck, ...]) -> tuple[ContentWarning, ...]:
    if not facts:
        return ()
    return (
        ContentWarning(
            severity="info",
            code="not_checked_for_contradiction",
            where=f"facts: {len(facts)} claims checked by rules",
            fix="Configure a language model, or compare the passages of the sources yourself.",
        ),
    )


def _note(status: SupportStatus, check: _Check) -> str:
    if check.others:
        return f"also found in {', '.join(row.source for row in check.others)}"
    if status == "unsupported":
        return "no source says so"
    if status == "weak":
        return "the sources say it only in part"
    return f"only {', '.join(dict.fromkeys(row.source for row in check.own))} says so"
