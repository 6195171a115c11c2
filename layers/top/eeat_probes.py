"""The probes behind the E-E-A-T signals: each says where it found its signal, or None.

The questions follow Google's guidance on helpful content (who made it, how, why) and the four pillars of its
search quality rater guidelines. They are editorial advice; none is a ranking factor by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from layers.bottom.artifacts import FreshnessReport, Source, SourceSet
from layers.contract import ContentBrief
from layers.text.numbers import figures
from layers.top.artifacts import Article, CitationReport, Evidence, FactReport

_EXAMPLE = re.compile(
    r"\b(?:for example|for instance|such as|case study|in practice|experiment|trial|pilot)\b", re.IGNORECASE
)
_LIMITS = re.compile(
    r"\b(?:risks?|limit\w*|drawbacks?|challenges?|caveats?|concerns?|safe|safety|mistakes?|against)\b",
    re.IGNORECASE,
)
_ACTION = re.compile(r"\b(?:how to|start|steps?|practice|choos\w+|need|implement\w*)\b", re.IGNORECASE)
_SPOKEN = re.compile(r"[\"\u201c][^\"\u201d]{15,}[\"\u201d]")
_OFFICIAL = re.compile(r"(?:^|\.)(?:gov|edu|int|mil)(?:\.[a-z]{2})?$|\.ac\.[a-z]{2}$|(?:^|\.)europa\.eu$")
_CREDIBLE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that a probe may look at."""

    brief: ContentBrief
    article: Article
    sources: SourceSet
    citations: CitationReport | None
    freshness: FreshnessReport | None
    facts: FactReport | None

    @property
    def cited(self) -> tuple[Source, ...]:
        """The sources that the article quotes, in source order."""
        ids = {row.source for row in self.article.evidence}
        return tuple(source for source in self.sources.sources if source.id in ids)


def _some(found: Collection[object], what: str, least: int = 1) -> str | None:
    return f"{len(found)} {what}" if len(found) >= least else None


def own_material(known: Known) -> str | None:
    """The request brings sources of its own that the article quotes."""
    given = [source for source in known.cited if source.origin == "request"]
    return _some(given, "of the request's own sources quoted")


def examples(known: Known) -> str | None:
    """Cases and examples in the text."""
    return _some(
        [s for s in known.article.all_sentences() if _EXAMPLE.search(s.text)],
        "sentences with a case or example",
        2,
    )


def quoted_voices(known: Known) -> str | None:
    """Words of people, as a source reports them."""
    return _some(
        [row for row in known.article.evidence if _SPOKEN.search(row.quote)],
        "quotes with someone's own words",
    )


def practical_advice(known: Known) -> str | None:
    """A section that tells what to do."""
    found = [s.heading for s in known.article.sections if s.form == "steps" or _ACTION.search(s.heading)]
    return f"section {found[0]!r}" if found else None


def named_author(known: Known) -> str | None:
    """Who signs the article."""
    return known.brief.author.name if known.brief.author else None


def author_credentials(known: Known) -> str | None:
    """Why the author may be believed, in the caller's words."""
    return known.brief.author.credentials if known.brief.author else None


def author_page(known: Known) -> str | None:
    """Where to read about the author."""
    return known.brief.author.url if known.brief.author else None


def statistics(known: Known) -> str | None:
    """Figures with a source."""
    return _some([row for row in known.article.evidence if figures(row.quote)], "quotes with figures", 3)


def depth(known: Known) -> str | None:
    """More than the surface: several sections, each with evidence."""
    found = [s for s in known.article.sections if sum(bool(x.evidence) for x in s.sentences) > 1]
    return _some(found, "sections with two or more cited sentences", 3)


def scholarly_basis(known: Known) -> str | None:
    """Sources with a DOI, or whose references have one."""
    found = [s for s in known.cited if s.doi or any(reference.doi for reference in s.references)]
    return _some(found, "sources rest on works with a DOI")


def source_diversity(known: Known) -> str | None:
    """Not one voice alone."""
    return _some(
        {s.registrable_domain or s.locator for s in known.cited}, "different publishers or documents cited", 3
    )


def official_sources(known: Known) -> str | None:
    """Public bodies and universities."""
    domains = {
        s.registrable_domain
        for s in known.cited
        if s.registrable_domain and _OFFICIAL.search(s.registrable_domain)
    }
    return ", ".join(sorted(domains)) or None


def traceable_references(known: Known) -> str | None:
    """Quotes with the source's own reference behind them."""
    return _some(
        [row for row in known.article.evidence if row.references], "quotes with the reference behind them"
    )


def corroboration(known: Known) -> str | None:
    """Claims that a second source carries too."""
    found = [fact for fact in known.facts.facts if fact.supporting] if known.facts else []
    return _some(found, "claims found in another source too")


def credible_sources(known: Known) -> str | None:
    """Most of the cited sources are credible by their named parts."""
    cited = {source.id for source in known.cited}
    scores = [c.score for c in known.citations.credibility if c.source in cited] if known.citations else []
    good = [score for score in scores if score >= _CREDIBLE]
    return (
        f"{len(good)} of {len(scores)} cited sources score {_CREDIBLE} or more"
        if 2 * len(good) > len(scores)
        else None
    )


def every_claim_cited(known: Known) -> str | None:
    """No claim without evidence."""
    claims = [s for s in known.article.all_sentences() if s.kind != "editorial"]
    return f"all {len(claims)} claims carry evidence" if claims and all(s.evidence for s in claims) else None


def verified_citations(known: Known) -> str | None:
    """The citations were checked and nearly all hold."""
    report = known.citations
    return (
        f"{report.precision:.0%} of the cited claims are supported"
        if report and report.precision >= 0.9
        else None
    )


def checked_figures(known: Known) -> str | None:
    """Every figure stands in its evidence."""
    quotes = {row.id: row for row in known.article.evidence}
    told = [s for s in known.article.all_sentences() if s.evidence and figures(s.text)]
    good = [s for s in told if _covered(s.text, [quotes[row] for row in s.evidence if row in quotes])]
    return (
        f"the figures of {len(told)} sentences stand in their quotes"
        if told and len(good) == len(told)
        else None
    )


def _covered(text: str, rows: Collection[Evidence]) -> bool:
    held = {figure for row in rows for figure in (*row.numbers, *figures(row.quote))}
    return held.issuperset(figures(text))


def dated_sources(known: Known) -> str | None:
    """Readers can see how old the sources are."""
    dated = [s for s in known.cited if s.published]
    return f"all {len(dated)} cited sources are dated" if dated and len(dated) == len(known.cited) else None


def fresh_sources(known: Known) -> str | None:
    """No cited source is too old for the question."""
    report = known.freshness
    if report is None or any(source.id in report.stale_sources for source in known.cited):
        return None
    return f"no cited source is older than {report.max_age_days} days" if known.cited else None


def limits_named(known: Known) -> str | None:
    """The article speaks of risks or limits too."""
    found = [s.heading for s in known.article.sections if _LIMITS.search(s.heading)]
    return f"section {found[0]!r}" if found else None


def authorship_disclosed(known: Known) -> str | None:
    """How the text was made is known and can be told."""
    article = known.article
    if article.writer == "given":
        return None
    return (
        f"written by {article.model}"
        if article.model
        else "composed from quoted evidence, without a language model"
    )


def secure_sources(known: Known) -> str | None:
    """Every linked source is served over HTTPS."""
    linked = [s.url for s in known.cited if s.url]
    safe = linked and all(url.startswith("https://") for url in linked)
    return f"all {len(linked)} linked sources use HTTPS" if safe else None
