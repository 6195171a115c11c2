"""Conversion between aiohttp's HTTP messages and the datums the host exchanges with the Python worker."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum
from multidict import CIMultiDict

_LOG = logging.getLogger("host.http")

_MANAGED_HEADERS = {"content-length", "transfer-encoding", "connection"}
"""The server computes these itself; a function's own value could contradict the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpInput:
    """An HTTP request as the host hands it to the worker."""

    method: str
    url: str
    """Absolute, with the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    route_values: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def http_datum(request: HttpInput) -> Datum:
    """Build the datum of an HTTP trigger."""
    return Datum(
        type="http",
        value={
            "method": Datum(request.method, "string"),
            "url": Datum(request.url, "string"),
            "headers": _strings(request.headers),
            "query": _strings(request.query),
            "params": _strings(request.route_values),
            "body": Datum(request.body, "bytes"),
        },
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


async def read_http_input(request: web.Request, route_values: Mapping[str, str]) -> HttpInput:
    """Read a request with the host's rules: lower-case header names, empty query values dropped, repeats joined by a comma.

    A body without ``Content-Length`` (chunked) arrives empty, as in the host, with a warning in the log.
    """
    return HttpInput(
        method=request.method,
        url=f"{request.scheme}://{request.host}{request.raw_path}",
        headers=join_repeats((name.lower(), value) for name, value in request.headers.items()),
        query=join_query(request.query.items()),
        route_values=route_values,
        body=await _read_body(request),
    )


def join_repeats(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of repeated names with a comma."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def join_query(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join repeated query values with a comma; names are compared without case and empty values are dropped."""
    spelling: dict[str, str] = {}
    return join_repeats((spelling.setdefault(name.lower(), name), value) for name, value in pairs if value)


async def _read_body(request: web.Request) -> bytes:
    if request.content_length:
        return await request.read()
    if request.can_read_body and await request.read():
        _LOG.warning(
            "The body of %s %s has no Content-Length; the Functions host hands an empty body to Python functions.",
            request.method,
            request.path,
        )
    return b""


def http_response(datum: Datum | None) -> web.Response:
    """Turn what an HTTP function returned into a response.

    Raises:
        ValueError: the status is not a number.
    """
    if datum is None:
        return web.Response(status=204)
    if datum.type == "string":
        return _text_response(str(datum.value))
    value: dict[str, Any] = datum.value
    headers: CIMultiDict[str] = CIMultiDict(
        (name, header.value)
        for name, header in value["headers"].items()
        if name.lower() not in _MANAGED_HEADERS
    )
    for jar in value["cookies"] or ():
        for cookie in jar.values():
            headers.add("Set-Cookie", cookie.OutputString())
    return web.Response(status=int(value["status_code"].value), headers=headers, body=value["body"].value)


def _text_response(text: str) -> web.Response:
    """Answer a returned string: a JSON object with a ``body`` member is taken as a description of the response."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    described = (
        {str(key).lower(): value for key, value in content.items()} if isinstance(content, dict) else {}
    )
    if "body" not in described:
        return web.Response(text=text)
    status = int(described.get("statuscode", described.get("status", 200)))
    given = described.get("headers") or {}
    headers: CIMultiDict[str] = CIMultiDict((str(name), str(value)) for name, value in given.items())
    body = described["body"]
    if not isinstance(body, str):
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        body = json.dumps(body)
    headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    return web.Response(status=status, headers=headers, body=body.encode())
