"""Blocks of a plain text: paragraphs between blank lines, with headings and lists told by their looks."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from collections.abc import Iterator

from layers.bottom.reading.blocks import Block

_BULLET = re.compile(r"^\s*(?:[-*•‣▪–]|\(?\d{1,2}[.)])\s+")
_RULE = re.compile(r"^\s*[=\-_*~#]{3,}\s*$")
_FIELD = re.compile(
    r"^(?P<name>title|author|authors|by|date|published|url|source|link|doi)\s*:\s*(?P<value>\S.*)$",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?:;,…][\"'”’)\]]*$")
_HEADING_WORDS = 16
_WIDEST_WRAP = 160  # a longer line was never wrapped: it is a paragraph


def split_header(text: str) -> tuple[dict[str, str], str]:
    """Lines such as ``Author: ...`` at the very top as fields, and the text below them."""
    fields: dict[str, str] = {}
    lines = text.lstrip("\ufeff\n\r ").splitlines()
    while lines and len(fields) < 8:
        match = _FIELD.match(lines[0].strip())
        if match is None:
            break
        fields[match["name"].lower()] = match["value"].strip()
        lines = lines[1:]
    return fields, "\n".join(lines)


def plain_blocks(text: str) -> list[Block]:
    """The blocks of a plain text."""
    return [block for part in re.split(r"\n[ \t\r]*\n", text) for block in _blocks_of(part)]


def _blocks_of(part: str) -> Iterator[Block]:
    lines = [line.strip() for line in part.splitlines() if line.strip() and not _RULE.match(line)]
    if not lines:
        return
    if _is_heading(lines[0]) and (len(lines) == 1 or _was_underlined(part) or lines[0].isupper()):
        yield Block(kind="heading", text=lines[0], level=2)
        lines = lines[1:]
    wrapped = max(map(len, lines), default=0) <= _WIDEST_WRAP
    paragraph: list[str] = []
    item: list[str] = []
    for line in lines:
        bullet = _BULLET.match(line)
        if bullet or not wrapped:
            yield from _flush("item" if item else "paragraph", item or paragraph)
            paragraph, item = ([], [line[bullet.end() :]]) if bullet else ([line], [])
        else:
            (item or paragraph).append(line)
    yield from _flush("item" if item else "paragraph", item or paragraph)


def _flush(kind: str, lines: list[str]) -> Iterator[Block]:
    if lines:
        yield Block(kind="item" if kind == "item" else "paragraph", text="\n".join(lines))


def _was_underlined(part: str) -> bool:
    lines = part.strip().splitlines()
    return len(lines) > 1 and _RULE.match(lines[1]) is not None


def _is_heading(line: str) -> bool:
    return (
        len(line.split()) <= _HEADING_WORDS
        and not _ENDS.search(line)
        and not _BULLET.match(line)
        and (line[0].isupper() or line[0].isdigit())
    )
