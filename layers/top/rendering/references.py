"""Numbered citations: which source has which number, and the real works behind the quoted passages.

Numbers follow the order in which the article first cites a source. A link is made only from metadata of a
source or of a reference, never from running text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from layers.bottom.artifacts import Reference, Source, SourceSet
from layers.top.artifacts import Article, Evidence, Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedWork:
    """A reference of a source, and the ids of the sentences whose passages it stands behind."""

    reference: Reference
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedSource:
    """One entry of the source list: the document, the sentences that cite it, and the works behind them."""

    number: int
    source: Source
    sentences: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    works: tuple[CitedWork, ...]


class Citations:
    """The numbered source list of one article."""

    def __init__(self, article: Article, sources: SourceSet) -> None:
        self._evidence = {item.id: item for item in article.evidence}
        uses: dict[str, list[tuple[Sentence, Evidence]]] = {}
        for sentence in article.all_sentences():
            for evidence_id in sentence.evidence:
                item = self._evidence[evidence_id]
                uses.setdefault(item.source, []).append((sentence, item))
        self.entries = tuple(
            _entry(number, sources.by_id(source), cited)
            for number, (source, cited) in enumerate(uses.items(), start=1)
        )
        self._numbers = {entry.source.id: entry.number for entry in self.entries}

    def number_of(self, source: str) -> int | None:
        """The number of this source id in the list, or None where it is not cited."""
        return self._numbers.get(source)

    def of(self, sentence: Sentence) -> tuple[tuple[int, Evidence], ...]:
        """The citations of a sentence: number of the source and the quoted evidence, in order."""
        found = [self._evidence[evidence_id] for evidence_id in sentence.evidence]
        return tuple((self._numbers[item.source], item) for item in found)

    def works_behind(self, item: Evidence) -> tuple[Reference, ...]:
        """The references that stand behind one quoted passage."""
        works = self.entry(self._numbers[item.source]).works
        return tuple(work.reference for work in works if work.reference.number in item.references)

    def entry(self, number: int) -> CitedSource:
        """The entry with this number."""
        return self.entries[number - 1]


def _entry(number: int, source: Source, cited: Sequence[tuple[Sentence, Evidence]]) -> CitedSource:
    known = {reference.number: reference for reference in source.references}
    behind: dict[int, list[str]] = {}
    for sentence, item in cited:
        for reference in item.references:
            if reference in known and sentence.id not in behind.setdefault(reference, []):
                behind[reference].append(sentence.id)
    return CitedSource(
        number=number,
        source=source,
        sentences=tuple(dict.fromkeys(sentence.id for sentence, _ in cited)),
        evidence=tuple({item.id: item for _, item in cited}.values()),
        works=tuple(
            CitedWork(reference=known[number], sentences=tuple(sentences))
            for number, sentences in sorted(behind.items())
        ),
    )


def safe_url(url: str | None, doi: str | None = None) -> str | None:
    """An absolute http(s) address that is safe to link, made from metadata, or None.

    A DOI wins over a URL, because it keeps resolving (https://www.doi.org/doi-handbook/, section 3.8).
    """
    if doi:
        return "https://doi.org/" + quote(doi.removeprefix("https://doi.org/"), safe="/:;()._-")
    if url is None:
        return None
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        return None
    return quote(parts.geturl(), safe="/:?#[]@!$&()*+,;=%._~-")


def reference_title(reference: Reference) -> str:
    """What to call a reference: its title, else its full citation; never empty."""
    return (reference.title or reference.citation or f"Reference {reference.number}").strip()
