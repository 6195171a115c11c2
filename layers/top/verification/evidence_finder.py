"""Finds the best evidence for a claim: a few candidate passages by BM25, then the support score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.bm25 import Bm25
from layers.text.words import stems
from layers.top.verification.support import EvidenceText, SupportScore, rarity, support_score

_LOOKED_AT: Final = 12
_WIDER_IS_WORTH: Final = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A span of a passage with how well it supports the claim."""

    passage: Passage
    start: int
    end: int
    support: SupportScore


class EvidenceFinder:
    """Searches all passages of one job; prepared once, used for every claim."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        self._texts = {source.id: source.text for source in sources.sources}
        self._titles = {source.id: source.title for source in sources.sources}
        self._by_id = {passage.id: passage for passage in index.passages}
        self._passages = index.passages
        self._ranking = Bm25([stems(self._text(passage)) for passage in index.passages])
        self._weight = rarity(self._ranking.idf)
        self._prepared = lru_cache(maxsize=2048)(EvidenceText)

    def weight(self, stem: str) -> float:
        """How much a stem tells, by how rare it is in the passages."""
        return self._weight(stem)

    def score(self, claim: str, evidence: str) -> SupportScore:
        """How well a piece of text supports the claim."""
        return support_score(claim, self._prepared(evidence), self._weight)

    def best(self, claim: str) -> Found | None:
        """The sentence, or pair of sentences, that supports the claim best; None where nothing shares a word."""
        spans = [found for passage in self._near(claim) for found in self._spans(claim, passage)]
        return max(spans, key=lambda found: (_worth(found), -found.start), default=None)

    def fit(self, claim: str, passage_id: str) -> float:
        """How much a passage, with the title and heading above it, is about the claim; 0 for an unknown one."""
        passage = self._by_id.get(passage_id)
        return self._in_place(claim, passage).fit if passage else 0.0

    def best_elsewhere(self, claim: str, not_in: Sequence[str]) -> tuple[str, SupportScore] | None:
        """The other source whose passage fits the claim best, with its score."""
        near = [passage for passage in self._near(claim) if passage.source not in not_in]
        scored = [(passage.source, self._in_place(claim, passage)) for passage in near]
        return max(scored, key=lambda item: (item[1].fit, item[1].score), default=None)

    def _in_place(self, claim: str, passage: Passage) -> SupportScore:
        above = f"{self._titles[passage.source]}. {passage.heading}"
        return support_score(claim, self._prepared(self._text(passage), above), self._weight)

    def _near(self, claim: str) -> list[Passage]:
        return [self._passages[place] for place, _ in self._ranking.top(stems(claim), _LOOKED_AT)]

    def _text(self, passage: Passage) -> str:
        return self._texts[passage.source][passage.start : passage.end]

    def _spans(self, claim: str, passage: Passage) -> Iterator[Found]:
        sentences = passage.sentences or ((passage.start, passage.end),)
        pairs = [(first[0], second[1]) for first, second in pairwise(sentences)]
        for start, end in (*sentences, *pairs):
            support = self.score(claim, self._texts[passage.source][start:end])
            yield Found(passage=passage, start=start, end=end, support=support)


def _worth(found: Found) -> float:
    """A pair of sentences must support clearly better than one to be quoted instead."""
    wide = (found.start, found.end) not in found.passage.sentences
    return found.support.score - _WIDER_IS_WORTH * wide
