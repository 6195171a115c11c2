"""Chooses the passages that the opening answer is written from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from layers.bottom.artifacts import QuestionForm
from layers.middle.outline.facets import FACETS
from layers.middle.outline.material import Material, Row
from layers.middle.outline.topic import Topic
from layers.text.bm25 import Bm25
from layers.text.words import stems

_PASSAGES = 3
_SHORT = 7  # words of a sentence that hardly opens an answer
_FEW_WORDS = 18
_FACET_OF_FORM: dict[QuestionForm, str] = {
    "definition": "definition",
    "overview": "definition",
    "how_to": "start",
    "cost": "cost",
    "why": "why",
    "comparison": "choice",
    "list": "benefits",
    "yes_no": "evidence",
}
_POINTS_BACK = re.compile(
    r"^(?:this|that|these|those|it|they|he|she|such|however|but|and|also|another|not|so|then|there|you|yes|no)\b|^[\"\u201c]",
    re.IGNORECASE,
)


def choose_answer(topic: Topic, form: QuestionForm, material: Material) -> tuple[str, ...]:
    """Ids of up to three passages, best first: about the topic, able to stand alone, openings preferred."""
    if not material.rows:
        return ()
    query = stems(f"{topic.title} {topic.subject} {topic.short}")
    found = Bm25([row.stems for row in material.rows]).scores(query)
    top = max(found.values(), default=0.0) or 1.0
    cue = FACETS[topic.focus or _FACET_OF_FORM[form]].cue
    ranked = sorted(
        range(len(material.rows)),
        key=lambda at: (-_worth(material.rows[at], topic, found.get(at, 0.0) / top, cue), at),
    )
    return _spread([material.rows[at] for at in ranked[: 4 * _PASSAGES]])


def _worth(row: Row, topic: Topic, relevance: float, cue: re.Pattern[str]) -> float:
    worth = 1.5 * relevance + 0.5 * row.fit + 0.4 * row.rank
    worth += 0.4 * bool(cue.search(row.sentences[0]))
    worth += 0.7 * row.opens
    worth += 0.5 * topic.named_in(frozenset(stems(row.sentences[0])))
    worth -= 1.0 * bool(_POINTS_BACK.match(row.sentences[0]) or len(row.sentences[0].split()) < _SHORT)
    worth -= 0.5 * (row.words < _FEW_WORDS)
    if topic.sides:
        worth += 0.5 * all(set(stems(side)).issubset(row.stems) for side in topic.sides)
    return worth


def _spread(ranked: Sequence[Row]) -> tuple[str, ...]:
    """The best of every source first; what is missing is filled by rank."""
    sources: set[str] = set()
    first: list[Row] = []
    for row in ranked:
        if row.passage.source not in sources:
            sources.add(row.passage.source)
            first.append(row)
    rest = [row for row in ranked if row not in first]
    return tuple(row.id for row in (*first, *rest)[:_PASSAGES])
