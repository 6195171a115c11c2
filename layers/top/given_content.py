"""Splits given Markdown, HTML or plain text into headings and blocks of running text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from layers.contract import GivenContent
from layers.text.sentences import paragraphs

_BLOCK_TAGS = "h1, h2, h3, h4, h5, h6, p, li, blockquote, td, dd, dt, figcaption, pre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading (``level`` 1 to 6) or running text (``level`` 0), without markup."""

    text: str
    level: int = 0


def read_blocks(content: GivenContent) -> list[Block]:
    """The blocks in reading order; empty ones are left out."""
    readers = {"markdown": _markdown, "html": _html, "text": _plain}
    return [block for block in readers[content.format](content.text) if block.text.strip()]


def _plain(text: str) -> Iterator[Block]:
    for start, end in paragraphs(text):
        yield Block(text=text[start:end])


def _markdown(text: str) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    level = 0
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "inline":
            children = token.children or []
            plain = "".join(
                child.content if child.type in {"text", "code_inline"} else _break(child.type)
                for child in children
            )
            yield Block(text=plain.strip(), level=level)
            level = 0


def _break(kind: str) -> str:
    return " " if kind in {"softbreak", "hardbreak"} else ""


def _html(text: str) -> Iterator[Block]:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    tree.strip_tags(["script", "style", "noscript", "template", "nav", "footer", "aside", "iframe", "svg"])
    found = tree.css(_BLOCK_TAGS)
    if not found:
        yield from _plain(tree.text(separator=" "))
    for node in found:
        if node.tag in {"li", "blockquote", "td", "dd"} and node.css_first("p, li") is not None:
            continue
        tag = node.tag or ""
        level = int(tag[1]) if tag[:1] == "h" and tag[1:].isdigit() else 0
        yield Block(text=node.text(separator="").strip(), level=level)
