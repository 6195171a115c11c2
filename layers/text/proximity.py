"""BM25 whose best documents are put in order by how close together they hold the words of the query.

What the query's words weigh in the best pair of neighbouring sentences is added, and a little for each pair of
words that follow each other in both. Weights were chosen on SciFact's training claims
(``benchmarks/content/retrieval.py``), where they lie in the middle of a plateau; feedback from the first documents
(RM3) was tried and made it worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from layers.text.bm25 import Bm25

_TITLE_TIMES: Final = 2
_K1: Final = 1.5
_LOOKED_AT: Final = 50
_TOGETHER: Final = 0.5
_IN_ORDER: Final = 0.4

Stems = Sequence[str]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document's neighbouring sentences as sets of stems, and its pairs of stems in sequence."""

    places: tuple[frozenset[str], ...]
    pairs: frozenset[tuple[str, str]]


class ProximityRanking:
    """Documents are given as (stems of the title, stems of each sentence) and named by their position."""

    def __init__(self, documents: Sequence[tuple[Stems, Sequence[Stems]]]) -> None:
        self._documents = documents
        self._bm25 = Bm25(
            [[*_TITLE_TIMES * list(title), *_flat(sentences)] for title, sentences in documents], k1=_K1
        )
        self._prepared: dict[int, _Prepared] = {}

    def idf(self, stem: str) -> float:
        """How rare a stem is among the documents."""
        return self._bm25.idf(stem)

    def top(self, query: Stems, k: int) -> list[tuple[int, float]]:
        """The ``k`` best documents with their scores, best first; equal scores in document order.

        Only the first 50 of BM25 are looked at again; what follows them keeps its place.
        """
        found = self._bm25.top(query, max(k, _LOOKED_AT))
        weights = {stem: self.idf(stem) for stem in query}
        pairs = frozenset(pairwise(query))
        near = [(place, score + self._nearness(place, weights, pairs)) for place, score in found[:_LOOKED_AT]]
        near.sort(key=lambda item: (-item[1], item[0]))
        return [*near, *found[_LOOKED_AT:]][:k]

    def _nearness(self, place: int, weights: Mapping[str, float], pairs: frozenset[tuple[str, str]]) -> float:
        document = self._prepared.get(place) or self._prepare(place)
        together = max(
            (
                math.fsum(weight for stem, weight in weights.items() if stem in found)
                for found in document.places
            ),
            default=0.0,
        )
        in_order = math.fsum(
            min(weights[one], weights[two]) for one, two in pairs if (one, two) in document.pairs
        )
        return _TOGETHER * together + _IN_ORDER * in_order

    def _prepare(self, place: int) -> _Prepared:
        title, sentences = self._documents[place]
        rows = [row for row in (title, *sentences) if row]
        following = [*rows[1:], ()]
        prepared = _Prepared(
            places=tuple(frozenset([*one, *two]) for one, two in zip(rows, following, strict=False)),
            pairs=frozenset(pair for row in rows for pair in pairwise(row)),
        )
        self._prepared[place] = prepared
        return prepared


def _flat(sentences: Sequence[Stems]) -> list[str]:
    return [stem for sentence in sentences for stem in sentence]
