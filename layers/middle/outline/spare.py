"""Sections from what no facet and no theme has taken, where the article would otherwise be shorter than asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from layers.middle.outline.allocation import NEEDED_SENTENCES, NEEDED_WORDS, Share
from layers.middle.outline.candidates import Candidate, HeadedRow
from layers.middle.outline.desk import Desk
from layers.middle.outline.headings import clean_heading
from layers.middle.outline.material import Row
from layers.middle.outline.themes import main_part
from layers.text.similarity import jaccard
from layers.text.words import stems

SPARE: Final = "spare:"
_SAME: Final = 0.5


def spare_shares(desk: Desk, free: Sequence[HeadedRow], shares: Sequence[Share]) -> list[Share]:
    """Rows that are left, by the heading they stand under or the title of their source, while there is room.

    What is left under a heading that names nothing printable stays for the end of the article.
    """
    taken = {row for share in shares for row in share.passages}
    words = sum(share.words for share in shares)
    groups: dict[tuple[str, str], list[Row]] = {}
    for item in free:
        heading = item.heading or _title(desk, item.row)
        if item.row.id not in taken and heading:
            groups.setdefault((item.row.passage.source, heading), []).append(item.row)
    headings = [share.candidate.heading for share in shares]
    found: list[Share] = []
    for (source, heading), rows in groups.items():
        if words >= desk.words_wanted or len(shares) + len(found) >= desk.budget.sections:
            break
        share = _share(len(found), source, heading, rows, desk)
        known = any(jaccard(stems(heading), stems(other)) > _SAME for other in headings)
        if share.sentences >= NEEDED_SENTENCES and share.words >= NEEDED_WORDS and not known:
            found.append(share)
            headings.append(heading)
            words += share.words
    return found


def _title(desk: Desk, row: Row) -> str | None:
    """The title of a row's source as a heading, unless it says no more than the topic."""
    title = desk.material.sources[row.passage.source].title
    heading = clean_heading(main_part(title, desk.topic_stems), desk.casing)
    return heading if heading and set(stems(heading)) - desk.topic_stems else None


def _share(number: int, source: str, heading: str, rows: Sequence[Row], desk: Desk) -> Share:
    order = list(desk.material.sources)
    candidate = Candidate(
        key=f"{SPARE}{number}",
        heading=heading,
        scores={row.id: row.fit for row in rows},
        evidence={row.id: len(row.sentences) for row in rows},
        place=order.index(source) / len(order),
        sources=frozenset((source,)),
    )
    return Share(
        candidate=candidate,
        passages=tuple(row.id for row in rows),
        sentences=sum(len(row.sentences) for row in rows),
        words=sum(row.words for row in rows),
    )
