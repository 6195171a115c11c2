"""The HTTP API and its Web PubSub socket as ``./dev generate`` sees them, with one scripted job."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

JOB = "0198-job"
PACKAGE = {
    "status": "complete",
    "article": {
        "slug": "ai-in-clinics",
        "answer": [{"id": "c1", "evidence": ["E1"]}],
        "sections": [{"sentences": [{"id": "c2", "evidence": ["E1", "E2"]}, {"id": "c3", "evidence": []}]}],
        "faq": [{"question": "?", "answer": [{"id": "c4", "evidence": ["E3"]}]}],
    },
    "evidence": [{"id": "E1", "source": "S1"}, {"id": "E2", "source": "S2"}, {"id": "E3", "source": "S2"}],
    "sources": [{"id": "S1"}, {"id": "S2"}],
}
COMPLETED = {"type": "result_ready", "data": {"status": "completed", "percentage": 100}}
CANCELLED = {"type": "status_change", "data": {"status": "cancelled"}}


def step(name, percentage):
    data = {
        "step": name,
        "layer": "bottom",
        "status": "completed",
        "durationMs": 40,
        "percentage": percentage,
    }
    return {"type": "step_completed", "data": data}


@dataclass
class FakeApi:
    """``script`` are the job's updates. The socket fails as told: it ``drops_after`` so many updates, ``loses``
    the update with one sequence, or is ``refused`` altogether. A job that ``waits`` ends only when cancelled."""

    script: list = field(default_factory=lambda: [step("analyze_intent", 20), step("write", 90), COMPLETED])
    error: dict | None = None
    package: dict = field(default_factory=lambda: PACKAGE)
    refusal: tuple[int, dict] | None = None
    drops_after: int | None = None
    loses: int | None = None
    refused: bool = False
    waits: bool = False
    requests: list = field(default_factory=list)
    log: list = field(default_factory=list)
    base: str = ""
    sockets: set = field(default_factory=set)
    began: bool = False
    polled: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self):
        app = web.Application(client_max_size=2**21)
        prefix = f"/content-architect/job/{JOB}"
        app.add_routes(
            [
                web.post("/content-architect/generate", self.submit),
                web.get(prefix, self.job),
                web.get(f"{prefix}/events", self.events),
                web.get(f"{prefix}/result", self.result),
                web.post(f"{prefix}/cancel", self.cancel),
                web.post(f"{prefix}/negotiate", self.negotiate),
                web.get("/client", self.socket),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def view(self):
        status = next(
            (u["data"]["status"] for u in reversed(self.log) if u["type"] != "step_completed"), "queued"
        )
        return {
            "jobId": JOB,
            "status": status,
            "sequence": len(self.log),
            "error": self.error,
            "warnings": [],
        }

    async def submit(self, request):
        body = await request.json()
        self.requests.append((body, dict(request.headers)))
        if self.refusal:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        if body["async"] is False and not self.waits:
            await self.run()
        if body["async"] is False and self.waits and "Prefer" not in request.headers:
            self.polled.set()
            await asyncio.Event().wait()
        return web.json_response(self.view(), status=202)

    async def job(self, _):
        return web.json_response(self.view())

    async def events(self, request):
        self.polled.set()
        if self.refused and not self.began:
            await self.run()
        after = int(request.query["after"])
        return web.json_response({"value": self.log[after:]})

    async def result(self, request):
        kind = request.headers["Accept"]
        if kind == "application/json":
            return web.json_response(self.package)
        return web.Response(text=f"# as {kind}\n", content_type=kind)

    async def cancel(self, _):
        await self.publish(CANCELLED)
        return web.json_response(self.view(), status=202)

    async def negotiate(self, _):
        if self.refused:
            return web.json_response({"title": "Realtime is down"}, status=503)
        return web.json_response({"url": self.base.replace("http", "ws") + "/client"})

    async def socket(self, request):
        socket = web.WebSocketResponse(protocols=("json.webpubsub.azure.v1",))
        await socket.prepare(request)
        await socket.send_json({"type": "system", "event": "connected", "connectionId": "c"})
        self.sockets.add(socket)
        if not self.began:
            await self.run()
        async for message in socket:
            assert message.type is not WSMsgType.TEXT, "a watcher only listens"
        return socket

    async def run(self):
        self.began = True
        if not self.waits:
            for update in self.script:
                await self.publish(update)

    async def publish(self, update):
        sequence = len(self.log) + 1
        update = {"event": "JobUpdate", "jobId": JOB, "sequence": sequence, "timestamp": "t", **update}
        self.log.append(update)
        for socket in list(self.sockets):
            if self.drops_after is not None and sequence > self.drops_after:
                self.sockets.discard(socket)
                await socket.close()
            elif sequence != self.loses:
                frame = {"type": "message", "from": "group", "group": "g", "dataType": "json", "data": update}
                await socket.send_str(json.dumps(frame))
