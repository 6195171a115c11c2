"""From blocks of a document (headings, paragraphs, list items, table rows) to one clean running text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from layers.bottom.artifacts import Reference, ReferenceAnchor
from layers.bottom.reading.references import is_reference_heading, parse_references, take_marks

_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile(
    r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block as the parser found it. ``text`` may hold line breaks and citation marks; ``level`` is 1 to 6."""

    kind: Literal["heading", "paragraph", "item", "row"]
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningText:
    """The clean text, the section that begins at each offset, and what the document cites where."""

    text: str
    headings: tuple[tuple[int, str], ...]
    references: tuple[Reference, ...]
    anchors: tuple[ReferenceAnchor, ...]


def clean(text: str) -> str:
    """One line of composed characters: white space collapsed, invisible and control characters gone."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", text))).strip()


def compose(blocks: Sequence[Block]) -> RunningText:
    """Join the blocks. Items and rows stand on lines of their own, below the line that leads to them.

    The reference list becomes references, and marks such as ``[2]`` become anchors; neither stays in the text.
    """
    body, listed = _split_references(blocks)
    references = parse_references([block.text for block in listed])
    numbers = {reference.number for reference in references}
    writer = _Writer()
    for block in body:
        line, marks = take_marks(clean(block.text))
        if not line:
            continue
        if block.kind == "heading":
            writer.headings.append((-1, line))
            continue
        start = writer.add(line, block.kind)
        for offset, cited in marks:
            known = tuple(number for number in cited if number in numbers)
            if known:
                writer.anchors.append(ReferenceAnchor(offset=start + offset, numbers=known))
    return RunningText(
        text=writer.text,
        headings=tuple((offset, title) for offset, title in writer.headings if offset >= 0),
        references=references,
        anchors=tuple(writer.anchors),
    )


class _Writer:
    """Collects the text and knows what the last block was."""

    def __init__(self) -> None:
        self.headings: list[tuple[int, str]] = []
        self.anchors: list[ReferenceAnchor] = []
        self._parts: list[str] = []
        self._length = 0
        self._last = ""

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def add(self, line: str, kind: str) -> int:
        """Append a line; gives the offset at which it starts, which pending headings get too."""
        pending = any(offset < 0 for offset, _ in self.headings)
        leads = bool(self._parts) and self._parts[-1].endswith(":")
        if self._parts:
            together = kind != "paragraph" and not pending and (self._last == kind or leads)
            self._append("\n" if together else "\n\n")
        start = self._length
        self.headings = [(start if offset < 0 else offset, title) for offset, title in self.headings]
        self._append(line)
        self._last = kind
        return start

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)


def _split_references(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The body, and the blocks below headings such as "References" up to the next heading."""
    body: list[Block] = []
    listed: list[Block] = []
    inside = False
    for block in blocks:
        if block.kind == "heading":
            inside = is_reference_heading(clean(block.text))
            if inside:
                continue
        (listed if inside else body).append(block)
    return body, listed
