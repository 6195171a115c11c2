"""A server that says what a test wants, byte for byte, for clients of HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestration.adapters.bare_http import BareClient

Answering = Callable[[bytes], bytes | None]
"""The answer to a request (head and body): None closes the connection, empty says nothing."""


@dataclass
class RawServer:
    """What came in, and a client that talks to it."""

    endpoint: str
    client: BareClient
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


@asynccontextmanager
async def serving(answering: Answering, *, timeout: float = 10.0, limit: int = 4) -> AsyncIterator[RawServer]:
    """Serve one request after the other on each connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.connections += 1
        try:
            while True:
                request = await _request(reader)
                running.requests.append(request)
                answer = answering(request)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            running.closed.set()
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with BareClient(endpoint, limit=limit, timeout=timeout) as client:
        running = RawServer(endpoint, client)
        yield running
    server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.wait_closed()
