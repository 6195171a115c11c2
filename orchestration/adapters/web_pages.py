"""Fetches single pages for the layers, as a polite visitor: robots.txt is asked first."""

from __future__ import annotations

import re
from collections import OrderedDict
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from layers.contract import RawDocument, StepError
from orchestration.adapters.address_guard import refused
from orchestration.adapters.guarded_http import Answer, GuardedClient, require_success

_MEDIA_TYPES = {
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/plain": "text/plain",
    "text/markdown": "text/markdown",
}
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
_KEPT_ROBOTS = 256
_PEEK = 2_048


class WebPages:
    """A page fetcher. ``agent`` is the product token that robots.txt rules may name."""

    def __init__(self, client: GuardedClient, *, agent: str) -> None:
        self._client = client
        self._agent = agent
        self._robots: OrderedDict[str, RobotFileParser] = OrderedDict()

    async def fetch(self, url: str) -> RawDocument:
        """One page. Raises :class:`StepError` (``source_refused`` or ``source_unreachable``)."""
        await self._require_welcome(url)
        answer = require_success(await self._client.get(url, {"Accept": "text/html, text/plain;q=0.8"}))
        if urlsplit(answer.url).netloc != urlsplit(url).netloc:
            await self._require_welcome(answer.url)
        declared = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if declared not in _MEDIA_TYPES:
            raise refused(f"{declared} is not a page of text")
        return RawDocument(
            locator=answer.url, media_type=_MEDIA_TYPES[declared], text=page_text(answer), url=answer.url
        )

    async def _require_welcome(self, url: str) -> None:
        if not (await self._rules(url)).can_fetch(self._agent, url):
            raise refused("robots.txt does not allow this page to be read")

    async def _rules(self, url: str) -> RobotFileParser:
        """The rules of the page's site (RFC 9309): none for 4xx, closed for 5xx, kept while they are in use."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            rules = RobotFileParser()
            answer = await self._client.get(f"{origin}/robots.txt", {"Accept": "text/plain"})
            if answer.status >= 500 or answer.status == 429:
                raise StepError(
                    f"robots.txt: status {answer.status}", code="source_unreachable", retryable=True
                )
            rules.parse(page_text(answer).splitlines() if answer.status < 300 else [])
            self._robots[origin] = rules
            if len(self._robots) > _KEPT_ROBOTS:
                self._robots.popitem(last=False)
        self._robots.move_to_end(origin)
        return self._robots[origin]


def page_text(answer: Answer) -> str:
    """The body as text: by the header's charset, by the page's own, or as UTF-8."""
    declared = re.search(r"charset=[\"']?([\w-]+)", answer.headers.get("content-type", ""), re.IGNORECASE)
    stated = _CHARSET.search(answer.body[:_PEEK])
    charset = declared.group(1) if declared else stated.group(1).decode("ascii") if stated else "utf-8"
    try:
        return answer.body.decode(charset, errors="replace")
    except LookupError:
        return answer.body.decode("utf-8", errors="replace")
