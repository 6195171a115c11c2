"""Blocks of a Markdown document. It is rendered and read as HTML, so that embedded HTML needs no second reader."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from layers.bottom.reading.blocks import Block
from layers.bottom.reading.html_blocks import page_blocks, parse_page

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FENCE = re.compile(r"\A\ufeff?\s*---[ \t]*\n(?P<fields>.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(?P<name>[A-Za-z][\w -]*?)\s*:\s*(?P<value>.*)$")
_NOTE = re.compile(r"^\[\^(?P<label>[\w-]+)\]:[ \t]*(?P<text>.*(?:\n[ \t]+\S.*)*)$", re.MULTILINE)
_NOTE_MARK = re.compile(r"\[\^(?P<label>[\w-]+)\]")
_NUMBERED_LINK = re.compile(
    r"^\[(?P<number>\d{1,3})\]:[ \t]*<?(?P<url>\S+?)>?(?:[ \t]+[\"'(](?P<title>.*)[\"')])?[ \t]*$",
    re.MULTILINE,
)


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """The fields between the ``---`` lines at the top, names in lower case, and the text below them."""
    match = _FENCE.match(text)
    if match is None:
        return {}, text
    fields = {}
    for line in match.group("fields").splitlines():
        found = _FIELD.match(line)
        if found:
            fields[found.group("name").lower()] = found.group("value").strip().strip("\"'")
    return fields, text[match.end() :]


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text without front matter."""
    return page_blocks(parse_page(_parser().render(_notes_as_references(text))), prune=False)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable("table")


def _notes_as_references(text: str) -> str:
    """Write footnotes and numbered link definitions as a reference list, and their marks as ``[n]``."""
    notes = {match.group("label"): " ".join(match.group("text").split()) for match in _NOTE.finditer(text)}
    text = _NOTE.sub("", text)
    links = {match.group("number"): match for match in _NUMBERED_LINK.finditer(text)}
    text = _NUMBERED_LINK.sub("", text)
    numbers = {label: str(number) for number, label in enumerate(notes, 1)} if not links else {}
    text = _NOTE_MARK.sub(
        lambda mark: f"\\[{numbers[mark['label']]}\\]" if mark["label"] in numbers else "", text
    )
    entries = [f"\\[{numbers[label]}\\] {note}" for label, note in notes.items() if label in numbers]
    entries += [f"\\[{number}\\] {link['title'] or ''} {link['url']}" for number, link in links.items()]
    return text + "\n\n## References\n\n" + "\n\n".join(entries) if entries else text
