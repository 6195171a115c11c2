"""The caller's key points as sections: worded as headings, and looked up in the evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from layers.contract import ContentWarning
from layers.middle.outline.allocation import NEEDED_SENTENCES
from layers.middle.outline.candidates import Candidate, generic_facet
from layers.middle.outline.casing import Casing, capitalise
from layers.middle.outline.material import Material
from layers.text.bm25 import Bm25
from layers.text.words import stems

_PRIORITY = 3.0
_REQUEST = re.compile(
    r"^(?:please\s+)?(?:explain|describe|discuss|cover|mention|include|show|highlight|address|outline|emphasi[sz]e|introduce|talk about"
    r"|focus on|touch on|list|give|provide)\s+(?:that\s+)?(?:the\s+|an?\s+)?",
    re.IGNORECASE,
)
_LONGEST = 10  # words
_COVERED = 0.6  # share of a key point's own words that a passage must hold


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPointReading:
    """What became of the key points: own candidates, facets to prefer, and warnings for those without evidence."""

    candidates: tuple[Candidate, ...]
    facets: frozenset[str]
    warnings: tuple[ContentWarning, ...]


def read_key_points(
    points: Sequence[str], material: Material, casing: Casing, topic_stems: frozenset[str]
) -> KeyPointReading:
    """Look every key point up; one that only names a facet prefers that facet instead of standing beside it."""
    candidates: list[Candidate] = []
    facets: set[str] = set()
    warnings: list[ContentWarning] = []
    search = Bm25([row.stems for row in material.rows] if points else [])
    for point in dict.fromkeys(" ".join(point.split()) for point in points):
        facet = generic_facet(point, topic_stems)
        if facet:
            facets.add(facet)
            continue
        candidate = _candidate(point, material, search, casing, topic_stems)
        if sum(candidate.evidence.values()) >= NEEDED_SENTENCES:
            candidates.append(candidate)
        else:
            warnings.append(without_evidence(point))
    return KeyPointReading(candidates=tuple(candidates), facets=frozenset(facets), warnings=tuple(warnings))


def without_evidence(point: str) -> ContentWarning:
    """The warning for a key point that no source carries."""
    return ContentWarning(
        severity="warning",
        code="key_point_without_evidence",
        where=point,
        fix="Add a source that treats this point, or word it as the sources do.",
    )


def key_point_heading(point: str, casing: Casing) -> str:
    """The point as a heading: without the instruction, and cut before a second clause where it is long."""
    asks = point.rstrip().endswith("?")
    text = _REQUEST.sub("", point.strip()).rstrip(" .!?;:")
    words = text.split()
    if len(words) > _LONGEST:
        clause = re.split(r"[,;:()]|\s(?:because|so that|in order to|which|while|whereas)\s", text)[0].split()
        words = clause if 1 < len(clause) <= _LONGEST else words[:_LONGEST]
    heading = capitalise(casing.inside(" ".join(words)))
    return f"{heading}?" if asks else heading


def _candidate(
    point: str, material: Material, search: Bm25, casing: Casing, topic_stems: frozenset[str]
) -> Candidate:
    wanted = frozenset(stems(_REQUEST.sub("", point)))
    special = (wanted - topic_stems) or wanted
    found = search.scores(sorted(wanted))
    top = max(found.values(), default=0.0) or 1.0
    scores: dict[str, float] = {}
    evidence: dict[str, int] = {}
    for at, row in enumerate(material.rows):
        held = special & (set(row.stems) | set(stems(row.passage.heading)))
        if special and len(held) >= _COVERED * len(special):
            scores[row.id] = 0.3 + 0.7 * found.get(at, 0.0) / top
            evidence[row.id] = sum(1 for text in row.sentences if special & set(stems(text)))
    return Candidate(
        key=f"point:{point}",
        heading=key_point_heading(point, casing),
        scores=scores,
        evidence=evidence,
        priority=_PRIORITY,
    )
