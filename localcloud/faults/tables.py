"""An HTTP proxy before the Table endpoint that refuses, delays and loses requests.

Requests pass unchanged: Shared Key signs the path, not host or port (Microsoft Learn, "Authorize with Shared
Key", Table service), so a proxy on another port needs no key.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

from localcloud.faults.decisions import STATUSES, Decision, Fault, FaultDice, FaultRates
from localcloud.faults.tcp import LOOPBACK

_OF_THE_CONNECTION = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
)
_OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_TIMEOUT = aiohttp.ClientTimeout(total=60)
_CODES = {412: "UpdateConditionNotSatisfied", 429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}


class TableFaultProxy:
    """Forwards to the port that ``target`` names. An async context manager.

    ``rates`` may be replaced at any time; ``counts`` says what happened so far.
    """

    def __init__(self, target: Callable[[], int], *, seed: int, rates: FaultRates) -> None:
        self._target = target
        self._dice = FaultDice(seed)
        self._session: aiohttp.ClientSession | None = None
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=1.0)
        self.rates = rates
        self.counts: Counter[Fault] = Counter()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT, auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._runner.addresses[0][1])

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        decision = self._dice.next(
            self.rates, conditional=is_conditional(request.headers.get("If-Match"), body)
        )
        self.counts[decision.fault] += 1
        if status := STATUSES.get(decision.fault):
            return _refusal(status, batch=request.path.endswith("/$batch"))
        return await self._forward(request, body, decision)

    async def _forward(self, request: web.BaseRequest, body: bytes, decision: Decision) -> web.StreamResponse:
        if decision.fault is Fault.LOST_REQUEST:
            return _cut(request)
        await asyncio.sleep(decision.delay)
        if self._session is None:
            raise RuntimeError("use the proxy in an async with block")
        url = URL(f"http://{LOOPBACK}:{self._target()}{request.raw_path}", encoded=True)
        headers = [(n, v) for n, v in request.headers.items() if n.lower() not in _OF_THE_CONNECTION]
        try:
            async with self._session.request(
                request.method,
                url,
                headers=headers,
                data=body or None,
                skip_auto_headers=_OWN_HEADERS,
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _cut(request)  # the service is down: its client sees what it would see without a proxy
        if decision.fault is Fault.LOST_ANSWER:
            return _cut(request)
        response = web.Response(status=answer.status, body=payload)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                response.headers[name] = value
        return response


def is_conditional(if_match: str | None, body: bytes) -> bool:
    """Whether a request, or one inside its batch, depends on an ETag."""
    if if_match is not None:
        return if_match != "*"
    return b"\r\nIf-Match: W/" in body


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)  # reaches nobody


def _refusal(status: int, *, batch: bool) -> web.Response:
    """The service's own form of a refusal; inside a batch a failed condition is part of a 202."""
    error = {
        "odata.error": {"code": _CODES[status], "message": {"lang": "en-US", "value": "Refused on purpose."}}
    }
    if status != STATUSES[Fault.CONFLICT] or not batch:
        return web.json_response(error, status=status)
    inner = (
        "--batchresponse_fault\r\nContent-Type: multipart/mixed; boundary=changesetresponse_fault\r\n\r\n"
        "--changesetresponse_fault\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 {status} Precondition Failed\r\nContent-Type: application/json\r\n\r\n{json.dumps(error)}\r\n"
        "--changesetresponse_fault--\r\n--batchresponse_fault--\r\n"
    )
    return web.Response(
        status=202,
        body=inner.encode(),
        headers={"Content-Type": "multipart/mixed; boundary=batchresponse_fault"},
    )
