"""One live WebSocket of a connection, with the one task that writes to it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from aiohttp import web

from localcloud.webpubsub.outbox import Outbox
from localcloud.webpubsub.payloads import Frame

Pace = Callable[[Frame], Awaitable[int]]
"""Awaited before every frame, says how often to send it; the fault knobs slow down and repeat with it."""

_CLOSE_GRACE_SECONDS = 2.0
_MAXIMUM_CLOSE_REASON_BYTES = 123  # RFC 6455 section 5.5: a control frame has 125 bytes, 2 are the code


class Link:
    """Sends what the outbox has due, in order, until told to finish or until the peer is gone.

    A single writer task per socket is what keeps the order; whoever queues a frame only wakes it up.
    """

    def __init__(
        self, *, socket: web.WebSocketResponse, request: web.Request, outbox: Outbox, pace: Pace
    ) -> None:
        self._socket = socket
        self._request = request
        self._outbox = outbox
        self._pace = pace
        self._due = asyncio.Event()
        self._due.set()
        self._closing: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._writer = asyncio.create_task(self._write())

    def wake(self) -> None:
        """Says that the outbox has something due."""
        self._due.set()

    def finish(self, *, code: int, reason: str) -> None:
        """Sends what is due, then the close frame; cuts the socket if the peer does not take it in time."""
        if self._closing is None:
            self._closing = (code, reason)
            self._deadline = asyncio.get_running_loop().call_later(_CLOSE_GRACE_SECONDS, self._cut)
        self._due.set()

    def abort(self) -> None:
        """Cuts the socket without a close frame; nothing is taken from the outbox any more."""
        self._writer.cancel()
        self._cut()

    async def serve(self, reading: Coroutine[None, None, None]) -> None:
        """Runs the reading side next to the writer until the socket is through; passes on what broke either."""
        self._reader = asyncio.create_task(reading)
        try:
            await asyncio.wait([self._reader])
        finally:
            self._reader.cancel()
            if self._closing is None:
                self._writer.cancel()
            await asyncio.wait([self._reader, self._writer])
            self._ended.set()
            if self._deadline is not None:
                self._deadline.cancel()
        for side in (self._reader, self._writer):
            if not side.cancelled():
                side.result()

    async def ended(self) -> None:
        """Waits until both sides are through."""
        await self._ended.wait()

    def _cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                await self._send_what_is_due()
                if self._closing is not None:
                    await self._close(*self._closing)
                    return
        except ConnectionError:
            # The reading side of the same socket sees the end too and decides what becomes of the connection.
            return

    async def _close(self, code: int, reason: str) -> None:
        """The closing handshake; aiohttp waits for the peer's close frame only while nobody else reads."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._socket.close(code=code, message=_close_reason(reason))

    async def _send_what_is_due(self) -> None:
        while (frame := self._outbox.take()) is not None:
            for _ in range(await self._pace(frame)):
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)


def _close_reason(reason: str) -> bytes:
    return reason.encode()[:_MAXIMUM_CLOSE_REASON_BYTES].decode(errors="ignore").encode()
