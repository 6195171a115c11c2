"""The stand-in as one HTTP server: wiring of its parts, start and stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from localcloud.webpubsub.faults import FaultApi, FaultPlan, refusals
from localcloud.webpubsub.gateway import MAXIMUM_FRAME_BYTES, Gateway
from localcloud.webpubsub.hub import Connection
from localcloud.webpubsub.outbox import OutboxLimits
from localcloud.webpubsub.rest import guard
from localcloud.webpubsub.rest_connections import ConnectionApi
from localcloud.webpubsub.rest_send import SendApi
from localcloud.webpubsub.switchboard import Switchboard
from localcloud.webpubsub.upstream import EventHandler

_HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How to run the stand-in.

    Attributes:
        key: The access key, at least 32 bytes.
        secondary_key: The second one, while keys are replaced: tokens may be signed with it, events are signed with both.
        port: TCP port on loopback; 0 takes a free one.
        upstream: URL of the event handler, absent for none.
        upstream_hub: The hub whose events go there.
        faults: Whether to serve `/_faults`.
        retention: Seconds for which a broken reliable connection can be recovered.
        ack_latency: Seconds between a client's request and its ack.
        limits: What may wait for one client.
    """

    key: str
    secondary_key: str | None = None
    port: int = 0
    upstream: str | None = None
    upstream_hub: str = "contentjobs"
    faults: bool = False
    retention: float = 30.0
    ack_latency: float = 0.05
    limits: OutboxLimits = field(default_factory=OutboxLimits)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, the primary one first."""
        return (self.key,) if self.secondary_key is None else (self.key, self.secondary_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A started server and how to reach it."""

    port: int
    connection_string: str


@asynccontextmanager
async def running(settings: ServerSettings) -> AsyncIterator[RunningServer]:
    """Serves while the context is open; on the way out every client gets a close frame.

    Raises:
        OSError: The port is taken.
    """
    event_handlers: dict[str, EventHandler] = {}
    plan = FaultPlan()

    def depart(connection: Connection, reason: str) -> None:
        if (event_handler := event_handlers.get(connection.hub)) is not None:
            event_handler.announce_disconnected(connection, reason)

    switchboard = Switchboard(
        retention=settings.retention, ack_latency=settings.ack_latency, pace=plan.pace, on_departure=depart
    )
    runner = web.AppRunner(
        _application(settings, switchboard, event_handlers, plan),
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    if settings.upstream is not None:
        event_handlers[settings.upstream_hub] = EventHandler(
            url=settings.upstream, keys=settings.keys, origin=_HOST, now=_now
        )
    try:
        await runner.setup()
        site = web.TCPSite(runner, _HOST, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        endpoint = f"http://{_HOST}:{port}"
        yield RunningServer(
            port=port, connection_string=f"Endpoint={endpoint};AccessKey={settings.key};Version=1.0;"
        )
        await site.stop()  # first of all, because clients that are told to go away come back at once
        await switchboard.shut_down()
    finally:
        await runner.cleanup()
        for event_handler in event_handlers.values():
            await event_handler.close()


def _application(
    settings: ServerSettings,
    switchboard: Switchboard,
    event_handlers: dict[str, EventHandler],
    plan: FaultPlan,
) -> web.Application:
    middlewares = [guard(settings.keys)]
    if settings.faults:
        middlewares.insert(0, refusals(plan))
    application = web.Application(middlewares=middlewares, client_max_size=MAXIMUM_FRAME_BYTES)
    gateway = Gateway(
        keys=settings.keys, switchboard=switchboard, event_handlers=event_handlers, limits=settings.limits
    )
    application.add_routes([web.get("/api/health", _health)])
    application.add_routes(gateway.routes())
    application.add_routes(SendApi(key=settings.key, switchboard=switchboard, now=_now).routes())
    application.add_routes(ConnectionApi(switchboard=switchboard).routes())
    if settings.faults:
        application.add_routes(FaultApi(plan=plan, switchboard=switchboard).routes())
    return application


async def _health(_: web.Request) -> web.Response:
    return web.Response()


def _now() -> datetime:
    return datetime.now(UTC)
