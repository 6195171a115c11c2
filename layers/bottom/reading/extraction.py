"""From a raw document (HTML page, Markdown, plain text) to clean running text with its metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from layers.bottom.reading.blocks import Block, RunningText, clean, compose
from layers.bottom.reading.html_blocks import page_blocks, parse_page
from layers.bottom.reading.languages import detect_language
from layers.bottom.reading.markdown_blocks import markdown_blocks, split_front_matter
from layers.bottom.reading.metadata import Metadata, from_fields, from_page
from layers.bottom.reading.plain_blocks import plain_blocks, split_header
from layers.contract import RawDocument
from layers.text.sentences import paragraphs

LONGEST_TEXT = 60_000
"""Code points of a source's text; what is longer is cut at the end of a paragraph."""

_HTML = re.compile(r"\A\s*(?:<!doctype html|<html|<\?xml)", re.IGNORECASE)
_HTML_TAG = re.compile(
    r"</?(?:p|div|h[1-6]|ul|ol|li|article|section|span|br|table|a)\b[^<>]*>", re.IGNORECASE
)
_MARKDOWN = re.compile(
    r"^#{1,6}\s+\S|^\s*```|\]\(\S+\)|(?<!\w)(?:\*\*|__)\S|^\|.*\|\s*$|^\[\^?[\w-]+\]:\s|^>\s",
    re.MULTILINE,
)
_PEEK = 20_000
_FEW_TAGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """A document's running text and what it says about itself. ``cut`` tells that the end is missing."""

    content: RunningText
    metadata: Metadata
    language: str
    cut: bool = False


def extract(document: RawDocument) -> Extracted:
    """Read a document as its media type says; text that is HTML or Markdown in truth is read as that.

    Never fails: a document without prose gives an empty text.
    """
    kind = media_type_of(document.text, document.media_type)
    if kind == "text/html":
        page = parse_page(document.text)
        blocks, metadata = page_blocks(page), from_page(page)
    elif kind == "text/markdown":
        fields, body = split_front_matter(document.text)
        blocks, metadata = markdown_blocks(body), from_fields(fields)
    else:
        fields, body = split_header(document.text)
        blocks, metadata = plain_blocks(body), from_fields(fields)
    title, blocks = _title(blocks, document.title or metadata.title, kind)
    content = compose(blocks)
    shortened = _shortened(content)
    return Extracted(
        content=shortened,
        metadata=replace(metadata, title=title),
        language=_language(shortened.text, metadata.language),
        cut=shortened is not content,
    )


def media_type_of(text: str, declared: str = "text/plain") -> str:
    """What a text is: HTML where its tags say so, Markdown where its marks say so, otherwise plain.

    A declared HTML page is always read as one; the other types are checked, since callers hand over pages as
    text and Markdown files named ``.txt``.
    """
    start = text[:_PEEK]
    if declared == "text/html":
        return declared
    if _HTML.match(start) or (declared != "text/markdown" and len(_HTML_TAG.findall(start)) >= _FEW_TAGS):
        return "text/html"
    if declared == "text/markdown" or split_front_matter(start)[0] or _MARKDOWN.search(start):
        return "text/markdown"
    return "text/plain"


def _title(blocks: list[Block], known: str | None, kind: str) -> tuple[str | None, list[Block]]:
    """The title, and the blocks without the heading that only repeats it."""
    first = blocks[0] if blocks and blocks[0].kind == "heading" else None
    if first is None:
        return known, blocks
    heading = clean(first.text)
    opens = known is None and (first.level == 1 or kind == "text/plain")
    repeats = known is not None and (heading.lower() in known.lower() or known.lower() in heading.lower())
    return (known or heading, blocks[1:]) if opens or repeats or first.level == 1 else (known, blocks)


def _language(text: str, declared: str | None) -> str:
    return detect_language(text, default=declared or "en")


def _shortened(content: RunningText) -> RunningText:
    if len(content.text) <= LONGEST_TEXT:
        return content
    ends = [end for _, end in paragraphs(content.text) if end <= LONGEST_TEXT]
    limit = ends[-1] if ends else LONGEST_TEXT
    return RunningText(
        text=content.text[:limit],
        headings=_below(content.headings, limit),
        references=content.references,
        anchors=tuple(anchor for anchor in content.anchors if anchor.offset <= limit),
    )


def _below(headings: Sequence[tuple[int, str]], limit: int) -> tuple[tuple[int, str], ...]:
    return tuple(heading for heading in headings if heading[0] < limit)
