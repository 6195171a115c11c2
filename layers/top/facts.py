"""factChecker: which claims of the article are worth checking, and what other sources say to them.

Three verdicts only: words and figures can show support, they cannot show contradiction.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.bottom.passage_search import PassageSearch
from layers.contract import StepContext
from layers.text.numbers import figures, names
from layers.top.artifacts import Article, Evidence, FactCheck, FactReport, Sentence, SupportStatus
from layers.top.evidence import EvidenceTable
from layers.top.verification.support import EvidenceText, support_score

_PASSAGES = 6
_SENTENCES = 5
_SUPPORTING = 3
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
    """The fact report for the article. Pure computing, done off the event loop."""
    return await asyncio.to_thread(
        report_facts, context.need(Article), context.need(SourceSet), context.need(PassageIndex)
    )


def report_facts(article: Article, sources: SourceSet, index: PassageIndex) -> FactReport:
    """The pure part of :func:`check_facts`."""
    search = PassageSearch(sources, index)
    table = EvidenceTable(sources, index)
    cited = {row.id: row for row in article.evidence}
    checks = []
    for sentence in article.all_sentences():
        worth = worth_checking(sentence)
        if worth:
            own = [cited[row] for row in sentence.evidence if row in cited]
            checks.append(_check(sentence, worth, own, search, table))
    used = {row for check in checks for row in check.supporting}
    return FactReport(facts=tuple(checks), evidence=tuple(row for row in table.as_tuple() if row.id in used))


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


def _check(
    sentence: Sentence,
    worth: tuple[str, ...],
    own: Sequence[Evidence],
    search: PassageSearch,
    table: EvidenceTable,
) -> FactCheck:
    others = _corroboration(sentence, {row.source for row in own}, search, table)
    status = _best_band([row.quote for row in (*own, *others)], sentence.text, search)
    return FactCheck(
        claim=sentence.id,
        text=sentence.text,
        worth=worth,
        status=status,
        supporting=tuple(row.id for row in others),
        note=_note(status, own, others),
    )


def _corroboration(
    sentence: Sentence, own: set[str], search: PassageSearch, table: EvidenceTable
) -> list[Evidence]:
    """Sentences of other sources that carry the claim in full, at most one per source, best first."""
    elsewhere = [passage.id for passage in search.passages if passage.source in own]
    passages = [found for found, _ in search.search(sentence.text, _PASSAGES, exclude=elsewhere)]
    rows: dict[str, Evidence] = {}
    for found in search.best_sentences(sentence.text, passages, _SENTENCES):
        if found.passage.source not in rows and _band(sentence.text, found.text, search) == "supported":
            rows[found.passage.source] = table.add(found.passage, found.start, found.end)
    return list(rows.values())[:_SUPPORTING]


def _band(claim: str, evidence: str, search: PassageSearch) -> SupportStatus:
    return support_score(claim, EvidenceText(evidence), search.idf).band


def _best_band(quotes: Sequence[str], claim: str, search: PassageSearch) -> SupportStatus:
    bands = {_band(claim, quote, search) for quote in quotes}
    best: tuple[SupportStatus, ...] = ("supported", "weak")
    return next((band for band in best if band in bands), "unsupported")


def _note(status: SupportStatus, own: Sequence[Evidence], others: Sequence[Evidence]) -> str:
    if others:
        return f"also found in {', '.join(row.source for row in others)}"
    if status == "unsupported":
        return "no source says so"
    if status == "weak":
        return "the sources say it only in part"
    return f"only {', '.join(dict.fromkeys(row.source for row in own))} says so"
