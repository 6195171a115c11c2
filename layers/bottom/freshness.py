"""How old the sources are, and whether the topic deserves fresh ones."""

from __future__ import annotations

import asyncio
import re
from datetime import date

from layers.bottom.artifacts import FreshnessReport, Intent, Source, SourceAge, SourceSet
from layers.contract import ContentBrief, ContentType, ContentWarning, StepContext

_YEAR = re.compile(r"(?<![\d.,/-])(?:19[5-9]\d|20\d\d)(?![\d/]|\.\d|,\d{3})")
_DAYS_PER_YEAR = 365

# (reason, longest age in days, wording): the first that matches the topic decides.
_DESERVING = (
    ("the topic names the present or a recent year", 1 * _DAYS_PER_YEAR, re.compile(r"\b(?:latest|newest|recent|current(?:ly)?|today|now|this (?:year|month|week)|news|update[sd]?)\b", re.IGNORECASE)),
    ("the topic asks for what is coming", 2 * _DAYS_PER_YEAR, re.compile(r"\b(?:trends?|future|outlook|forecast|predictions?|state of|market|emerging)\b", re.IGNORECASE)),
    ("prices and offers change", 1 * _DAYS_PER_YEAR, re.compile(r"\b(?:prices?|pricing|costs?|deals?|best|top|reviews?|salary|rates?)\b", re.IGNORECASE)),
    ("law and guidance change", 2 * _DAYS_PER_YEAR, re.compile(r"\b(?:law|regulations?|compliance|policy|act|guidelines?|standards?|tax)\b", re.IGNORECASE)),
    ("the field moves fast", 3 * _DAYS_PER_YEAR, re.compile(r"\b(?:ai|artificial intelligence|machine learning|llms?|cloud|serverless|software|security|phishing|ransomware|crypto\w*|electric (?:cars?|vehicles?)|evs?|batter(?:y|ies)|solar|seo|smartphones?|covid\S*|vaccines?)\b", re.IGNORECASE)),
)  # fmt: skip
_LASTING = 10 * _DAYS_PER_YEAR


async def aggregate_freshness(context: StepContext) -> FreshnessReport:
    """Age every source by its stated date, or by the newest year in its text; judge against the topic."""
    sources, intent = context.need(SourceSet).sources, context.need(Intent)
    return await asyncio.to_thread(report_freshness, context.brief, intent, sources)


def report_freshness(brief: ContentBrief, intent: Intent, sources: tuple[Source, ...]) -> FreshnessReport:
    """The report; sources without any date are neither fresh nor stale."""
    deserves, reason, longest = _deserves(brief, intent)
    ages = tuple(_age(source, brief.today, longest) for source in sources)
    stale = tuple(age.source for age in ages if age.stale)
    undated = [age.source for age in ages if age.basis == "unknown"]
    warnings = []
    if stale and deserves:
        warnings.append(
            _warning("stale_sources", stale, f"Sources older than {longest} days: look for newer ones.")
        )
    if undated and deserves:
        warnings.append(
            _warning("undated_sources", undated, "The age of these sources is not known: state it.")
        )
    return FreshnessReport(
        deserves_freshness=deserves,
        reason=reason,
        max_age_days=longest,
        ages=ages,
        stale_sources=stale,
        warnings=tuple(warnings),
    )


def _deserves(brief: ContentBrief, intent: Intent) -> tuple[bool, str, int]:
    if brief.since is not None:
        return True, "the request sets a date", max(1, (brief.today - brief.since).days)
    if any(
        str(year) in brief.topic for year in (brief.today.year - 1, brief.today.year, brief.today.year + 1)
    ):
        return True, _DESERVING[0][0], _DESERVING[0][1]
    for reason, longest, wording in _DESERVING:
        if wording.search(brief.topic):
            return True, reason, longest
    if brief.content_type is ContentType.INDUSTRY_ANALYSIS:
        return True, "an industry analysis is about the present", 2 * _DAYS_PER_YEAR
    if intent.primary in ("commercial", "transactional"):
        return True, "offers change", 2 * _DAYS_PER_YEAR
    return False, "nothing in the topic asks for the newest", _LASTING


def _age(source: Source, today: date, longest: int) -> SourceAge:
    years = [int(year) for year in _YEAR.findall(source.text)]
    newest = max((year for year in years if year <= today.year), default=None)
    if source.published is not None:
        days = max(0, (today - source.published).days)
        return SourceAge(
            source=source.id, published=source.published, age_days=days, newest_year_in_text=newest,
            stale=days > longest, basis="metadata",
        )  # fmt: skip
    # what a text says of a year was written in that year at the earliest: its end is the kind reading
    least = max(0, (today - date(newest, 12, 31)).days) if newest is not None else None
    return SourceAge(
        source=source.id, published=None, age_days=least, newest_year_in_text=newest,
        stale=least is not None and least > longest, basis="text" if newest is not None else "unknown",
    )  # fmt: skip


def _warning(code: str, sources: tuple[str, ...] | list[str], fix: str) -> ContentWarning:
    return ContentWarning(severity="warning", code=code, where=", ".join(sources), fix=fix)
