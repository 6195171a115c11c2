"""originalResearchEngine: the evidence by question, where sources agree, where their figures differ, and the gaps.

Nothing is computed or concluded: every row is a sentence of a source, and every figure stands in it. A language
model, where there is one, only tells which of the pairs that speak of the same cannot both hold.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from layers.bottom.artifacts import FreshnessReport, KeywordPlan, Passage, PassageIndex, SourceSet
from layers.bottom.passage_search import FoundSentence, PassageSearch
from layers.contract import ContentBrief, ContentWarning, StepContext
from layers.middle.artifacts import TopicGraph
from layers.text.similarity import cosine
from layers.text.words import stems, words
from layers.top.artifacts import Disagreement, Evidence, ResearchBrief, ResearchFinding
from layers.top.evidence import EvidenceTable
from layers.top.llm.judge import Judgement, judge
from layers.top.llm.meter import Meter, part_of_budget
from layers.top.llm.verdicts import Case
from layers.top.verification.quantities import quantities
from layers.top.verification.support import EvidenceText, SupportScore, rarity, support_score
from layers.top.writer.antecedents import stands_alone
from layers.top.writer.suitability import addresses_a_model, is_usable

FindingKind = Literal["claim", "statistic", "quote"]

_QUESTIONS = 12
_PASSAGES = 8
_SENTENCES = 4
_FAIR_SHARE = 0.3
_SAME_STATEMENT = 0.5
_SAME_SUBJECT = 0.4
_PAIRS = 12
_SHARE_OF_BUDGET = (
    8  # of the job's tokens, one part for looking at pairs: the article comes later and needs the rest
)
_SPOKEN = re.compile(r"[\"\u201c][^\"\u201d]{15,}[\"\u201d]")
_STATISTIC = re.compile(
    r"\d(?:[\d.,]*)\s*(?:%|per ?cent|million|billion|times|out of|of \d)|[$\u20ac\u00a3]\s?\d", re.IGNORECASE
)


async def generate_research(context: StepContext) -> ResearchBrief:
    """The research brief, from the questions of the keyword plan and the passages."""
    sources, index = context.need(SourceSet), context.need(PassageIndex)
    brief = await asyncio.to_thread(
        build_research,
        context.brief,
        sources,
        index,
        context.need(KeywordPlan),
        freshness=context.have(FreshnessReport),
        graph=context.have(TopicGraph),
    )
    if context.tools.llm is None:
        return brief
    search = await asyncio.to_thread(PassageSearch, sources, index)
    meter = Meter(
        budget=part_of_budget(context.brief.budget_tokens, 0, _SHARE_OF_BUDGET),
        seconds_left=context.seconds_left,
    )
    judgement = await judge(_opposites(brief, search), context.tools.llm, meter, partial(_scored, search))
    return _with_opposites(brief, judgement)


def _scored(search: PassageSearch, claim: str, evidence: str) -> SupportScore:
    return support_score(claim, EvidenceText(evidence), rarity(search.idf))


def _opposites(brief: ResearchBrief, search: PassageSearch) -> list[Case]:
    """Pairs that speak of the same and whose figures do not differ already: one held against the other."""
    known = {found.evidence for found in brief.disagreements}
    pairs = list(_pairs(brief.evidence, search, _SAME_SUBJECT))
    return [
        Case(id=f"{one.id} {two.id}", text=one.quote, evidence=(two,))
        for one, two in pairs
        if (one.id, two.id) not in known
    ][:_PAIRS]


def _with_opposites(brief: ResearchBrief, judgement: Judgement) -> ResearchBrief:
    question_of = {row: finding.question for finding in brief.findings for row in finding.evidence}
    sources = {row.id: row.source for row in brief.evidence}
    opposed = []
    for pair, verdict in judgement.verdicts.items():
        one, _, two = pair.partition(" ")
        if verdict.status == "contradicted":
            detail = f"{sources[one]} and {sources[two]} cannot both be right, as a language model judged"
            opposed.append(
                Disagreement(
                    question=question_of.get(one, ""), evidence=(one, two), detail=detail, method="llm"
                )
            )
    against = {found.evidence for found in opposed}
    return brief.model_copy(
        update={
            "made_by": "llm" if judgement.verdicts else "rules",
            "model": judgement.model,
            "tokens_in": judgement.meter.tokens_in,
            "tokens_out": judgement.meter.tokens_out,
            "cost": judgement.meter.cost,
            "agreements": tuple(pair for pair in brief.agreements if pair not in against),
            "disagreements": (*brief.disagreements, *opposed),
            "warnings": (
                *brief.warnings,
                *map(_disagree, opposed),
                *judgement.failures("generate_research"),
            ),
        }
    )


def _disagree(found: Disagreement) -> ContentWarning:
    return ContentWarning(
        severity="warning",
        code="sources_disagree",
        where=found.detail,
        fix="Read both passages and decide which one applies; neither is preferred here.",
    )


def build_research(
    brief: ContentBrief,
    sources: SourceSet,
    index: PassageIndex,
    keywords: KeywordPlan,
    *,
    freshness: FreshnessReport | None = None,
    graph: TopicGraph | None = None,
) -> ResearchBrief:
    """The pure part of :func:`generate_research`."""
    search = PassageSearch(sources, index)
    table = EvidenceTable(sources, index)
    asked = _questions(brief, keywords)
    findings: list[ResearchFinding] = []
    unanswered: list[str] = []
    for question in asked:
        known = {row.id for row in table.as_tuple()}
        rows = _evidence_for(question, search, table)
        findings += _findings(question.text, [row for row in rows if row.id not in known])
        if not rows:
            unanswered.append(question.text)
    evidence = table.as_tuple()
    disagreements = _disagreements(evidence, findings, search)
    return ResearchBrief(
        evidence=evidence,
        findings=tuple(findings),
        agreements=_agreements(evidence, search),
        disagreements=disagreements,
        gaps=_gaps(brief, unanswered, search, freshness, graph),
        warnings=tuple(map(_disagree, disagreements)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    text: str
    passages: tuple[str, ...]


def _questions(brief: ContentBrief, keywords: KeywordPlan) -> list[_Asked]:
    """The topic itself, the caller's key points, then the questions of the plan, each once."""
    asked = [_Asked(text=brief.topic, passages=())]
    asked += [_Asked(text=point, passages=()) for point in brief.key_points]
    asked += [_Asked(text=q.text, passages=q.passages) for q in keywords.questions[:_QUESTIONS]]
    return list({question.text: question for question in reversed(asked)}.values())[::-1]


def _evidence_for(question: _Asked, search: PassageSearch, table: EvidenceTable) -> list[Evidence]:
    """The best sentences for a question; those that an earlier question has taken come on top of the limit.

    The passages that the plan names for the question come first; a search fills up, with sentences that hold a
    fair share of its words.
    """
    known = {row.id for row in table.as_tuple()}
    named = [search.by_id(passage) for passage in question.passages]
    searched = [found for found, _ in search.search(question.text, _PASSAGES, exclude=question.passages)]
    found = search.best_sentences(question.text, named, _SENTENCES)
    others = search.best_sentences(question.text, searched, 2 * _SENTENCES)
    found += [sentence for sentence in others if sentence.score >= _FAIR_SHARE]
    rows: list[Evidence] = []
    fresh = 0
    for sentence in found:
        if fresh < _SENTENCES and _stands(sentence, search):
            rows.append(table.add(sentence.passage, sentence.start, sentence.end))
            fresh += rows[-1].id not in known
    return rows


def _stands(sentence: FoundSentence, search: PassageSearch) -> bool:
    if addresses_a_model(search.text_of(sentence.passage)):
        return False
    text = " ".join(sentence.text.split())
    return is_usable(text, len(words(text))) and stands_alone(text)


def kind_of(quote: str) -> FindingKind:
    """A statistic has a share, an amount or a large number; a quote repeats what someone said."""
    if _SPOKEN.search(quote):
        return "quote"
    return "statistic" if _STATISTIC.search(quote) else "claim"


def _findings(question: str, rows: Sequence[Evidence]) -> list[ResearchFinding]:
    by_kind: dict[FindingKind, list[Evidence]] = {}
    for row in rows:
        by_kind.setdefault(kind_of(row.quote), []).append(row)
    return [
        ResearchFinding(
            question=question,
            evidence=tuple(row.id for row in found),
            kind=kind,
            sources=tuple(dict.fromkeys(row.source for row in found)),
        )
        for kind, found in by_kind.items()
    ]


def _pairs(
    evidence: Sequence[Evidence], search: PassageSearch, threshold: float
) -> Iterable[tuple[Evidence, Evidence]]:
    """Pairs from different sources that speak of the same, by weighted words without figures; in source order."""
    evidence = sorted(evidence, key=lambda row: (len(row.source), row.source, row.start))
    bags = [[word for word in stems(row.quote) if not word[0].isdigit()] for row in evidence]
    for at, first in enumerate(evidence):
        for other in range(at + 1, len(evidence)):
            second = evidence[other]
            if first.source != second.source and cosine(bags[at], bags[other], search.idf) >= threshold:
                yield first, second


def _differ(first: Evidence, second: Evidence) -> str | None:
    """How the figures of two quotes differ, or None: same unit, ranges apart, and no figure in common."""
    left, right = quantities(first.quote), quantities(second.quote)
    for one in left:
        same_unit = [other for other in right if other.unit == one.unit]
        if same_unit and all(one.conflicts(other) for other in same_unit):
            return f"{first.source} says {one.text!r}, {second.source} says {same_unit[0].text!r}"
    return None


def _agreements(evidence: Sequence[Evidence], search: PassageSearch) -> tuple[tuple[str, str], ...]:
    alike = _pairs(evidence, search, _SAME_STATEMENT)
    return tuple((one.id, two.id) for one, two in alike if _differ(one, two) is None)[:_PAIRS]


def _disagreements(
    evidence: Sequence[Evidence], findings: Sequence[ResearchFinding], search: PassageSearch
) -> tuple[Disagreement, ...]:
    question_of = {row: finding.question for finding in findings for row in finding.evidence}
    found = []
    for one, two in _pairs(evidence, search, _SAME_SUBJECT):
        detail = _differ(one, two)
        if detail is not None:
            found.append(
                Disagreement(question=question_of.get(one.id, ""), evidence=(one.id, two.id), detail=detail)
            )
    return tuple(found[:_PAIRS])


def _gaps(
    brief: ContentBrief,
    unanswered: Sequence[str],
    search: PassageSearch,
    freshness: FreshnessReport | None,
    graph: TopicGraph | None,
) -> tuple[str, ...]:
    """What the evidence does not say, in words that a reader can act on."""
    silent = [k for k in brief.search_keywords if not _mentioned(k, search.passages, search)]
    gaps = [f"No evidence answers: {question}" for question in unanswered]
    gaps += [
        f"No passage treats: {keyword}"
        for keyword in dict.fromkeys((*silent, *(graph.gaps if graph else ())))
    ]
    if (
        freshness
        and freshness.deserves_freshness
        and freshness.ages
        and all(age.stale for age in freshness.ages)
    ):
        gaps.append(f"No source is newer than {freshness.max_age_days} days.")
    return tuple(gaps)


def _mentioned(phrase: str, passages: Sequence[Passage], search: PassageSearch) -> bool:
    wanted = frozenset(stems(phrase))
    found = (passage for passage, _ in search.search(phrase, len(passages)))
    return any(wanted.issubset(stems(f"{passage.heading} {search.text_of(passage)}")) for passage in found)
