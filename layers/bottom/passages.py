"""Cut sources into passages: the unit that is searched, weighed and quoted."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator

from layers.bottom.artifacts import Passage, PassageIndex, Source, SourceSet
from layers.contract import StepContext
from layers.text.sentences import paragraphs, split_sentences
from layers.text.words import words

_SENTENCES = 3
_FEWEST_WORDS = 4

Span = tuple[int, int]


async def chunk_content(context: StepContext) -> PassageIndex:
    """Cut every source of the job into passages. Pure computing, done off the event loop."""
    sources = context.need(SourceSet).sources
    return await asyncio.to_thread(index_passages, sources)


def index_passages(sources: tuple[Source, ...]) -> PassageIndex:
    """Passages ``P1``, ``P2`` ... in source order, each inside one paragraph under one heading."""
    found = (passage for source in sources for passage in _passages_of(source))
    return PassageIndex(
        passages=tuple(
            passage.model_copy(update={"id": f"P{number}"}) for number, passage in enumerate(found, 1)
        )
    )


def _passages_of(source: Source) -> Iterator[Passage]:
    offsets = [offset for offset, _ in source.headings]
    for start, end in paragraphs(source.text):
        spans = [(start + a, start + b) for a, b in split_sentences(source.text[start:end], lines=True)]
        sentences = [span for span in spans if not _only_introduces(source.text[slice(*span)])]
        for group in _groups(sentences):
            begin, finish = group[0][0], group[-1][1]
            if len(words(source.text[begin:finish])) < _FEWEST_WORDS:
                continue
            section = bisect_right(offsets, begin)
            yield Passage(
                id="",
                source=source.id,
                start=begin,
                end=finish,
                heading=source.headings[section - 1][1] if section else "",
                sentences=tuple(group),
                references=_references(source, begin, finish),
            )


def _only_introduces(sentence: str) -> bool:
    """Whether it leads to a list ("You need:") and says nothing by itself."""
    return sentence.endswith(":")


def _groups(sentences: list[Span]) -> Iterator[list[Span]]:
    """Neighbouring sentences in groups of about three, as even as possible."""
    count = max(1, round(len(sentences) / _SENTENCES))
    for number in range(count):
        group = sentences[number * len(sentences) // count : (number + 1) * len(sentences) // count]
        if group:
            yield group


def _references(source: Source, start: int, end: int) -> tuple[int, ...]:
    numbers = (n for anchor in source.anchors if start < anchor.offset <= end for n in anchor.numbers)
    return tuple(sorted(set(numbers)))
