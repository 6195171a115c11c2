"""contentReader: turns content that the caller brings into an article whose claims can be verified.

Each checkable sentence gets the best evidence that the sources have for it, or none: whether that supports the
claim is for the verifier to say. Nothing of the content is changed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.contract import ContentBrief, GivenContent, StepContext, StepError
from layers.text.sentences import split_sentences
from layers.top.artifacts import Article, Section, Sentence
from layers.top.evidence import EvidenceTable
from layers.top.given_content import Block, read_blocks
from layers.top.verification.evidence_finder import EvidenceFinder
from layers.top.writer.cleaning import collapse
from layers.top.writer.headings import meta_description, slug

RELATED_FROM: Final = 0.25
_FEWEST_WORDS: Final = 4
_SAYS_NOTHING: Final = re.compile(
    r"^(?:welcome|thank|thanks|hello|hi|click|subscribe|share|follow|contact)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    heading: str
    level: int
    blocks: list[Block]


async def read_content(context: StepContext) -> Article:
    """The given content as an article (``writer="given"``). Raises StepError ``no_content`` where none was given."""
    content = context.brief.content
    if content is None or not content.text.strip():
        raise StepError("citation verification needs content", code="no_content")
    sources, index = context.need(SourceSet), context.need(PassageIndex)
    return await asyncio.to_thread(_article, content, context.brief, sources, index)


def _article(content: GivenContent, brief: ContentBrief, sources: SourceSet, index: PassageIndex) -> Article:
    reader = _Reader(sources, index)
    blocks = read_blocks(content)
    title = next((block.text for block in blocks if block.level == 1), brief.topic)
    opening, drafts = _sectioned([block for block in blocks if block.level != 1])
    answer = reader.sentences(opening)
    sections = tuple(
        Section(
            id=f"sec-{place}",
            heading=draft.heading,
            level=3 if draft.level > 2 else 2,
            sentences=reader.sentences(draft.blocks),
        )
        for place, draft in enumerate(drafts, start=1)
    )
    every = answer + tuple(sentence for section in sections for sentence in section.sentences)
    return Article(
        title=title,
        meta_description=meta_description(title, every),
        slug=slug(title),
        answer=answer,
        sections=sections,
        evidence=reader.table.as_tuple(),
        writer="given",
        word_count=sum(len(sentence.text.split()) for sentence in every),
    )


def _sectioned(blocks: Sequence[Block]) -> tuple[list[Block], list[_Draft]]:
    opening: list[Block] = []
    drafts: list[_Draft] = []
    for block in blocks:
        if block.level:
            drafts.append(_Draft(heading=block.text, level=block.level, blocks=[]))
        else:
            (drafts[-1].blocks if drafts else opening).append(block)
    return opening, drafts


class _Reader:
    """Numbers the sentences and looks up evidence for those that can be checked."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        self.table = EvidenceTable(sources, index)
        self._finder = EvidenceFinder(sources, index)
        self._count = 0

    def sentences(self, blocks: Sequence[Block]) -> tuple[Sentence, ...]:
        return tuple(self._sentences(blocks))

    def _sentences(self, blocks: Sequence[Block]) -> Iterator[Sentence]:
        for block in blocks:
            for place, (start, end) in enumerate(split_sentences(block.text)):
                self._count += 1
                yield self._sentence(f"c{self._count}", collapse(block.text[start:end]), opens=place == 0)

    def _sentence(self, identity: str, text: str, *, opens: bool) -> Sentence:
        if not is_checkable(text):
            return Sentence(id=identity, text=text, kind="editorial", opens_paragraph=opens)
        found = self._finder.best(text)
        if found is None or found.support.fit < RELATED_FROM:
            return Sentence(id=identity, text=text, kind="claim", opens_paragraph=opens)
        evidence = self.table.add(found.passage, found.start, found.end)
        kind = "quote" if evidence.quote in text else "claim"
        return Sentence(id=identity, text=text, kind=kind, evidence=(evidence.id,), opens_paragraph=opens)


def is_checkable(text: str) -> bool:
    """Whether a sentence states something: no question, no greeting or call, and more than a few words."""
    return len(text.split()) >= _FEWEST_WORDS and not text.endswith("?") and not _SAYS_NOTHING.match(text)
