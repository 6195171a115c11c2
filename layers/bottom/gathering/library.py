"""The local library as a searchable collection: read once per state, ranked per topic."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from layers.bottom.gathering.relevance import Concept, Relevance, Searchable, acronyms, concepts
from layers.bottom.reading.extraction import Extracted, extract
from layers.contract import RawDocument
from layers.text.bm25 import Bm25
from layers.text.words import stems

_KEPT_STATES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One document of the library, read."""

    document: RawDocument
    extracted: Extracted
    searchable: Searchable


class IndexedLibrary:
    """All documents of one state of a library with their index."""

    def __init__(self, documents: Sequence[RawDocument]) -> None:
        self.entries = tuple(_entry(document) for document in documents)
        self.expansions = acronyms(entry.extracted.content.text for entry in self.entries)
        self._bm25 = Bm25([f"{e.searchable.lead} {e.searchable.body}".split() for e in self.entries], k1=1.5)

    def concepts(self, topic: str) -> tuple[Concept, ...]:
        """The topic's concepts, with the acronyms that this library explains."""
        return concepts(topic, self.expansions)

    def relevance(self, topic: str) -> Relevance:
        """A judge for this topic, weighing by how rare its concepts are here."""
        return Relevance(self.concepts(topic), [entry.searchable for entry in self.entries])

    def select(self, topics: Sequence[str], limit: int) -> list[LibraryEntry]:
        """The ``limit`` best documents that are about one of the topics, best first."""
        judges = [self.relevance(topic) for topic in topics]
        forms = [form for topic in topics for concept in self.concepts(topic) for form in concept.forms]
        query = [stem for topic in topics for stem in stems(topic)] + [
            stem for form in forms for stem in form.split()
        ]
        ranked = (
            (self.entries[position], score) for position, score in self._bm25.top(query, len(self.entries))
        )
        scored = [
            (entry, score * max(judge.score(entry.searchable) for judge in judges))
            for entry, score in ranked
            if any(judge.is_relevant(entry.searchable) for judge in judges)
        ]
        return [entry for entry, _ in sorted(scored, key=lambda item: -item[1])[:limit]]


_states: OrderedDict[str, IndexedLibrary] = OrderedDict()
_guard = Lock()  # steps of several jobs read the library in worker threads


def indexed(documents: Sequence[RawDocument], fingerprint: str) -> IndexedLibrary:
    """The index of this state of a library, made once for all jobs of the process."""
    with _guard:
        if fingerprint not in _states:
            _states[fingerprint] = IndexedLibrary(documents)
            while len(_states) > _KEPT_STATES:
                _states.popitem(last=False)
        _states.move_to_end(fingerprint)
        return _states[fingerprint]


def _entry(document: RawDocument) -> LibraryEntry:
    extracted = extract(document)
    title = extracted.metadata.title or document.locator
    headings = [extracted.metadata.subjects, *(heading for _, heading in extracted.content.headings)]
    return LibraryEntry(
        document=document,
        extracted=extracted,
        searchable=Searchable.of(title, headings, extracted.content.text),
    )
