"""Search over the passages of a job: by passage, then by sentence."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.bm25 import Bm25
from layers.text.words import stems


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSentence:
    """A sentence that answers a query: a slice ``text[start:end]`` of the source of its passage."""

    passage: Passage
    start: int
    end: int
    text: str
    score: float


class PassageSearch:
    """BM25 over passages, each read with the heading above it. Built once per step from the artifacts."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        self._texts = {source.id: source.text for source in sources.sources}
        self.passages = index.passages
        self._by_id = {passage.id: passage for passage in index.passages}
        self._bm25 = Bm25([stems(f"{p.heading}\n{self.text_of(p)}") for p in index.passages])

    def by_id(self, passage_id: str) -> Passage:
        """The passage with this id. Raises KeyError."""
        return self._by_id[passage_id]

    def idf(self, stem: str) -> float:
        """How rare a stem is among the passages."""
        return self._bm25.idf(stem)

    def search(self, query: str, k: int, exclude: Collection[str] = ()) -> list[tuple[Passage, float]]:
        """The ``k`` best passages with their scores, best first, without the passage ids in ``exclude``."""
        wanted = self._bm25.top(stems(query), k + len(exclude))
        found = [(self.passages[position], score) for position, score in wanted]
        return [(passage, score) for passage, score in found if passage.id not in exclude][:k]

    def text_of(self, passage: Passage) -> str:
        """The passage's text, verbatim."""
        return self._texts[passage.source][passage.start : passage.end]

    def sentences_of(self, passage: Passage) -> list[tuple[int, int, str]]:
        """The passage's sentences: (start, end, text), offsets into the source's text."""
        text = self._texts[passage.source]
        return [(start, end, text[start:end]) for start, end in passage.sentences]

    def best_sentences(self, query: str, passages: Sequence[Passage], k: int) -> list[FoundSentence]:
        """The ``k`` sentences of these passages that share most with the query, best first.

        Rare stems weigh more; sentences without any of them are left out. Equal scores keep passage order.
        """
        wanted = {stem: self.idf(stem) for stem in stems(query)}
        found = []
        for passage in passages:
            for start, end, text in self.sentences_of(passage):
                score = overlap(wanted, text)
                if score > 0:
                    found.append(FoundSentence(passage=passage, start=start, end=end, text=text, score=score))
        return sorted(found, key=lambda sentence: -sentence.score)[:k]


def overlap(wanted: dict[str, float], sentence: str) -> float:
    """Share of the weight of the ``wanted`` stems that the sentence has, held back for long sentences, 0..1."""
    have = stems(sentence)
    total = math.fsum(wanted.values())
    shared = math.fsum(wanted[stem] for stem in dict.fromkeys(have) if stem in wanted)
    return shared / total / (1 + len(have) / 100) if shared else 0.0
