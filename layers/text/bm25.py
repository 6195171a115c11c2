"""BM25 ranking over an inverted index, in memory (Robertson and Zaragoza 2009)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest


class Bm25:
    """An index over documents given as stems; documents are named by their position.

    ``k1`` sets how fast repetitions of a stem stop counting, ``b`` how much long documents are held back.
    Weights are computed once: a query only adds them up.
    """

    def __init__(self, documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> None:
        self._count = len(documents)
        counts = [Counter(document) for document in documents]
        self._frequency = Counter(stem for count in counts for stem in count)
        mean = sum(map(len, documents)) / self._count if self._count else 0.0
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for position, count in enumerate(counts):
            norm = k1 * (1 - b + b * len(documents[position]) / mean) if mean else k1
            for stem, times in count.items():
                weight = self.idf(stem) * times * (k1 + 1) / (times + norm)
                self._postings.setdefault(stem, []).append((position, weight))

    def idf(self, stem: str) -> float:
        """How rare a stem is: positive always, highest for a stem that no document has."""
        having = self._frequency.get(stem, 0)
        return math.log(1 + (self._count - having + 0.5) / (having + 0.5))

    def scores(self, query_stems: Sequence[str]) -> dict[int, float]:
        """Score by document, of those that share at least one stem with the query."""
        scores: dict[int, float] = {}
        for stem in dict.fromkeys(query_stems):
            for position, weight in self._postings.get(stem, ()):
                scores[position] = scores.get(position, 0.0) + weight
        return scores

    def top(self, query_stems: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The ``k`` best documents with their scores, best first; equal scores in document order."""
        return nsmallest(k, self.scores(query_stems).items(), key=lambda item: (-item[1], item[0]))
