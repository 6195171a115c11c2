"""Chooses the questions of the FAQ part: what the sections leave unanswered and the evidence can answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from layers.middle.artifacts import FaqPlan, QueryPlan
from layers.middle.candidates import Candidate, HeadedRow, facet_candidate
from layers.middle.facets import FACETS
from layers.middle.topic import Topic
from layers.middle.wording import question_of
from layers.text.similarity import jaccard
from layers.text.words import stems

_PASSAGES = 2
_ALIKE = 0.6
_GOOD_SCORE = 0.3
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
    Questions of the sources themselves come first, then those of the query plan, then facets without a section.
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

    _offer_source_questions(free, offer)
    known = {item.row.id for item in free}
    for query in queries.queries if queries else ():
        if query.kind == "faq":
            offer(query.text, [row for row in query.passages if row in known])
    for name in _STANDALONE:
        candidate = facet_candidate(FACETS[name], free, "") if name not in facets else None
        if candidate:
            offer(question_of(FACETS[name], topic), _best(candidate))
    return tuple(chosen)


def _offer_source_questions(free: Sequence[HeadedRow], offer: Callable[[str, Sequence[str]], None]) -> None:
    by_heading: dict[str, list[str]] = {}
    for item in free:
        if item.heading and item.heading.endswith("?"):
            by_heading.setdefault(item.heading, []).append(item.row.id)
    for heading, passages in by_heading.items():
        offer(heading, passages)


def _best(candidate: Candidate) -> list[str]:
    good = [row for row, score in candidate.scores.items() if score >= _GOOD_SCORE]
    return sorted(good, key=lambda row: -candidate.scores[row])


def _alike(question: str, other: str) -> bool:
    return jaccard(stems(question), stems(other)) > _ALIKE
