"""Which questions the FAQ takes up: those that people ask and that no section already answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layers.bottom.artifacts import KeywordPlan
from layers.middle.artifacts import Outline, QueryPlan
from layers.text.similarity import jaccard
from layers.text.words import stems

_SAME_QUESTION = 0.6
_ORPHAN = re.compile(
    r"\b(?:they|them|their|these|those|he|she|his|her|(?<!is )it(?! (?:safe|legal|possible|worth)\b)|this|its)\b",
    re.IGNORECASE,
)


def faq_questions(
    outline: Outline, queries: QueryPlan | None, keywords: KeywordPlan
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Questions with the passages that could answer them, best first, without near-duplicates."""
    asked = [outline.answer_question, outline.title]
    asked += [text for section in outline.sections for text in (section.heading, section.question)]
    known = [stems(text) for text in asked]
    for question, passages in _offered(outline, queries, keywords):
        bag = stems(question)
        if (
            bag
            and not _ORPHAN.search(question)
            and not any(jaccard(bag, other) > _SAME_QUESTION for other in known)
        ):
            known.append(bag)
            yield question, passages


def _offered(
    outline: Outline, queries: QueryPlan | None, keywords: KeywordPlan
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((entry.question, entry.passages) for entry in outline.faq)
    if queries is not None:
        yield from ((form.text, form.passages) for form in queries.queries if form.kind == "faq")
    yield from ((question.text, question.passages) for question in keywords.questions)
