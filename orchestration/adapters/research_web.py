"""Web research without keys: Wikipedia for background, Crossref for scholarly abstracts.

Both answer with metadata that can be trusted (title, date, address, DOI) and text under a free licence or
for free reuse; both ask callers to name themselves, which the guarded client's User-Agent does.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from urllib.parse import urlencode

from layers.contract import RawDocument, StepError
from orchestration.adapters.guarded_http import GuardedClient, require_success

_JATS = re.compile(r"<(/?)jats:(\w+)[^>]*>")
_JATS_TAGS = {"p": "p", "title": "h2", "sec": "section", "list": "ul", "list-item": "li"}
_AT_ONCE = 3


class Wikipedia:
    """Articles found by full-text search, whole, in the language of the encyclopedia."""

    name = "wikipedia"

    def __init__(self, client: GuardedClient, *, language: str = "en") -> None:
        self._client = client
        self._api = f"https://{language}.wikipedia.org/w/api.php"

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        """Up to ``limit`` articles. ``since`` is left to the caller: an article is dated by its last edit."""
        del since
        found = await self._ask(list="search", srsearch=query, srlimit=str(limit), srprop="")
        titles = [str(hit["title"]) for hit in _objects(_object(found, "query"), "search") if "title" in hit]
        gate = asyncio.Semaphore(_AT_ONCE)
        articles = await asyncio.gather(*(self._article(title, gate) for title in titles[:limit]))
        return [article for article in articles if article is not None]

    async def _article(self, title: str, gate: asyncio.Semaphore) -> RawDocument | None:
        async with gate:
            found = await self._ask(
                prop="extracts|info|revisions", titles=title, inprop="url", rvprop="timestamp", redirects="1"
            )
        for page in _objects(_object(found, "query"), "pages"):
            text, url = str(page.get("extract", "")), str(page.get("fullurl", ""))
            edited = next((str(each.get("timestamp", "")) for each in _objects(page, "revisions")), "")
            if text and url:
                return RawDocument(
                    locator=url, media_type="text/html", text=f"<article>{text}</article>", url=url,
                    title=str(page.get("title", title)), author="Wikipedia contributors", published=_day(edited[:10]),
                )  # fmt: skip
        return None

    async def _ask(self, **parameters: str) -> Mapping[str, object]:
        query = urlencode({"action": "query", "format": "json", "formatversion": "2", **parameters})
        return await _json(self._client, f"{self._api}?{query}")


class Crossref:
    """Works with an abstract, by relevance. ``contact`` is a mail address for Crossref's polite pool."""

    name = "crossref"

    def __init__(self, client: GuardedClient, *, contact: str | None = None) -> None:
        self._client = client
        self._contact = contact

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        """Up to ``limit`` works published on ``since`` or later."""
        filters = "has-abstract:true" + (f",from-pub-date:{since.isoformat()}" if since else "")
        parameters = {
            "query.bibliographic": query, "rows": str(limit), "filter": filters,
            "select": "DOI,title,author,abstract,issued",
        }  # fmt: skip
        if self._contact:
            parameters["mailto"] = self._contact
        answer = await _json(self._client, f"https://api.crossref.org/works?{urlencode(parameters)}")
        works = (_work(item) for item in _objects(_object(answer, "message"), "items"))
        return [work for work in works if work is not None][:limit]


def _work(item: Mapping[str, object]) -> RawDocument | None:
    titles, doi, abstract = item.get("title"), item.get("DOI"), item.get("abstract")
    if not (isinstance(titles, list) and titles and isinstance(doi, str) and isinstance(abstract, str)):
        return None
    title = " ".join(str(titles[0]).split())
    return RawDocument(
        locator=f"https://doi.org/{doi}",
        media_type="text/html",
        text=f"<html><body><article><h1>{escape(title)}</h1>{_plain_tags(abstract)}</article></body></html>",
        url=f"https://doi.org/{doi}",
        title=title,
        author=_authors(item),
        published=_issued(item),
        doi=doi,
    )


def _plain_tags(abstract: str) -> str:
    """JATS elements of an abstract as HTML; those without a counterpart go, their text stays."""

    def rename(match: re.Match[str]) -> str:
        tag = _JATS_TAGS.get(match.group(2))
        return f"<{match.group(1)}{tag}>" if tag else " "

    return _JATS.sub(rename, abstract)


def _authors(item: Mapping[str, object]) -> str | None:
    names = [
        f"{author.get('given', '')} {author.get('family', '')}".strip() for author in _objects(item, "author")
    ]
    named = [name for name in names if name]
    return ", ".join(named[:3]) + (" and others" if len(named) > 3 else "") if named else None


def _issued(item: Mapping[str, object]) -> date | None:
    """The day of publication, if Crossref knows it to the day."""
    parts = _object(item, "issued").get("date-parts")
    first = parts[0] if isinstance(parts, list) and parts else None
    if not (isinstance(first, list) and len(first) == 3 and all(isinstance(part, int) for part in first)):
        return None
    return _day(f"{first[0]:04}-{first[1]:02}-{first[2]:02}")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


async def _json(client: GuardedClient, url: str) -> Mapping[str, object]:
    answer = require_success(await client.get(url, {"Accept": "application/json"}))
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise StepError(
            "the provider's answer is not JSON", code="source_unreachable", retryable=True
        ) from error
    return value if isinstance(value, dict) else {}


def _object(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _objects(value: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = value.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
