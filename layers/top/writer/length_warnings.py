"""Says so where an article is shorter than planned: nothing is padded beyond the evidence."""

from __future__ import annotations

from typing import Final

from layers.contract import ContentWarning
from layers.middle.artifacts import Outline

LENGTH_CODES: Final = frozenset({"short_of_target", "short_answer"})


def length_warnings(outline: Outline, words: int, answer_words: int) -> tuple[ContentWarning, ...]:
    """The warnings for an article of ``words`` words that opens with an answer of ``answer_words``."""
    warnings = []
    if words < outline.min_words:
        warnings.append(
            ContentWarning(
                severity="warning",
                code="short_of_target",
                where=f"article: {words} of at least {outline.min_words} words",
                fix="Give more or longer sources on the topic; nothing is padded beyond the evidence.",
            )
        )
    if answer_words < outline.answer_words[0]:
        warnings.append(
            ContentWarning(
                severity="warning",
                code="short_answer",
                where="article.answer",
                fix="Give a source that answers the topic's question in plain sentences.",
            )
        )
    return tuple(warnings)
