"""An app in memory behind a real HTTP port, and the Web PubSub stand-in that tells it about its clients."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from orchestration.adapters.clock import SystemClock
from orchestration.http import HttpCall
from orchestration.routes import BASE, ROUTES, Route
from orchestration.settings import Settings
from tests.orchestration.support import World, settings_for
from tests.orchestration.test_publisher_contract import publisher_for
from tests.webpubsub.support import LIMIT_SECONDS, StandIn, started

HUB = "contentjobs"
UPSTREAM = f"/{BASE}/realtime/upstream"


@dataclass(kw_only=True)
class LiveApp:
    """The app, the stand-in, and calls to both as a client makes them."""

    world: World
    stand_in: StandIn
    http: aiohttp.ClientSession
    url: str
    told: list[str]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.url}/{BASE}/{path}", json=body) as answer:
            assert answer.status in (200, 202), await answer.text()
            return await answer.json()

    async def events_after(self, job_id: str, sequence: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.call("GET", f"job/{job_id}/events?after={sequence}"))[
            "value"
        ]
        return found

    async def fault(self, name: str, **order: Any) -> Any:
        async with self.http.post(f"{self.stand_in.endpoint}/_faults/{name}", json=order) as answer:
            assert answer.ok, await answer.text()
            return await answer.json() if answer.status == 200 else None

    async def sockets(self) -> int:
        async with self.http.get(f"{self.stand_in.endpoint}/_faults") as answer:
            return int((await answer.json())["sockets"])


class _Face:
    """Serves the table of routes, as the Functions host would."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.told: list[str] = []
        self._patterns = [
            (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", f"/{BASE}/{route.path}")), route)
            for route in ROUTES.values()
        ]

    async def serve(self, request: web.Request) -> web.Response:
        assert self.world is not None
        route, parameters = self._route(request)
        if request.path == UPSTREAM:
            self.told.append(request.headers.get("ce-type", "OPTIONS").removeprefix("azure.webpubsub."))
        call = HttpCall(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            query=dict(request.query),
            route=parameters,
            body=await request.read(),
        )
        reply = await self.world.app.api.answer(route, call)
        return web.Response(
            status=reply.status,
            body=reply.body,
            headers={**reply.headers, "Content-Type": reply.content_type},
        )

    def _route(self, request: web.Request) -> tuple[Route, Mapping[str, str]]:
        for pattern, route in self._patterns:
            match = pattern.fullmatch(request.path)
            if match and route.method == request.method:
                return route, match.groupdict()
        raise web.HTTPNotFound


@asynccontextmanager
async def live_app(**stand_in_settings: Any) -> AsyncIterator[LiveApp]:
    """An app whose jobs run when a test says so, on the real clock; everything else is the real thing."""
    face = _Face()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", face.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    server = started(upstream=url + UPSTREAM, faults=True, **stand_in_settings)
    stand_in = await asyncio.to_thread(server.__enter__)
    publisher = publisher_for(stand_in, HUB)
    environment = {
        "WEB_PUBSUB_CONNECTION_STRING": stand_in.connection_string,
        "CONTENT_ARCHITECT_API_URL": url,
    }
    face.world = World(
        clock=SystemClock(),  # type: ignore[arg-type] # nobody sets this one
        publisher=publisher,  # type: ignore[arg-type] # the real one keeps no list
        environment=environment,
    )
    try:
        async with aiohttp.ClientSession() as http:
            yield LiveApp(world=face.world, stand_in=stand_in, http=http, url=url, told=face.told)
    finally:
        await publisher.close()
        await asyncio.to_thread(server.__exit__, None, None, None)
        await runner.cleanup()


def app_settings(stand_in: StandIn) -> Settings:
    return settings_for(WEB_PUBSUB_CONNECTION_STRING=stand_in.connection_string)


ReadAfter = Callable[[int], Awaitable[list[dict[str, Any]]]]


@dataclass(kw_only=True)
class SequenceMerger:
    """Merges what a socket says with the event log, by sequence: each event once, in order.

    ``read_after`` reads the log. ``from_socket`` and ``from_log`` count where events came from.
    """

    read_after: ReadAfter
    seen: list[dict[str, Any]] = field(default_factory=list)
    from_socket: int = 0
    from_log: int = 0
    repeated: int = 0

    @property
    def last(self) -> int:
        return int(self.seen[-1]["sequence"]) if self.seen else 0

    async def connected(self) -> None:
        """A socket is open (again): what was said meanwhile is in the log."""
        for update in await self.read_after(self.last):
            if update["sequence"] > self.last:
                self.seen.append(update)
                self.from_log += 1

    async def take(self, update: dict[str, Any]) -> None:
        """A message came."""
        sequence = update.get("sequence")
        if sequence is None:
            return
        if sequence > self.last + 1:
            await self.connected()
        if sequence == self.last + 1:
            self.seen.append(update)
            self.from_socket += 1
        elif sequence <= self.last:
            self.repeated += 1


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 3 * LIMIT_SECONDS
) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.01)
    except TimeoutError as error:
        raise AssertionError(f"not within {seconds} s: {what}") from error
