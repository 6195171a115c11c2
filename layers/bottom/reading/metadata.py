"""Title, author and date that a page states about itself: meta tags, JSON-LD, headings."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from layers.bottom.reading.blocks import clean
from layers.bottom.reading.dates import parse_date

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_SITE_NAME = re.compile(r"\s+[|–—·»-]\s+[^|–—·»]{2,40}$")
_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s\"<>]+)")
_MOST_JSON = 500
_LONGEST_AUTHOR = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a document says about itself; None where it says nothing (nothing is guessed)."""

    title: str | None = None
    author: str | None = None
    published: date | None = None
    url: str | None = None
    doi: str | None = None
    language: str | None = None
    subjects: str = ""


def from_fields(fields: Mapping[str, str]) -> Metadata:
    """Metadata from front matter or header lines, names in lower case."""
    return Metadata(
        title=_first(fields.get("title")),
        author=_author(fields.get("author") or fields.get("authors") or fields.get("by")),
        published=parse_date(fields.get("published") or fields.get("date")),
        url=web_address(
            fields.get("url") or fields.get("source") or fields.get("canonical") or fields.get("link")
        ),
        doi=doi_of(fields.get("doi")),
        language=_language(fields.get("language") or fields.get("lang")),
        subjects=" ".join(fields.get(name, "") for name in ("subject", "keywords", "tags", "description")),
    )


def from_page(page: LexborHTMLParser) -> Metadata:
    """Metadata of an HTML page: JSON-LD first, then meta tags, then what is shown."""
    tags = _meta_tags(page)
    data = _article_data(page)
    heading = page.css_first("h1")
    shown = page.css_first("title")
    root = page.root
    return Metadata(
        title=_first(
            tags.get("citation_title"),
            _text(data.get("headline")),
            tags.get("og:title"),
            clean(heading.text()) if heading else None,
            clean(shown.text()) if shown else None,
        ),
        author=_author(
            _names(data.get("author")),
            tags.get("citation_author"),
            tags.get("author"),
            tags.get("article:author"),
        ),
        published=_published(page, tags, data),
        url=web_address(_canonical(page) or tags.get("og:url")),
        doi=doi_of(tags.get("citation_doi") or tags.get("dc.identifier")),
        language=_language(root.attributes.get("lang") if root else None),
        subjects=" ".join(tags.get(name, "") for name in ("keywords", "description")),
    )


def web_address(value: str | None) -> str | None:
    """The value if it is an absolute http(s) address with a host name, otherwise None."""
    try:
        parts = urlsplit((value or "").strip())
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    return (value or "").strip() if usable else None


def doi_of(value: str | None) -> str | None:
    """The DOI in a value such as ``doi:10.1000/x`` or ``https://doi.org/10.1000/x``."""
    match = _DOI.search(value or "")
    return match.group(1).rstrip(".,;") if match else None


def _meta_tags(page: LexborHTMLParser) -> dict[str, str]:
    """Content by name or property, in lower case; the first of several wins."""
    tags: dict[str, str] = {}
    for node in page.css("meta[content]"):
        name = (
            node.attributes.get("name") or node.attributes.get("property") or node.attributes.get("itemprop")
        )
        content = clean(node.attributes.get("content") or "")
        if name and content:
            tags.setdefault(name.lower(), content)
    return tags


def _article_data(page: LexborHTMLParser) -> Mapping[str, object]:
    """The JSON-LD object that describes the page's text."""
    for node in page.css('script[type="application/ld+json"]'):
        try:
            value = json.loads(node.text())
        except (ValueError, RecursionError):
            continue  # broken markup of a foreign page says nothing
        for item in _objects(value):
            kinds = item.get("@type")
            names = kinds if isinstance(kinds, list) else [kinds]
            if "headline" in item or any(
                str(name).endswith(("Article", "Posting", "Report")) for name in names
            ):
                return item
    return {}


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of a document: itself, its list, its ``@graph``."""
    waiting: list[object] = [value]
    for _ in range(_MOST_JSON):
        if not waiting:
            return
        current = waiting.pop(0)
        if isinstance(current, list):
            waiting += current
        elif isinstance(current, dict):
            yield current
            waiting += [current["@graph"]] if "@graph" in current else []


def _published(page: LexborHTMLParser, tags: Mapping[str, str], data: Mapping[str, object]) -> date | None:
    stated = (
        _text(data.get("datePublished")),
        *(
            tags.get(name)
            for name in (
                "article:published_time", "citation_publication_date", "citation_date", "datepublished", "dc.date",
                "dc.date.issued", "dcterms.issued", "date", "pubdate", "publish-date", "parsely-pub-date",
            )
        ),
    )  # fmt: skip
    shown = page.css_first(
        "time[pubdate], time[itemprop=datePublished], article time[datetime], time[datetime]"
    )
    found = [*map(parse_date, stated), parse_date(shown.attributes.get("datetime")) if shown else None]
    return next((day for day in found if day is not None), None)


def _canonical(page: LexborHTMLParser) -> str | None:
    node = page.css_first("link[rel=canonical]")
    return node.attributes.get("href") if node else None


def _names(value: object) -> str | None:
    """Names of the authors in JSON-LD: a text, an object, or a list of either."""
    values = value if isinstance(value, list) else [value]
    names = [_text(entry.get("name")) if isinstance(entry, dict) else _text(entry) for entry in values]
    return ", ".join(name for name in names if name) or None


def _text(value: object) -> str | None:
    return clean(value) or None if isinstance(value, str) else None


def _first(*values: str | None) -> str | None:
    for value in values:
        text = clean(value or "")
        if text:
            without_site = _SITE_NAME.sub("", text)
            return without_site if len(without_site.split()) >= 3 else text
    return None


def _author(*values: str | None) -> str | None:
    """The first value that is a name: not an address, not a list that never ends."""
    for value in values:
        text = re.sub(r"^by\s+", "", clean(value or "").strip("[]"), flags=re.IGNORECASE)
        if text and "://" not in text and len(text) <= _LONGEST_AUTHOR:
            return text
    return None


def _language(value: str | None) -> str | None:
    match = re.match(r"[a-z]{2,3}\b", (value or "").strip().lower())
    return match.group() if match else None
