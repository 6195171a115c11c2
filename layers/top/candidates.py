"""Every sentence of the sources that an article may quote, with what is needed to choose between them."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.bm25 import Bm25
from layers.text.numbers import figures
from layers.text.similarity import jaccard
from layers.text.words import stems
from layers.top.cleaning import collapse, standing_alone, starts_with_connective, without_marks
from layers.top.suitability import is_aside, is_denied, is_procedure, is_usable, needs_antecedent

Vector = Mapping[str, float]

_SAME_HEADING: Final = 0.6
_DEFINITION: Final = re.compile(
    r"^(?P<subject>(?:(?:an?|the)\s)?(?:[\w’'/()-]+\s){1,7}?)(?:is|are|refers?\sto|means?|describes?|involves?|consists?\sof|denotes?)\s"
    r"(?:an?\s|the\s(?:use|process|practice|study|branch|ability|act)|any\s|when\s|software|systems?|technolog|methods?|programs?|attempts?|messages?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """One quotable sentence, made once and compared by identity.

    ``text`` is light-cleaned and stands right after its antecedent; ``alone`` is the form in which it may stand
    anywhere, or None for a sentence that leans on the one before it. ``place`` counts sentences of all sources,
    ``defined`` is the vector of what a definition defines, empty for any other sentence.
    """

    place: int
    passage: Passage
    start: int
    end: int
    quote: str
    text: str
    alone: str | None
    words: int
    vector: Vector
    figures: frozenset[str]
    defined: Vector
    aside: bool
    procedure: bool
    lead: bool

    @property
    def source(self) -> str:
        """The id of the source that says it."""
        return self.passage.source


class CandidatePool:
    """The candidates of one job in reading order, indexed by passage, with the neighbours of each."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        texts = {source.id: source.text for source in sources.sources}
        spans = _sentence_spans(index.passages)
        tokens = [stems(texts[passage.source][start:end]) for passage, start, end in spans]
        self._idf = Bm25(tokens).idf
        self.candidates: list[Candidate] = []
        firsts = {passage.source: passage.id for passage in reversed(index.passages)}
        self._openings = frozenset(firsts.values())
        self._by_passage: dict[str, list[Candidate]] = {}
        self._before: dict[int, Candidate] = {}
        self._after: dict[int, Candidate] = {}
        previous: tuple[str, int, Candidate | None] = ("", 0, None)
        for place, ((passage, start, end), bag) in enumerate(zip(spans, tokens, strict=True)):
            text = texts[passage.source]
            denied = is_denied(text[end : end + 40])
            candidate = None if denied else self._candidate(place, passage, start, text[start:end], bag)
            joined = previous[0] == passage.source and "\n\n" not in text[previous[1] : start]
            if candidate is not None:
                self.candidates.append(candidate)
                self._by_passage.setdefault(passage.id, []).append(candidate)
                if joined and previous[2] is not None:
                    self._before[place] = previous[2]
                    self._after[previous[2].place] = candidate
            previous = (passage.source, end, candidate)

    def _candidate(
        self, place: int, passage: Passage, start: int, quote: str, bag: Sequence[str]
    ) -> Candidate | None:
        text = without_marks(collapse(quote)) if quote.strip() else ""
        words = len(text.split())
        if not text or not is_usable(text, words) or not is_usable(collapse(quote), words):
            return None
        dependent = needs_antecedent(text)
        bare = standing_alone(text)
        if starts_with_connective(text):
            alone = None if needs_antecedent(bare) else bare
        else:
            alone = None if dependent else text
        return Candidate(
            place=place,
            passage=passage,
            start=start,
            end=start + len(quote),
            quote=quote,
            text=text,
            alone=alone,
            words=words,
            vector=self.vector(bag),
            figures=frozenset(figures(quote)),
            defined=self._defined(text) if alone is not None else {},
            aside=is_aside(text),
            procedure=is_procedure(text),
            lead=start == passage.start,
        )

    def _defined(self, text: str) -> Vector:
        found = _DEFINITION.match(text)
        return self.vector(stems(found["subject"])) if found else {}

    def vector(self, bag: Iterable[str]) -> Vector:
        """Unit-length idf-weighted vector of stems."""
        counts = Counter(bag)
        weights = {stem: times * self._idf(stem) for stem, times in sorted(counts.items())}
        norm = math.sqrt(math.fsum(weight * weight for weight in weights.values()))
        return {stem: weight / norm for stem, weight in weights.items()} if norm else {}

    def of_passages(self, passages: Iterable[str]) -> list[Candidate]:
        """The candidates of these passages, in the order of the passages."""
        return [found for passage in passages for found in self._by_passage.get(passage, ())]

    def headings_like(self, texts: Iterable[str]) -> frozenset[str]:
        """The headings of the sources that say nearly the same as one of ``texts``."""
        asked = [stems(text) for text in texts]
        headings = {candidate.passage.heading for candidate in self.candidates} - {""}
        return frozenset(
            heading
            for heading in headings
            if any(jaccard(stems(heading), bag) >= _SAME_HEADING for bag in asked)
        )

    def opens_source(self, candidate: Candidate) -> bool:
        """Whether it stands in the first passage of its source, where documents say what they are about."""
        return candidate.passage.id in self._openings

    def before(self, candidate: Candidate) -> Candidate | None:
        """The usable sentence directly before it in the same paragraph."""
        return self._before.get(candidate.place)

    def after(self, candidate: Candidate) -> Candidate | None:
        """The usable sentence directly after it in the same paragraph."""
        return self._after.get(candidate.place)

    def coverage(self, query: Vector, vector: Vector) -> float:
        """Which share of the query's weight a sentence covers, 0..1."""
        total = math.fsum(query.values())
        return math.fsum(weight for stem, weight in query.items() if stem in vector) / total if total else 0.0


def similarity(a: Vector, b: Vector) -> float:
    """Cosine of two unit-length vectors; fsum, so that the order of terms never matters."""
    if len(a) > len(b):
        a, b = b, a
    return math.fsum(weight * b[stem] for stem, weight in a.items() if stem in b)


def _sentence_spans(passages: Sequence[Passage]) -> list[tuple[Passage, int, int]]:
    """Each sentence once, even where passages overlap, in reading order."""
    seen: set[tuple[str, int]] = set()
    spans = []
    for passage in passages:
        for start, end in passage.sentences:
            if (passage.source, start) not in seen:
                seen.add((passage.source, start))
                spans.append((passage, start, end))
    return spans
