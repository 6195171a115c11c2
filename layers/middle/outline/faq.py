"""Chooses the questions of the FAQ part: what the sections leave unanswered and the evidence can answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from layers.middle.artifacts import FaqPlan, QueryPlan
from layers.middle.outline.candidates import HeadedRow
from layers.middle.outline.facets import FACETS, Facet
from layers.middle.outline.topic import Topic
from layers.middle.outline.wording import question_of
from layers.text.similarity import jaccard
from layers.text.words import stems

_LEANS = re.compile(
    r"\b(?:it|they|them|this|that|these|those)\b", re.IGNORECASE
)  # needs what stood before it
_PASSAGES = 2
_ALIKE = 0.6
_STANDALONE = (
    "cost",
    "rules",
    "lifespan",
    "environment",
    "mistakes",
    "outlook",
    "history",
    "risks",
    "benefits",
    "tools",
    "how",
)


def choose_faq(
    topic: Topic,
    headed: Sequence[HeadedRow],
    *,
    taken: Collection[str],
    headings: Sequence[str],
    facets: Collection[str],
    queries: QueryPlan | None,
    limit: int,
) -> tuple[FaqPlan, ...]:
    """Up to ``limit`` questions with passages that nothing else uses.

    ``taken`` are the passages of answer and sections, ``headings`` and ``facets`` what the sections already treat.
    Questions of the sources themselves come first, then facets without a section, then those of the query plan.
    """
    free = [item for item in headed if item.row.id not in taken]
    used: set[str] = set()
    chosen: list[FaqPlan] = []

    def offer(question: str, passages: Sequence[str]) -> None:
        fresh = tuple(row for row in passages if row not in used)[:_PASSAGES]
        said = [*headings, *(plan.question for plan in chosen)]
        if len(chosen) < limit and fresh and not any(_alike(question, other) for other in said):
            chosen.append(FaqPlan(question=question, passages=fresh))
            used.update(fresh)

    for question, passages in source_questions(free).items():
        offer(question, passages)
    for name in _STANDALONE:
        if name not in facets:
            offer(question_of(FACETS[name], topic), speaking(FACETS[name], topic, free))
    known = {item.row.id for item in free}
    for query in queries.queries if queries else ():
        if query.kind == "faq":
            offer(query.text, [row for row in query.passages if row in known])
    return tuple(chosen)


def speaking(facet: Facet, topic: Topic, free: Sequence[HeadedRow]) -> list[str]:
    """Passages with a sentence that names the topic and speaks of the facet, those under such a heading first."""
    found = []
    told = 0
    for item in free:
        under = bool(item.heading and facet.heading_cue.search(item.heading))
        cued = [text for text in item.row.sentences if facet.cue.search(text)]
        named = any(topic.named_in(frozenset(stems(text))) for text in cued)
        if named or (under and cued):
            found.append((under + named + item.row.fit, item.row.id))
            told += under or len(cued) > 1
    if len(found) < _PASSAGES and not told:
        return []
    return [row for _, row in sorted(found, key=lambda entry: -entry[0])]


def source_questions(headed: Sequence[HeadedRow]) -> dict[str, list[str]]:
    """The headings that are questions, with the passages under them."""
    by_heading: dict[str, list[str]] = {}
    for item in headed:
        if item.heading and item.heading.endswith("?") and not _LEANS.search(item.heading):
            by_heading.setdefault(item.heading, []).append(item.row.id)
    return by_heading


def _alike(question: str, other: str) -> bool:
    return jaccard(stems(question), stems(other)) > _ALIKE
