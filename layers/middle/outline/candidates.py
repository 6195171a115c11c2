"""Sections that could be written: the facets of the template, the themes of the sources, the caller's key points.

A candidate scores passages (how well they would carry it) and counts their evidence sentences. Which candidates
become sections is decided in :mod:`layers.middle.outline.allocation`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from layers.middle.artifacts import SectionForm
from layers.middle.outline.casing import Casing
from layers.middle.outline.facets import FACETS, Facet
from layers.middle.outline.headings import clean_heading
from layers.middle.outline.material import Material, Row
from layers.middle.outline.topic import Topic
from layers.text.words import stems

_HEADING_SCORE = 0.6
_WHOLE = frozenset(("cost", "rules", "environment", "mistakes"))  # facets that are not parted into themes
_WEAKEST = 0.3  # of the best score of the facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible section.

    ``scores`` and ``evidence`` are by passage id; ``place`` is where sources bring it, ``fit`` how much it is about
    the topic and ``rank`` how early its best source comes, all 0..1.
    """

    key: str
    heading: str
    scores: Mapping[str, float]
    evidence: Mapping[str, int]
    place: float = 0.0
    priority: float = 1.0
    form: SectionForm = "prose"
    fit: float = 1.0
    rank: float = 1.0
    sources: frozenset[str] = field(default_factory=frozenset)

    def mass(self) -> float:
        """How much good evidence there is, in sentences weighted by score."""
        return math.fsum(self.scores[row] * self.evidence[row] for row in self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadedRow:
    """A row under a printable heading of its source; ``facet`` is set where the heading only names a facet."""

    row: Row
    heading: str | None
    facet: str | None


def read_headings(material: Material, casing: Casing, topic_stems: frozenset[str]) -> list[HeadedRow]:
    """Every row with its cleaned heading and the facet that the heading names, if it names nothing more."""
    cache: dict[str, tuple[str | None, str | None]] = {}
    rows = []
    for row in material.rows:
        raw = row.passage.heading
        if raw not in cache:
            heading = clean_heading(raw, casing) if raw else None
            cache[raw] = (heading, generic_facet(heading, topic_stems) if heading else None)
        rows.append(HeadedRow(row=row, heading=cache[raw][0], facet=cache[raw][1]))
    return rows


def generic_facet(heading: str, topic_stems: frozenset[str]) -> str | None:
    """The facet that a heading names without saying anything more special, or None."""
    for facet in FACETS.values():
        if facet.heading_cue.search(heading):
            if facet.name in _WHOLE:
                return facet.name
            rest = facet.heading_cue.sub(" ", heading)
            rest = re.sub(r"^\s*(?:how|why|what|when|where|which)\b", " ", rest, flags=re.IGNORECASE)
            if not [word for word in stems(rest) if word not in topic_stems and len(word) > 2]:
                return facet.name
    return None


def facet_candidate(facet: Facet, headed: Sequence[HeadedRow], heading: str, topic: Topic) -> Candidate:
    """The rows that speak of a facet: by their sentences, weighted by how rare its cue is, and by their heading."""
    hits = [sum(1 for text in item.row.sentences if speaks(facet, text, topic)) for item in headed]
    found = sum(1 for hit in hits if hit)
    rarity = math.log(1 + len(headed) / max(1, found)) / math.log(1 + len(headed)) if len(headed) > 1 else 1.0
    scores, evidence = {}, {}
    for item, hit in zip(headed, hits, strict=True):
        row = item.row
        under = bool(item.heading and facet.heading_cue.search(item.heading))
        named_so = item.facet == facet.name and (facet.naming == "free" or topic.named_in(row.stems))
        if hit or named_so:
            share = rarity * hit / len(row.sentences)
            scores[row.id] = row.fit * (share + _HEADING_SCORE * under) + _HEADING_SCORE * named_so
            evidence[row.id] = len(row.sentences) if under else hit
    floor = _WEAKEST * max(scores.values(), default=0.0)
    scores = {row: score for row, score in scores.items() if score >= floor}
    return Candidate(key=facet.name, heading=heading, scores=scores, evidence=evidence, form=facet.form)


def speaks(facet: Facet, sentence: str, topic: Topic) -> bool:
    """Whether a sentence speaks of the facet, and of the subject where the facet asks for that."""
    cue = facet.cue.search(sentence)
    if cue is None or facet.naming == "free" or not topic.names:
        return cue is not None
    return topic.named_in(stems(sentence if facet.naming == "anywhere" else sentence[: cue.start()]))


def within(candidate: Candidate, rows: Collection[str]) -> Candidate:
    """The candidate with only these rows left to it."""
    return replace(
        candidate,
        scores={row: score for row, score in candidate.scores.items() if row in rows},
        evidence={row: count for row, count in candidate.evidence.items() if row in rows},
    )
