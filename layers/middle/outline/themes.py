"""The themes that the sources bring: the sides of the topic that headings and titles of sources name."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from layers.middle.outline.candidates import Candidate, HeadedRow, generic_facet, within
from layers.middle.outline.desk import Desk
from layers.middle.outline.headings import clean_heading
from layers.middle.outline.material import Row
from layers.text.similarity import jaccard
from layers.text.words import stems

_SAME_THEME = 0.5
_OWN_BLOCK = 0.55
_OWN_SOURCE = 0.35
_DIVIDED = 3  # sources with a side of their own, from which on the topic counts as divided among them
_TITLE_WORDS = 5  # words of its own that the title of a source may have
_SATURATION = 12.0  # weighted sentences beyond which a theme is not more worthy


def find_themes(desk: Desk, free: Sequence[HeadedRow]) -> list[Candidate]:
    """Possible themes, worthiest first: sources that treat one side of the topic, and the headings of the others.

    The headings inside a source about one side lean on its title, so they make no themes of their own.
    """
    rows = {item.row.id for item in free}
    titled = [within(candidate, rows) for candidate in title_candidates(desk)]
    themes = titled
    if len(titled) < _DIVIDED:
        aspects = frozenset(source for candidate in titled for source in candidate.sources)
        others = [item for item in free if item.row.passage.source not in aspects]
        themes = [*theme_candidates(others, desk.topic_stems), *titled]
    return sorted(themes, key=lambda theme: -_worthiness(theme))


def _worthiness(theme: Candidate) -> float:
    """Evidence, nearness to the topic, sources that share the theme, and the rank of the best of them."""
    return (
        min(theme.mass(), _SATURATION)
        * theme.fit**2
        * (0.6 + 0.4 * theme.rank)
        * (1 + 0.3 * (len(theme.sources) - 1))
    )


def theme_candidates(headed: Sequence[HeadedRow], topic_stems: frozenset[str]) -> list[Candidate]:
    """One candidate per group of like source headings that say more than a facet's name."""
    groups: list[tuple[str, frozenset[str], list[Row]]] = []
    for item in headed:
        if item.heading is None or item.facet is not None:
            continue
        special = frozenset(stems(item.heading)) - topic_stems
        if not special:
            continue
        group = next((group for group in groups if _same(group[1], special)), None)
        if group is None:
            group = (item.heading, special, [])
            groups.append(group)
        group[2].append(item.row)
    return [_theme(heading, special, rows, headed) for heading, special, rows in groups]


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return one <= other or other <= one or jaccard(one, other) > _SAME_THEME


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
        fit=_mean_fit(rows),
        rank=max(row.rank for row in rows),
        sources=sources,
    )


def _mean_fit(rows: Sequence[Row]) -> float:
    return math.fsum(row.fit for row in rows) / len(rows)


def title_candidates(desk: Desk) -> list[Candidate]:
    """One candidate per source whose title names a side of the topic: how a broad topic is divided.

    Titles that name the topic too count only where three sources divide it, and never where steps are told. Two
    sources divide nothing: each would fill one long section.
    """
    if len(desk.material.sources) < _DIVIDED:
        return []
    counts = Counter(word for source in desk.material.sources.values() for word in set(stems(source.title)))
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in desk.material.rows:
        by_source[row.passage.source].append(row)
    whole: set[str] = set()
    found = []
    for number, source in enumerate(desk.material.sources.values()):
        title = main_part(source.title, desk.topic_stems)
        heading = clean_heading(title, desk.casing)
        special = frozenset(word for word in stems(title) if counts[word] == 1) - desk.topic_stems
        rows = by_source[source.id]
        if not heading or not rows or generic_facet(heading, desk.topic_stems):
            continue
        if 0 < len(special) <= _TITLE_WORDS and _carried(special, rows):
            place = number / len(desk.material.sources)
            found.append(_title(heading, special, place, rows))
        if desk.topic.titles(stems(source.title)):
            whole.add(source.id)
    if len(found) >= _DIVIDED and not desk.tells_steps:
        return found
    return [candidate for candidate in found if not candidate.sources & whole]


def main_part(title: str, topic_stems: frozenset[str]) -> str:
    """The part of a title before its colon, or after it where the first part only names the topic."""
    head, _, rest = title.partition(": ")
    if not rest.strip():
        return title
    return rest.strip() if topic_stems.issuperset(stems(head)) else head.strip()


def _carried(special: frozenset[str], rows: Sequence[Row]) -> bool:
    """Whether the running text speaks of what the title names, not only the title."""
    text = [word for row in rows for word in row.stems]
    return sum(text.count(word) >= 3 for word in special) * 3 >= len(special)


def _title(heading: str, special: Iterable[str], place: float, rows: Sequence[Row]) -> Candidate:
    wanted = frozenset(special)
    source = rows[0].passage.source
    return Candidate(
        key=f"source:{source}",
        heading=heading,
        scores={row.id: _OWN_SOURCE + 0.3 * row.fit + 0.1 * bool(wanted & set(row.stems)) for row in rows},
        evidence={row.id: len(row.sentences) for row in rows},
        place=place,
        fit=_mean_fit(rows),
        rank=rows[0].rank,
        sources=frozenset((source,)),
    )
