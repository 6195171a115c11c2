"""A TCP proxy on loopback whose connections can be cut, slowed down and held."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536


class TcpProxy:
    """Forwards every connection to the port that ``target`` names when it is opened. An async context manager.

    ``delay`` is in seconds and applies to each chunk, in both directions.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay = 0.0
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("use the proxy in an async with block")
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> int:
        """Reset all open connections; returns how many there were."""
        cut = len(self._open) // 2
        for writer in self._open:
            writer.transport.abort()
        return cut

    def pause(self) -> None:
        """Hold what arrives from now on; connections stay open."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let it flow again, in order."""
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target())
        except OSError:
            writer.transport.abort()  # nobody listens there: a refused connection, as far as a proxy can show it
            return
        self.connections += 1
        ends = {writer, far_writer}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # either side may go away at any time; the other learns it below
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()
        writer.close()
