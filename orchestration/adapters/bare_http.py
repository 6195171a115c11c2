"""A lean HTTP/1.1 client for the calls that every job makes: kept connections to one origin, and nothing else.

No redirects, cookies, proxies or compression, and no retry: whether a request may be repeated is for its caller to
know. A connection carries one request at a time (RFC 9112, section 9.3). Parsing is httptools' (llhttp, Node's own
parser). A request costs 0.09 ms of CPU where aiohttp's takes 0.22; docs/decisions/0006-bare-http-client.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

KEEP_SECONDS = 15.0
"""Idle connections are not used after this: servers close them after a while, and may just do so."""

_PIECE = 256 * 1024
"""Bytes that are written at once: one write of a large body would hold up the event loop."""

_FINAL = 200


class NoAnswer(Exception):
    """There is no answer. The request may have been carried out all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever the status; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    payload: bytes


class BareClient:
    """Requests to one origin. Belongs to the loop that it is first used on.

    ``limit`` requests are in flight at most, the others wait; ``timeout`` is in seconds, the wait included.
    """

    def __init__(self, endpoint: str, *, limit: int, timeout: float) -> None:
        parts = urlsplit(endpoint)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.netloc
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or (443 if self._secure else 80))
        self._gate = asyncio.Semaphore(limit)
        self._timeout = timeout
        self._idle: list[_Connection] = []
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send it once. ``url`` lies in this origin and is encoded already.

        Raises :class:`NoAnswer`: refused, cut off, silent, or no HTTP.
        """
        if not url.startswith(self._origin):
            raise ValueError(f"the client is for {self._origin}")
        head = self._head(method, url[len(self._origin) :], headers, body)
        try:
            async with asyncio.timeout(self._timeout), self._gate:
                connection = self._kept() or await self._connect()
                try:
                    return await connection.ask(head, body)
                finally:
                    self._give_back(connection)
        except (TimeoutError, OSError, HttpParserError) as error:
            raise NoAnswer(type(error).__name__) from error

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close all connections that are idle, and the others when their requests are through."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        lines = [f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        lines.append("\r\n" if body is None else f"Content-Length: {len(body)}\r\n\r\n")
        return "".join(lines).encode("latin-1")

    def _kept(self) -> _Connection | None:
        """The connection that was used last, if it can still be relied on."""
        oldest = asyncio.get_running_loop().time() - KEEP_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.used_at >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if self._secure and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        _, connection = await loop.create_connection(_Connection, *self._address, ssl=self._tls)
        return connection

    def _give_back(self, connection: _Connection) -> None:
        if connection.usable and not self._closed:
            connection.used_at = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()


class _Connection(asyncio.Protocol):
    """One connection, one request at a time. The ``on_`` methods are what httptools calls."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._payload: list[bytes] = []
        self._answer: asyncio.Future[Answer] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._keeps = True
        self.used_at = 0.0

    @property
    def usable(self) -> bool:
        """Whether another request may go out on it."""
        return self._keeps and self._answer is None and self._transport is not None

    async def ask(self, head: bytes, body: bytes | None) -> Answer:
        """Send a request and wait for its answer. Raises OSError and HttpParserError."""
        transport = self._transport
        if transport is None:
            raise ConnectionResetError("closed meanwhile")
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answer = waiting
        try:
            for piece in _pieces(head, body or b""):
                await self._writable.wait()
                transport.write(piece)
            return await waiting
        finally:
            self._keeps = self._keeps and waiting.done() and not waiting.cancelled()
            self._answer = None

    def close(self) -> None:
        """Close it at once, whatever is on the way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of the protocol of asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of the protocol of asyncio."""
        self._transport = None
        self._writable.set()
        self._fail(exc or ConnectionResetError("closed by the other side"))

    def pause_writing(self) -> None:
        """Part of the protocol of asyncio."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Part of the protocol of asyncio."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Part of the protocol of asyncio. What comes without having been asked for ends the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(error)
            self.close()

    def on_message_begin(self) -> None:
        """An answer begins. One that follows the answer asked for belongs to no request."""
        if self._answer is None or self._answer.done():
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is complete."""
        self._headers[name.lower().decode("latin-1")] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A part of the payload came."""
        self._payload.append(body)

    def on_message_complete(self) -> None:
        """An answer is complete; an interim one (RFC 9110, section 15.2) is none."""
        status = self._parser.get_status_code()
        headers, payload = self._headers, b"".join(self._payload)
        self._headers, self._payload = {}, []
        if status < _FINAL or self._answer is None or self._answer.done():
            return
        self._keeps = self._parser.should_keep_alive()
        self._answer.set_result(Answer(status=status, headers=headers, payload=payload))

    def _fail(self, error: Exception) -> None:
        self._keeps = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _pieces(head: bytes, body: bytes) -> Iterator[bytes]:
    """A small request in one piece, so that it is one packet and one system call."""
    yield head + body[:_PIECE]
    for start in range(_PIECE, len(body), _PIECE):
        yield body[start : start + _PIECE]
