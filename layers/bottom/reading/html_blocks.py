"""Blocks of an HTML page: its main content without navigation, advertisements and other furniture.

The page is walked once in document order; what a node inherits (is it dropped, in which block, in a link)
comes from its parent, so that depth costs nothing and hostile nesting cannot exhaust the stack.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from layers.bottom.reading.blocks import Block, clean

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_DEEPEST = 250
_DEEPEST_MARKUP = 1_000
_TAG = re.compile(r"<[^<>]*>")
# elements without an end tag, or whose end tag may be left out, tell nothing about depth
_NESTING = re.compile(
    r"<(/?)(?!(?:p|li|td|th|tr|dt|dd|br|hr|img|input|meta|link|source|col|option|wbr|area|base|embed|track)\b)[a-z]",
    re.IGNORECASE,
)
_BREAK = "\u2028"
_DROPPED_TAGS = frozenset(
    {
        "script", "style", "noscript", "template", "nav", "footer", "header", "aside", "form", "button", "select",
        "svg", "math", "iframe", "object", "figure", "pre", "canvas", "audio", "video", "dialog", "head", "textarea",
        "del", "rt",
    }
)  # fmt: skip
_BLOCK_TAGS = frozenset(
    {
        "address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
        "fieldset", "h1", "h2", "h3", "h4", "h5", "h6", "html", "li", "main", "ol", "p", "section", "summary",
        "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_DROPPED_ROLES = frozenset(
    {"navigation", "complementary", "banner", "contentinfo", "search", "dialog", "alert"}
)
_KEPT_TAGS = frozenset({"html", "body", "main", "article"})
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|side-?bar|footer|breadcrumbs?|cookies?|consent|gdpr|banner|adverts?"
    r"|advertisement|ads?|sponsor(?:ed)?|promo|share|sharing|social|related|recommend(?:ed|ations)?|comments?"
    r"|disqus|newsletter|subscribe|subscription|sign-?up|popup|modal|pagination|pager|toc|byline|bio|tags"
    r"|outbrain|taboola|paywall|login|infobox|navbox|hatnote|editsection|catlinks|(?:entry|post|article)-meta"
    r"|most-(?:read|popular)|read-more|skip-link|sr-only|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HIDING_CLASSES = frozenset({"hidden", "d-none", "hide", "invisible", "is-hidden", "screen-reader-text"})
_CHATTER = re.compile(
    r"^(?:share(?: this)?|read (?:more|next|also)|see also|related|subscribe|sign (?:up|in)|log in|follow us|click here"
    r"|advertisement|sponsored|cookie|we use cookies|all rights reserved|©|copyright|photo|image|source:|tags?:|topics?:"
    r"|filed under|posted (?:in|on|by|\d)|written by|by\s[A-Z]\w+|last updated|updated|published|\d+ (?:min|comments|shares)"
    r"|table of contents|contents$|skip to|back to top|previous|next|print|email|leave a (?:comment|reply)|join)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_CHATTER_WORDS = 16
_FRAGMENT_WORDS = 4
_HEADING_WORDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What holds inside one element: the nearest block around it, and what text there means."""

    node: int
    block: int
    tag: str = "body"
    depth: int = 0
    dropped: bool = False
    link: bool = False
    strong: bool = False
    raised: bool = False
    item: bool = False
    row: int = 0


@dataclass(slots=True, kw_only=True)
class _Run:
    """The text of one block as it is collected, and how many of its characters are links or bold."""

    place: _Place
    parts: list[str] = field(default_factory=list)
    linked: int = 0
    bold: int = 0


def parse_page(markup: str) -> LexborHTMLParser:
    """The parsed page.

    A page that nests deeper than any real one loses its tags first: the parser's time grows with the square
    of the depth, and it holds the interpreter meanwhile.
    """
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(_TAG.sub(" ", markup) if _is_too_deep(markup) else markup)


def _is_too_deep(markup: str) -> bool:
    depth = 0
    for match in _NESTING.finditer(markup):
        depth = max(0, depth - 1) if match.group(1) else depth + 1
        if depth > _DEEPEST_MARKUP:
            return True
    return False


def page_blocks(page: LexborHTMLParser, *, prune: bool = True) -> list[Block]:
    """The blocks of the page's main content.

    Without ``prune`` the whole body is content, as in a document that was written, not published.
    """
    if page.body is None:
        return []
    nodes = list(page.body.traverse(include_text=True))
    parents = {node.mem_id: node.parent.mem_id for node in nodes if node.parent is not None}
    sizes = _text_sizes(nodes, parents) if prune else {}
    runs = _runs(nodes, sizes)
    if prune:
        runs = _main_runs(runs, nodes, parents)
    return list(_blocks(runs, prune=prune))


def _text_sizes(nodes: Sequence[LexborNode], parents: dict[int, int]) -> dict[int, int]:
    """Characters of text below each element: children come after parents, so one pass from the end suffices."""
    sizes: dict[int, int] = {}
    for node in reversed(nodes):
        size = len(node.text_content or "") if node.is_text_node else sizes.get(node.mem_id, 0)
        parent = parents.get(node.mem_id)
        if parent is not None and node.parent is not None and node.parent.tag not in ("script", "style"):
            sizes[parent] = sizes.get(parent, 0) + size
    return sizes


def _runs(nodes: Sequence[LexborNode], sizes: dict[int, int]) -> list[_Run]:
    root = nodes[0].mem_id
    half = sizes.get(root, 0) / 2
    places = {root: _Place(node=root, block=root)}
    runs: list[_Run] = []
    for node in nodes[1:]:
        above = places.get(node.parent.mem_id) if node.parent is not None else None
        if above is None or above.dropped:
            continue
        if node.is_text_node:
            _collect(runs, above, node.text_content or "")
        elif node.is_element_node:
            if node.tag == "br":
                _collect(runs, above, _BREAK)
            is_furniture = bool(sizes) and sizes.get(node.mem_id, 0) <= half and _looks_like_furniture(node)
            places[node.mem_id] = _below(above, node, dropped=is_furniture)
    return runs


def _below(above: _Place, node: LexborNode, *, dropped: bool) -> _Place:
    tag = node.tag or ""
    place = replace(
        above,
        node=node.mem_id,
        depth=above.depth + 1,
        dropped=dropped or tag in _DROPPED_TAGS or above.depth > _DEEPEST,
        link=above.link or tag == "a",
        strong=above.strong or tag in ("b", "strong"),
        raised=above.raised or tag == "sup",
    )
    if tag not in _BLOCK_TAGS:
        return place
    return replace(
        place,
        block=node.mem_id,
        tag=tag,
        item=tag not in ("ul", "ol", "table") and (above.item or tag in ("li", "dt", "dd")),
        row=node.mem_id if tag == "tr" else 0 if tag == "table" else above.row,
    )


def _looks_like_furniture(node: LexborNode) -> bool:
    if node.tag in _KEPT_TAGS:
        return False
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if (attributes.get("role") or "").lower() in _DROPPED_ROLES:
        return True
    if _HIDDEN_STYLE.search(attributes.get("style") or ""):
        return True
    if _HIDING_CLASSES & set((attributes.get("class") or "").split()):
        return True
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
    return _FURNITURE.search(names) is not None


def _collect(runs: list[_Run], place: _Place, text: str) -> None:
    if not runs or runs[-1].place.block != place.block:
        if not text.strip():
            return
        runs.append(_Run(place=place))
    run = runs[-1]
    bare = text.strip()
    if place.raised and bare.isdigit():
        before = run.parts[-1][-1:] if run.parts else ""
        text = f"^{bare}" if before.isdigit() else f"[{bare}]" if place.link else bare
    run.parts.append(text)
    run.linked += len(bare) if place.link else 0
    run.bold += len(bare) if place.strong else 0


def _main_runs(runs: list[_Run], nodes: Sequence[LexborNode], parents: dict[int, int]) -> list[_Run]:
    """The runs inside the element that holds the page's prose.

    That is the only article (or main) if it has half of the prose, otherwise the deepest element with four
    fifths of it.
    """
    prose: dict[int, int] = {}
    total = 0
    for run in runs:
        length = len("".join(run.parts).strip())
        if length < 60 or run.linked > length / 2 or run.place.tag.startswith("h"):
            continue
        total += length
        for ancestor in _ancestry(run.place.node, parents):
            prose[ancestor] = prose.get(ancestor, 0) + length
    chosen = _only_article(nodes, prose, total / 2)
    if chosen is None:
        for node in nodes:
            if prose.get(node.mem_id, 0) >= 0.8 * total > 0 and node.tag not in ("p", "li", "td"):
                chosen = node.mem_id
    if chosen is None:
        return runs
    return [run for run in runs if chosen in _ancestry(run.place.node, parents)]


def _only_article(nodes: Sequence[LexborNode], prose: dict[int, int], least: float) -> int | None:
    for wanted in ("articlebody", "article", "main"):
        found = [node.mem_id for node in nodes if wanted in _roles(node) and prose.get(node.mem_id, 0)]
        if len(found) == 1 and prose[found[0]] >= least:
            return found[0]
    return None


def _roles(node: LexborNode) -> tuple[str, ...]:
    if not node.is_element_node:
        return ()
    attributes = node.attributes
    return (
        node.tag or "",
        (attributes.get("role") or "").lower(),
        (attributes.get("itemprop") or "").lower(),
    )


def _ancestry(node: int, parents: dict[int, int]) -> Iterable[int]:
    current: int | None = node
    while current is not None:
        yield current
        current = parents.get(current)


def _blocks(runs: Sequence[_Run], *, prune: bool) -> Iterator[Block]:
    groups = [(row, list(group)) for row, group in groupby(runs, key=_row_of)]
    header: list[str] = []
    for position, (row, group) in enumerate(groups):
        if not row:
            header = []
            for run in group:
                yield from _text_blocks(run, prune=prune)
            continue
        texts = [clean("".join(run.parts)) for run in group]
        below = groups[position + 1] if position + 1 < len(groups) else (0, [])
        if all(run.place.tag == "th" for run in group) or (
            not header and below[0] and len(below[1]) == len(texts) > 1 and all(map(_is_label, texts))
        ):
            header = texts
        elif len(texts) == 1:
            yield Block(kind="paragraph", text=texts[0])
        else:
            yield Block(kind="row", text="; ".join(_labelled(texts, header)))


def _is_label(text: str) -> bool:
    return len(text.split()) <= 4 and not any(map(str.isdigit, text))


def _labelled(texts: list[str], header: list[str]) -> list[str]:
    """Each cell behind its column's name, where the row has a cell for every column."""
    if len(header) != len(texts):
        return texts
    return [f"{name.rstrip(':')}: {text}" for name, text in zip(header, texts, strict=True)]


def _row_of(run: _Run) -> int:
    """The table row whose cell this run fills; 0 for prose, also where a table only lays it out."""
    return run.place.row if run.place.tag in ("td", "th") else 0


def _text_blocks(run: _Run, *, prune: bool) -> Iterator[Block]:
    whole = "".join(run.parts)
    size = len(whole.strip())
    tag = run.place.tag
    if tag[0] == "h" and tag[1:].isdigit():
        if not (prune and _CHATTER.match(clean(whole))):
            yield Block(kind="heading", text=whole, level=int(tag[1:]))
        return
    if prune and run.linked > 0.6 * size and len(whole.split()) < 3 * _CHATTER_WORDS:
        return
    for part in re.split(rf"{_BREAK}\s*{_BREAK}", whole):
        text = part.replace(_BREAK, "\n").strip()
        line = clean(text)
        titled = run.bold >= 0.95 * size and not run.place.item and len(line.split()) <= _HEADING_WORDS
        if titled and line and not _ENDS.search(line) and not _CHATTER.match(line):
            yield Block(kind="heading", text=text, level=3)
        elif line and not (prune and _is_chatter(line, item=run.place.item)):
            yield Block(kind="item" if run.place.item else "paragraph", text=text)


def _is_chatter(line: str, *, item: bool) -> bool:
    """Whether a line belongs to the page and not to what it says: "Share this", a byline, a stray label."""
    count = len(line.split())
    if _ENDS.search(line):
        return count < _CHATTER_WORDS and _CHATTER.match(line) is not None and count < _FRAGMENT_WORDS * 2
    return (count < _CHATTER_WORDS and _CHATTER.match(line) is not None) or (
        count < _FRAGMENT_WORDS and not item
    )
