"""Search over the passages of a job: by passage, then by sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.proximity import ProximityRanking
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
    """Ranks passages, each read with the heading above it. Built once per step from the artifacts."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        self._texts = {source.id: source.text for source in sources.sources}
        self.passages = index.passages
        self._by_id = {passage.id: passage for passage in index.passages}
        self._ranking = ProximityRanking(
            [(stems(p.heading), [stems(text) for *_, text in self.sentences_of(p)]) for p in index.passages]
        )

    def by_id(self, passage_id: str) -> Passage:
        """The passage with this id. Raises KeyError."""
        return self._by_id[passage_id]

    def idf(self, stem: str) -> float:
        """How rare a stem is among the passages."""
        return self._ranking.idf(stem)

    def search(self, query: str, k: int, exclude: Collection[str] = ()) -> list[tuple[Passage, float]]:
        """The ``k`` best passages with their scores, best first, without the passage ids in ``exclude``."""
        wanted = self._ranking.top(stems(query), k + len(exclude))
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
        places = [(passage, place) for passage in passages for place in self.sentences_of(passage)]
        scores = score_sentences(wanted, [[text for *_, text in self.sentences_of(p)] for p in passages])
        found = [
            FoundSentence(passage=passage, start=start, end=end, text=text, score=score)
            for (passage, (start, end, text)), score in zip(places, scores, strict=True)
            if score > 0
        ]
        return sorted(found, key=lambda sentence: -sentence.score)[:k]


def score_sentences(wanted: Mapping[str, float], passages: Sequence[Sequence[str]]) -> list[float]:
    """Share of the ``wanted`` weight that each sentence of each passage holds, in order, 0..1.05.

    A stem that most of the sentences share tells them apart less and weighs half; between equals the later
    sentence of a passage, which tends to conclude, comes first.
    """
    bags = [[set(stems(sentence)) for sentence in passage] for passage in passages]
    total = sum(map(len, bags))
    having = Counter(stem for passage in bags for bag in passage for stem in bag if stem in wanted)
    weights = {stem: weight / (1 + having[stem] / total) for stem, weight in wanted.items()} if total else {}
    whole = math.fsum(weights.values()) or 1.0
    scores = []
    for passage in bags:
        for place, bag in enumerate(passage):
            shared = math.fsum(weights[stem] for stem in sorted(bag & weights.keys()))
            scores.append(shared / whole * (1 + 0.05 * place / len(passage)))
    return scores
