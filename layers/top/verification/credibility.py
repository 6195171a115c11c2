"""How far a source can be relied on: a sum of named parts, each with its reason. No hidden weight, no lookup.

What counts how much depends on the audience: businesses need checkable works and dates, consumers need an
accountable publisher first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from layers.bottom.artifacts import Source
from layers.contract import Audience
from layers.top.artifacts import CredibilityPart, SourceCredibility

_OFFICIAL: Final = re.compile(
    r"(?:^|\.)(?:gov|mil|int|gouv|gob|govt|bund|europa)(?:\.[a-z]{2,3})?$|\.go\.[a-z]{2}$|^europa\.eu$"
)
_ACADEMIC: Final = re.compile(r"\.edu(?:\.[a-z]{2})?$|\.ac\.[a-z]{2}$|^(?:doi|arxiv|pubmed)\.org$")
_SCHOLARLY: Final = frozenset(
    [
        "nature.com",
        "science.org",
        "nejm.org",
        "thelancet.com",
        "bmj.com",
        "cell.com",
        "springer.com",
        "sciencedirect.com",
        "wiley.com",
        "plos.org",
        "jamanetwork.com",
        "ieee.org",
        "acm.org",
        "frontiersin.org",
        "mdpi.com",
        "tandfonline.com",
        "oup.com",
        "cambridge.org",
        "pnas.org",
    ]
)
_ANYONE: Final = frozenset(
    [
        "medium.com",
        "blogspot.com",
        "wordpress.com",
        "substack.com",
        "quora.com",
        "reddit.com",
        "tumblr.com",
        "wixsite.com",
        "weebly.com",
        "youtube.com",
        "facebook.com",
        "x.com",
        "twitter.com",
        "linkedin.com",
        "pinterest.com",
        "tiktok.com",
        "hubpages.com",
        "ezinearticles.com",
    ]
)
_REFERENCE_WORKS: Final = frozenset(["wikipedia.org", "britannica.com"])
_FRESH_DAYS: Final = 3 * 365

_CRITERIA: Final[Mapping[Audience, Mapping[str, float]]] = {
    Audience.B2B: {"publisher": 0.25, "works": 0.30, "author": 0.10, "date": 0.15, "corroboration": 0.15, "transport": 0.05},
    Audience.B2C: {"publisher": 0.35, "works": 0.15, "author": 0.15, "date": 0.10, "corroboration": 0.15, "transport": 0.10},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A part before it is weighted: share 0..1 of what the criterion can give."""

    name: str
    share: float
    reason: str


def credibility(
    source: Source, *, audience: Audience, today: date, corroborated_by: tuple[str, ...]
) -> SourceCredibility:
    """The credibility of ``source``, 0..1; ``corroborated_by`` are other sources that support its evidence."""
    weights = _CRITERIA[audience]
    judged = (
        _publisher(source),
        _works(source),
        _author(source),
        _date(source, today),
        _corroboration(corroborated_by),
        _transport(source),
    )
    parts = tuple(
        CredibilityPart(name=part.name, value=round(weights[part.name] * part.share, 3), reason=part.reason)
        for part in judged
    )
    return SourceCredibility(source=source.id, score=round(sum(part.value for part in parts), 3), parts=parts)


def _publisher(source: Source) -> _Judged:
    domain = (source.registrable_domain or "").lower()
    if not domain:
        return _Judged(
            name="publisher",
            share=0.4,
            reason="a document without a web address, supplied or from the library",
        )
    if _OFFICIAL.search(domain) or domain == "who.int":
        return _Judged(name="publisher", share=1.0, reason=f"{domain} is a registry for public bodies")
    if _ACADEMIC.search(domain) or domain in _SCHOLARLY:
        return _Judged(name="publisher", share=0.95, reason=f"{domain} is an academic or scholarly publisher")
    if domain in _ANYONE:
        return _Judged(name="publisher", share=0.05, reason=f"on {domain} anyone can publish")
    if domain in _REFERENCE_WORKS:
        return _Judged(name="publisher", share=0.6, reason=f"{domain} is an edited reference work")
    if domain.endswith(".org"):
        return _Judged(name="publisher", share=0.5, reason=f"{domain} is registered under .org")
    return _Judged(name="publisher", share=0.35, reason=f"{domain} is an ordinary domain")


def _works(source: Source) -> _Judged:
    if source.doi:
        return _Judged(name="works", share=1.0, reason=f"has the DOI {source.doi}")
    checkable = sum(bool(reference.doi or reference.url) for reference in source.references)
    if checkable:
        share = min(1.0, 0.4 + 0.1 * checkable)
        return _Judged(name="works", share=share, reason=f"names {checkable} works with a DOI or address")
    if source.references:
        return _Judged(
            name="works", share=0.25, reason=f"names {len(source.references)} works without an address"
        )
    return _Judged(name="works", share=0.0, reason="names no works behind its statements")


def _author(source: Source) -> _Judged:
    if source.author:
        return _Judged(name="author", share=1.0, reason=f"signed by {source.author}")
    return _Judged(name="author", share=0.0, reason="no author named")


def _date(source: Source, today: date) -> _Judged:
    if source.published is None:
        return _Judged(name="date", share=0.0, reason="no date of publication")
    age = (today - source.published).days
    if age <= _FRESH_DAYS:
        return _Judged(
            name="date", share=1.0, reason=f"published {source.published.isoformat()}, within three years"
        )
    return _Judged(
        name="date", share=0.5, reason=f"published {source.published.isoformat()}, more than three years ago"
    )


def _corroboration(by: tuple[str, ...]) -> _Judged:
    if not by:
        return _Judged(name="corroboration", share=0.0, reason="no other source of this job says the same")
    return _Judged(
        name="corroboration", share=min(1.0, 0.5 * len(by)), reason=f"supported by {', '.join(by)}"
    )


def _transport(source: Source) -> _Judged:
    if source.url is None:
        return _Judged(name="transport", share=0.5, reason="read as a file, not over the network")
    secure = source.url.lower().startswith("https://")
    return _Judged(
        name="transport",
        share=float(secure),
        reason="served over HTTPS" if secure else "not served over HTTPS",
    )
