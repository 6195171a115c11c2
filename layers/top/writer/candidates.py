"""Every sentence of the sources that an article may quote, with what is needed to choose between them."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.bm25 import Bm25
from layers.text.numbers import figures
from layers.text.similarity import jaccard
from layers.text.words import stems
from layers.top.writer.antecedents import LOOK_BACK, Surroundings, introductions, reach
from layers.top.writer.cleaning import (
    collapse,
    marks_sentences,
    standing_alone,
    without_loose_marks,
    without_marks,
    without_own_test,
)
from layers.top.writer.suitability import (
    addresses_a_model,
    is_aside,
    is_cut_off,
    is_denied,
    is_procedure,
    is_usable,
    tells_myths,
)

Vector = Mapping[str, float]

_SAME_HEADING: Final = 0.6
_LONG_WORD: Final = 9  # letters
_SHORT_REPLY: Final = 12  # characters of "Not always."
_NEGATION: Final = re.compile(r"\b(?:no|not|never|neither|nor|none|without|cannot)\b|n['’]t\b", re.IGNORECASE)
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
    ``defined`` is the vector of what a definition defines, empty for any other sentence; ``long_words`` is a share.
    """

    place: int
    passage: Passage
    start: int
    end: int
    text: str
    alone: str | None
    words: int
    vector: Vector
    figures: frozenset[str]
    defined: Vector
    aside: bool
    procedure: bool
    lead: bool
    long_words: float = 0.0

    @property
    def denies(self) -> bool:
        """Whether it has a "not"."""
        return _NEGATION.search(self.text) is not None

    @property
    def source(self) -> str:
        """The id of the source that says it."""
        return self.passage.source


class CandidatePool:
    """The candidates of one job in reading order, indexed by passage, each with the sentences that it leans on.

    ``topic`` is what the article is about; its nouns need no introduction.
    """

    def __init__(self, sources: SourceSet, index: PassageIndex, topic: str = "") -> None:
        texts = {source.id: source.text for source in sources.sources}
        self._titles = {source.id: source.title for source in sources.sources}
        spans = _sentence_spans(index.passages)
        tokens = [stems(texts[passage.source][start:end]) for passage, start, end in spans]
        self._idf = Bm25(tokens).idf
        self.candidates: list[Candidate] = []
        firsts = {passage.source: passage.id for passage in reversed(index.passages)}
        self._marked: dict[str, bool] = {}
        self._openings = frozenset(firsts.values())
        self._heads: dict[tuple[str, str], Passage] = {}
        for passage in index.passages:
            self._heads.setdefault((passage.source, passage.heading), passage)
        self._by_passage: dict[str, list[Candidate]] = {}
        self._company: dict[int, tuple[Candidate, ...]] = {}
        self._beside: dict[int, Candidate] = {}
        page = _Page(frozenset(stems(topic)))
        for place, ((passage, start, end), bag) in enumerate(zip(spans, tokens, strict=True)):
            text = texts[passage.source]
            page.turn_to(passage.source, text, start)
            if page.paragraph_end <= start:
                page.open_paragraph(text, start)
            if passage.source not in self._marked:
                self._marked[passage.source] = marks_sentences(text)
            refuted = (
                is_cut_off(text, start, end)
                or is_denied(text[end : end + 40])
                or self._repeats_myths(passage)
                or page.distrusted
            )
            found = None if refuted else self._quotable(text[start:end], marked=self._marked[passage.source])
            needed = reach(standing_alone(found), page.around()) if found else None
            company = page.company(needed)
            candidate = None
            if found and company is not None:
                candidate = self._candidate(
                    place, passage, (start, end), text=found, bag=bag, company=company
                )
                self._enter(candidate, company, page.previous)
            page.read(text[start:end], end, candidate, company or ())

    def _enter(
        self, candidate: Candidate, company: tuple[Candidate, ...], previous: Candidate | None
    ) -> None:
        self.candidates.append(candidate)
        self._by_passage.setdefault(candidate.passage.id, []).append(candidate)
        self._company[candidate.place] = company
        if previous is not None:
            self._beside[candidate.place] = previous

    def _repeats_myths(self, passage: Passage) -> bool:
        return tells_myths(passage.heading) or tells_myths(self._titles[passage.source])

    @staticmethod
    def _quotable(quote: str, *, marked: bool) -> str | None:
        """The sentence light-cleaned, or None where it may not be quoted; ``marked`` ones end with a reference."""
        text = without_marks(collapse(quote)) if quote.strip() else ""
        text = without_loose_marks(text) if marked else text
        words = len(text.split())
        raw = without_own_test(collapse(quote))
        return text if text and is_usable(text, words) and is_usable(raw, words) else None

    def _candidate(
        self,
        place: int,
        passage: Passage,
        span: tuple[int, int],
        *,
        text: str,
        bag: Sequence[str],
        company: Sequence[Candidate],
    ) -> Candidate:
        alone = None if company else standing_alone(text)
        start, end = span
        return Candidate(
            place=place,
            passage=passage,
            start=start,
            end=end,
            text=text,
            alone=alone,
            words=len(text.split()),
            vector=self.vector(bag),
            figures=frozenset(figures(text)),
            defined=self._defined(text) if alone is not None else {},
            aside=is_aside(text),
            procedure=is_procedure(text),
            lead=start == passage.start,
            long_words=_share_of_long(text),
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

    def title_of(self, candidate: Candidate) -> str:
        """The title of the source that says it."""
        return self._titles[candidate.source]

    def under(self, headings: Collection[str]) -> list[Candidate]:
        """The candidates under these headings, in reading order."""
        return [found for found in self.candidates if found.passage.heading in headings]

    def begins_heading(self, candidate: Candidate) -> bool:
        """Whether it is the first sentence under its heading, or the second behind a mere "Yes" or "No"."""
        first = self._heads[candidate.source, candidate.passage.heading]
        starts = [start for start, _ in first.sentences[:2]]
        if candidate.start not in starts:
            return False
        return candidate.start == starts[0] or first.sentences[0][1] - starts[0] <= _SHORT_REPLY

    def opens_source(self, candidate: Candidate) -> bool:
        """Whether it stands in the first passage of its source, where documents say what they are about."""
        return candidate.passage.id in self._openings

    def before(self, candidate: Candidate) -> Candidate | None:
        """The usable sentence directly before it in the same paragraph."""
        return self._beside.get(candidate.place)

    def company(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """The sentences directly before it that must stand there wherever it is quoted, in order."""
        return self._company[candidate.place]

    def coverage(self, query: Vector, vector: Vector) -> float:
        """Which share of the query's weight a sentence covers, 0..1."""
        total = math.fsum(query.values())
        return math.fsum(weight for stem, weight in query.items() if stem in vector) / total if total else 0.0


@dataclass(slots=True)
class _Page:
    """What has been read of a source so far: the paragraph at hand and everything introduced before."""

    topic: frozenset[str]
    source: str = ""
    end: int = 0
    paragraph_end: int = 0
    distrusted: bool = False
    introduced: set[str] = field(default_factory=set)
    paragraph: list[tuple[str, Candidate | None, tuple[Candidate, ...]]] = field(default_factory=list)

    @property
    def previous(self) -> Candidate | None:
        """The sentence before, where it may be quoted."""
        return self.paragraph[-1][1] if self.paragraph else None

    def turn_to(self, source: str, text: str, start: int) -> None:
        """Go to the sentence that begins at ``start``; only blanks part it from one in the same paragraph."""
        if source != self.source:
            self.introduced = set()
            self.paragraph_end = 0
        if source != self.source or text[self.end : start].strip(" "):
            self.paragraph = []
        self.source = source

    def open_paragraph(self, text: str, start: int) -> None:
        """Look over the paragraph that begins here as a whole, before any sentence of it is trusted."""
        blank = text.find("\n\n", start)
        self.paragraph_end = len(text) if blank < 0 else blank
        self.distrusted = addresses_a_model(text[start : self.paragraph_end])

    def around(self) -> Surroundings:
        """What the sentence at hand may lean on."""
        before = [text for text, _, _ in self.paragraph[-LOOK_BACK:]]
        return Surroundings(before=before, introduced=self.introduced, topic=self.topic)

    def company(self, needed: int | None) -> tuple[Candidate, ...] | None:
        """The last ``needed`` sentences with all that those lean on; None where one of them may not be quoted."""
        if needed is None:
            return None
        company: tuple[Candidate, ...] = ()
        while len(company) < needed:
            _, candidate, leaning_on = self.paragraph[-len(company) - 1]
            if candidate is None:
                return None
            company = (candidate, *company)
            needed = max(needed, len(company) + len(leaning_on))
        return company if len(company) <= LOOK_BACK else None

    def read(self, text: str, end: int, candidate: Candidate | None, company: tuple[Candidate, ...]) -> None:
        """Go on behind the sentence."""
        self.paragraph.append((text, candidate, company))
        self.introduced |= introductions(text)
        self.end = end


def _share_of_long(text: str) -> float:
    """Which share of the words is longer than everyday words are, 0..1."""
    found = text.split()
    return sum(len(word.strip(".,;:()")) >= _LONG_WORD for word in found) / len(found)


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
