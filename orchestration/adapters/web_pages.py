"""Fetches single pages for the layers, as a polite visitor.

robots.txt is asked first, a host gets a request at a time with a pause between (its own Crawl-delay where it names
one), and a page that was read in the last quarter of an hour is not fetched again. PDFs are read as text.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from layers.contract import RawDocument, StepError
from orchestration.adapters.address_guard import refused
from orchestration.adapters.guarded_http import Answer, GuardedClient, require_success
from orchestration.adapters.pace import USUAL_PAUSE, Pace
from orchestration.adapters.pdf_text import MEDIA_TYPE, PdfReader
from orchestration.ports import Clock

_MEDIA_TYPES = {
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/plain": "text/plain",
    "text/markdown": "text/markdown",
}
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
_ACCEPT = "text/html, application/pdf;q=0.9, text/plain;q=0.8"
_LARGEST_TEXT = 2 * 1024 * 1024
_KEPT_ROBOTS = 256
_ROBOTS_SECONDS = 24 * 3600  # RFC 9309, 2.4
_KEPT_PAGES = 64
_KEPT_CHARACTERS = 8_000_000
_PAGE_SECONDS = 900
_PEEK = 2_048


class WebPages:
    """A page fetcher. ``agent`` is the product token that robots.txt rules may name."""

    def __init__(
        self, client: GuardedClient, *, agent: str, clock: Clock, pdfs: PdfReader | None = None
    ) -> None:
        self._client = client
        self._agent = agent
        self._clock = clock
        self._pace = Pace(clock)
        self._pdfs = pdfs or PdfReader()
        self._robots: OrderedDict[str, tuple[float, RobotFileParser]] = OrderedDict()
        self._pages: OrderedDict[str, tuple[float, RawDocument]] = OrderedDict()

    async def fetch(self, url: str) -> RawDocument:
        """One page. Raises :class:`StepError` (``source_refused`` or ``source_unreachable``)."""
        if (kept := self._kept(url)) is not None:
            return kept
        rules = await self._welcome(url)
        pause = rules.crawl_delay(self._agent)
        await self._pace.turn(urlsplit(url).netloc, USUAL_PAUSE if pause is None else float(pause))
        answer = require_success(await self._client.get(url, {"Accept": _ACCEPT}))
        if urlsplit(answer.url).netloc != urlsplit(url).netloc:
            await self._welcome(answer.url)
        document = await self._document(answer)
        self._keep(url, document)
        return document

    async def _document(self, answer: Answer) -> RawDocument:
        declared = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if declared == MEDIA_TYPE:
            found = await self._pdfs.read(answer.body)
            return RawDocument(
                locator=answer.url, media_type="text/plain", text=found.text, url=answer.url,
                title=found.title, author=found.author, published=found.published,
            )  # fmt: skip
        if declared not in _MEDIA_TYPES:
            raise refused(f"{declared} is not a page of text")
        if len(answer.body) > _LARGEST_TEXT:
            raise refused(f"the page is larger than {_LARGEST_TEXT // 1024 // 1024} MB")
        return RawDocument(
            locator=answer.url, media_type=_MEDIA_TYPES[declared], text=page_text(answer), url=answer.url
        )

    def _kept(self, url: str) -> RawDocument | None:
        fetched, document = self._pages.get(url, (0.0, None))
        fresh = document is not None and self._clock.monotonic() - fetched < _PAGE_SECONDS
        return document if fresh else None

    def _keep(self, url: str, document: RawDocument) -> None:
        """Remember a page; the longest kept ones make room."""
        self._pages.pop(url, None)
        self._pages[url] = (self._clock.monotonic(), document)
        while (
            len(self._pages) > _KEPT_PAGES
            or sum(len(kept.text) for _, kept in self._pages.values()) > _KEPT_CHARACTERS
        ):
            self._pages.popitem(last=False)

    async def _welcome(self, url: str) -> RobotFileParser:
        rules = await self._rules(url)
        if not rules.can_fetch(self._agent, url):
            raise refused("robots.txt does not allow this page to be read")
        return rules

    async def _rules(self, url: str) -> RobotFileParser:
        """The rules of the page's site (RFC 9309): none for 4xx, closed for 5xx, kept for a day at most."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        now = self._clock.monotonic()
        if origin not in self._robots or now - self._robots[origin][0] > _ROBOTS_SECONDS:
            rules = RobotFileParser()
            answer = await self._client.get(f"{origin}/robots.txt", {"Accept": "text/plain"})
            if answer.status >= 500 or answer.status == 429:
                raise StepError(
                    f"robots.txt: status {answer.status}", code="source_unreachable", retryable=True
                )
            rules.parse(page_text(answer).splitlines() if answer.status < 300 else [])
            self._robots[origin] = (now, rules)
            if len(self._robots) > _KEPT_ROBOTS:
                self._robots.popitem(last=False)
        self._robots.move_to_end(origin)
        return self._robots[origin][1]


def page_text(answer: Answer) -> str:
    """The body as text: by the header's charset, by the page's own, or as UTF-8."""
    declared = re.search(r"charset=[\"']?([\w-]+)", answer.headers.get("content-type", ""), re.IGNORECASE)
    stated = _CHARSET.search(answer.body[:_PEEK])
    charset = declared.group(1) if declared else stated.group(1).decode("ascii") if stated else "utf-8"
    try:
        return answer.body.decode(charset, errors="replace")
    except LookupError:
        return answer.body.decode("utf-8", errors="replace")
