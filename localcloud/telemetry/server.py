"""The HTTP server: takes what exporters post, answers queries, misbehaves on demand. On loopback alone.

Exporters join the endpoint of a connection string and the path with more slashes than one, so paths are matched by
their end: ``.../v2.1/track`` and ``.../QuickPulseService.svc/ping``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from localcloud.telemetry.faults import Behaviour, Fault, parse_behaviour
from localcloud.telemetry.items import MAX_BODY_BYTES, BadBody, envelopes, item_of
from localcloud.telemetry.store import TelemetryStore

_RETRY_AFTER = "2"


@dataclass(kw_only=True)
class TelemetryServer:
    """``store`` keeps what comes; ``behaviour`` may be changed while it runs."""

    store: TelemetryStore
    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: int = 0
    refused: int = 0
    port: int = 0

    def application(self) -> web.Application:
        """All routes."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/counts", self._counts)
        app.router.add_get("/items", self._items)
        app.router.add_get("/traces", self._traces)
        app.router.add_delete("/items", self._forget)
        app.router.add_put("/fault", self._set_fault)
        app.router.add_post("/{path:.*}", self._post)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        path = request.path
        if "/QuickPulseService.svc/" in path:
            # Nobody watches: exporters then ask again in five seconds and send no live metrics.
            return web.Response(headers={"x-ms-qps-subscribed": "false"})
        if not path.endswith(("/v2.1/track", "/v2/track")):
            return web.json_response({"error": "post to /v2.1/track"}, status=404)
        self.requests += 1
        return await self._track(request)

    async def _track(self, request: web.Request) -> web.Response:
        fault = self.behaviour.fault
        if fault is Fault.SLOW:
            await asyncio.sleep(self.behaviour.seconds)
        if fault in (Fault.DOWN, Fault.REFUSING, Fault.THROTTLED):
            self.refused += 1
            return self._refuse(request, fault)
        try:
            # aiohttp undoes gzip itself and leaves the header; envelopes() is told the truth.
            found = envelopes(await request.read(), "")
        except BadBody as error:
            return web.json_response(
                _answer(0, [{"index": 0, "statusCode": 400, "message": str(error)}]), status=400
            )
        taken = found[::2] if fault is Fault.PARTIAL else found
        self.store.add([item_of(envelope) for envelope in taken])
        if fault is Fault.PARTIAL and len(found) > 1:
            errors = [
                {"index": index, "statusCode": 500, "message": "this item was not taken"}
                for index in range(1, len(found), 2)
            ]
            return web.json_response(_answer(len(found), errors), status=206)
        return web.json_response(_answer(len(found), []))

    @staticmethod
    def _refuse(request: web.Request, fault: Fault) -> web.Response:
        if fault is Fault.DOWN:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if fault is Fault.THROTTLED:
            return web.Response(status=429, headers={"Retry-After": _RETRY_AFTER})
        return web.Response(status=403)

    async def _counts(self, _: web.Request) -> web.Response:
        counts = {"items": self.store.counts(), "requests": self.requests, "refused": self.refused}
        return web.json_response(counts)

    async def _items(self, request: web.Request) -> web.Response:
        trace, job, kind = (request.query.get(name, "") for name in ("trace", "job", "kind"))
        found = self.store.find(trace=trace, job=job, kind=kind)
        return web.json_response([asdict(item) for item in found])

    async def _traces(self, request: web.Request) -> web.Response:
        return web.json_response(self.store.traces_of(request.query.get("job", "")))

    async def _forget(self, _: web.Request) -> web.Response:
        self.store.clear()
        return web.Response(status=204)

    async def _set_fault(self, request: web.Request) -> web.Response:
        try:
            self.behaviour = parse_behaviour(json.loads(await request.read()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(status=204)


def _answer(received: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"itemsReceived": received, "itemsAccepted": received - len(errors), "errors": errors}


@asynccontextmanager
async def running(server: TelemetryServer, port: int = 0) -> AsyncIterator[TelemetryServer]:
    """Serve on loopback until the block ends; ``port`` 0 takes a free one."""
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()
        server.store.close()
