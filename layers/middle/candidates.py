"""Sections that could be written: the facets of the template, the themes of the sources, the caller's key points.

A candidate scores passages (how well they would carry it) and counts their evidence sentences. Which candidates
become sections is decided in :mod:`layers.middle.allocation`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from layers.middle.artifacts import SectionForm
from layers.middle.casing import Casing
from layers.middle.facets import FACETS, Facet
from layers.middle.headings import clean_heading
from layers.middle.material import Material, Row
from layers.middle.topic import Topic
from layers.text.similarity import jaccard
from layers.text.words import stems

_SAME_THEME = 0.5
_HEADING_SCORE = 0.6
_OWN_BLOCK = 0.55
_OWN_SOURCE = 0.35
_WHOLE = frozenset(("cost", "rules", "environment", "mistakes"))  # facets that are not parted into themes
_NAMED_SHARE = 0.1  # of a source's passages that name the topic, for its title to be a side of it
_WEAKEST = 0.3  # of the best score of the facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible section.

    ``scores`` and ``evidence`` are by passage id; ``place`` is where sources bring it and ``fit`` how much it is
    about the topic, both 0..1.
    """

    key: str
    heading: str
    scores: Mapping[str, float]
    evidence: Mapping[str, int]
    place: float = 0.0
    priority: float = 1.0
    form: SectionForm = "prose"
    fit: float = 1.0
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


def facet_candidate(
    facet: Facet, headed: Sequence[HeadedRow], heading: str, names: frozenset[str] = frozenset()
) -> Candidate:
    """The rows that speak of a facet: by their sentences, weighted by how rare its cue is, and by their heading.

    A facet that is about the subject itself counts only sentences that open with one of its ``names`` (stems).
    """
    opening = names if facet.of_subject else frozenset()
    hits = [sum(1 for text in item.row.sentences if _speaks(facet, text, opening)) for item in headed]
    found = sum(1 for hit in hits if hit)
    rarity = math.log(1 + len(headed) / max(1, found)) / math.log(1 + len(headed)) if len(headed) > 1 else 1.0
    scores, evidence = {}, {}
    for item, hit in zip(headed, hits, strict=True):
        under = bool(item.heading and facet.heading_cue.search(item.heading))
        score = item.row.fit * (rarity * hit / len(item.row.sentences) + (_HEADING_SCORE if under else 0.0))
        if item.facet == facet.name:
            score += _HEADING_SCORE
        if hit or (item.facet == facet.name and not opening):
            scores[item.row.id] = score
            evidence[item.row.id] = len(item.row.sentences) if under else hit
    floor = _WEAKEST * max(scores.values(), default=0.0)
    scores = {row: score for row, score in scores.items() if score >= floor}
    return Candidate(key=facet.name, heading=heading, scores=scores, evidence=evidence, form=facet.form)


def _speaks(facet: Facet, sentence: str, opening: frozenset[str]) -> bool:
    cue = facet.cue.search(sentence)
    return bool(cue and (not opening or opening & set(stems(sentence[: cue.start()]))))


def theme_candidates(headed: Sequence[HeadedRow], topic_stems: frozenset[str]) -> list[Candidate]:
    """One candidate per group of like source headings that say more than a facet's name."""
    groups: list[tuple[str, frozenset[str], list[Row]]] = []
    for item in headed:
        if item.heading is None or item.facet is not None:
            continue
        special = frozenset(stems(item.heading)) - topic_stems
        if not special:
            continue
        group = next((group for group in groups if jaccard(group[1], special) > _SAME_THEME), None)
        if group is None:
            group = (item.heading, special, [])
            groups.append(group)
        group[2].append(item.row)
    return [_theme(heading, special, rows, headed) for heading, special, rows in groups]


def _theme(
    heading: str, special: frozenset[str], rows: Sequence[Row], headed: Sequence[HeadedRow]
) -> Candidate:
    scores = {row.id: _OWN_BLOCK + 0.45 * row.fit for row in rows}
    evidence = {row.id: len(row.sentences) for row in rows}
    sources = frozenset(row.passage.source for row in rows)
    for item in headed:
        row = item.row
        if row.id not in scores and item.facet is None and len(special & set(row.stems)) == len(special) > 0:
            scores[row.id] = 0.4 * row.fit
            evidence[row.id] = sum(1 for text in row.sentences if special & set(stems(text)))
    place = math.fsum(row.place for row in rows) / len(rows)
    return Candidate(
        key=f"theme:{heading}",
        heading=heading,
        scores=scores,
        evidence=evidence,
        place=place,
        sources=sources,
    )


def _mean_fit(rows: Sequence[Row]) -> float:
    return math.fsum(row.fit for row in rows) / len(rows)


def title_candidates(
    material: Material, casing: Casing, topic: Topic, topic_stems: frozenset[str]
) -> list[Candidate]:
    """One candidate per source whose title names a side of the topic: how a broad topic is divided."""
    counts: dict[str, int] = defaultdict(int)
    for source in material.sources.values():
        for word in set(stems(source.title)):
            counts[word] += 1
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in material.rows:
        by_source[row.passage.source].append(row)
    found = []
    for source in material.sources.values():
        heading = clean_heading(without_topic(source.title, topic_stems), casing)
        special = frozenset(word for word in stems(source.title) if counts[word] == 1) - topic_stems
        rows = by_source[source.id]
        named = sum(1 for row in rows if topic.named_in(row.stems)) / max(1, len(rows))
        if heading and generic_facet(heading, topic_stems):
            continue
        on_topic = named >= _NAMED_SHARE or topic.named_in(stems(source.title))
        if heading and rows and on_topic and 0 < len(special) <= 5 and _carried(special, rows):
            found.append(_title(heading, special, source.id, rows, 0.5 + 0.5 * named))
    return found


def without_topic(title: str, topic_stems: frozenset[str]) -> str:
    """The rest of a title that only names the topic before its colon."""
    head, colon, rest = title.partition(":")
    return rest.strip() if colon and rest.strip() and topic_stems.issuperset(stems(head)) else title


def _carried(special: frozenset[str], rows: Sequence[Row]) -> bool:
    """Whether the running text speaks of what the title names, not only the title."""
    text = [word for row in rows for word in row.stems]
    return sum(text.count(word) >= 3 for word in special) * 2 >= len(special)


def _title(heading: str, special: Iterable[str], source: str, rows: Sequence[Row], fit: float) -> Candidate:
    wanted = frozenset(special)
    return Candidate(
        key=f"source:{source}",
        heading=heading,
        scores={row.id: _OWN_SOURCE + 0.3 * row.fit + 0.1 * bool(wanted & set(row.stems)) for row in rows},
        evidence={row.id: len(row.sentences) for row in rows},
        fit=fit,
        sources=frozenset((source,)),
    )
