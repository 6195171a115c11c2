"""A tiny HTTP server on loopback with two documents: `/healthz` and `/stats`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

_READ_SECONDS = 5.0
_MAX_HEAD = 8192


async def serve(port: int, stats: Callable[[], dict[str, Any]]) -> asyncio.Server:
    """Starts the server; `stats` is called for each request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _READ_SECONDS)
            writer.write(_response(head, stats))
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # a client that does not finish its request, or goes away, gets no answer
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port, limit=_MAX_HEAD)


def _response(head: bytes, stats: Callable[[], dict[str, Any]]) -> bytes:
    method, _, rest = head.decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method != "GET":
        status, document = "405 Method Not Allowed", {"error": "GET only"}
    elif path == "/healthz":
        status, document = "200 OK", {"status": "healthy"}
    elif path == "/stats":
        status, document = "200 OK", stats()
    else:
        status, document = "404 Not Found", {"error": "try /healthz or /stats"}
    body = json.dumps(document).encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body
