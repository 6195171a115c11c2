"""What an article is about, as something that sentences can be held against: the concepts of its topic."""

from __future__ import annotations

import math
from collections.abc import Iterable

from layers.bottom.gathering.relevance import acronyms, concepts
from layers.text.words import stems

_VAGUE_WEIGHT = 0.4


class Subject:
    """The concepts of a topic in the words of the sources: equivalents, acronyms, words of the same family."""

    def __init__(self, topic: str, texts: Iterable[str]) -> None:
        known = tuple(texts)
        vocabulary = {stem for text in known for stem in stems(text)}
        found = [concept.related(vocabulary) for concept in concepts(topic, acronyms(known))]
        self._weighted = [(concept.forms, _VAGUE_WEIGHT if concept.vague else 1.0) for concept in found]
        self._total = math.fsum(weight for _, weight in self._weighted)
        self._shares: dict[str, float] = {}

    def share(self, text: str) -> float:
        """Which share of the topic a text names, 0..1; all of it where the topic has no words."""
        if not self._total:
            return 1.0
        if text not in self._shares:
            row = f" {' '.join(stems(text))} "
            named = (weight for forms, weight in self._weighted if any(form in row for form in forms))
            self._shares[text] = math.fsum(named) / self._total
        return self._shares[text]

    def purity(self, phrase: str) -> float:
        """Which share of a phrase's content words name the topic, 0..1: 1/3 for "algorithmic bias in healthcare"."""
        row = f" {' '.join(stems(phrase))} "
        count = len(row.split())
        for form in sorted((form for forms, _ in self._weighted for form in forms), key=len, reverse=True):
            row = row.replace(form, " ")
        return 1 - len(row.split()) / count if count else 0.0
