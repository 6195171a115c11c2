"""The API as an ASGI application, so that generated calls reach it without a server.

Calls are put together as the Functions host does it (``localcloud/host/http_datums.py``): routes by method and path,
header names in lower case, empty query values dropped, repeated ones joined, bodies only with a Content-Length.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from localcloud.host.http_datums import join_query, join_repeats
from orchestration.api import Api
from orchestration.http import HttpCall
from orchestration.routes import CATCH_ALL, Route, routes_of

Message = dict[str, Any]


class ApiOverAsgi:
    """Hands every HTTP request to ``Api.answer`` of whichever service it is given."""

    api: Api

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        route, values = found(scope["method"], scope["path"])
        headers = join_repeats(
            (k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"]
        )
        body = await whole_body(receive)
        call = HttpCall(
            method=scope["method"],
            headers=headers,
            query=join_query(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            route=values,
            body=body if "content-length" in headers else b"",
        )
        reply = await self.api.answer(route, call)
        names = {**reply.headers, "content-type": reply.content_type, "content-length": str(len(reply.body))}
        if reply.status in (204, 304):
            del names["content-type"]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in names.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})


def found(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route that the host would choose."""
    for route, values in routes_of(path):
        if route.method == method:
            return route, values
    return CATCH_ALL, {"rest": path.lstrip("/")}


async def whole_body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
