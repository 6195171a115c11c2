"""How the sentences of a part are laid out: paragraphs, and what leads a list or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layers.top.artifacts import Section, Sentence

Block = tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionLayout:
    """Editorial paragraphs before the items, and the items themselves (paragraphs, list items, table rows)."""

    lead: tuple[Block, ...]
    items: tuple[Block, ...]


def blocks(sentences: Sequence[Sentence]) -> tuple[Block, ...]:
    """Sentences grouped at every ``opens_paragraph``; the first sentence always opens a block."""
    grouped: list[list[Sentence]] = []
    for sentence in sentences:
        if sentence.opens_paragraph or not grouped:
            grouped.append([])
        grouped[-1].append(sentence)
    return tuple(tuple(block) for block in grouped)


def lay_out(section: Section) -> SectionLayout:
    """The layout of a section. In prose everything is an item; elsewhere editorial paragraphs lead."""
    found = blocks(section.sentences)
    if section.form == "prose":
        return SectionLayout(lead=(), items=found)
    lead = tuple(block for block in found if all(sentence.kind == "editorial" for sentence in block))
    return SectionLayout(lead=lead, items=tuple(block for block in found if block not in lead))
