"""The broker: one listening socket, one namespace, one store, one timer.

Order of durability: frames are handled in memory and their answers held back; once per turn of the event loop everything
that changed is committed in one transaction; only then the answers leave. So a client never hears "accepted" of a message
that a crash could lose, nor "completed" of one that could come back. If a commit fails the broker stops: its memory would
say more than its disk.
"""

import asyncio
import logging
import sqlite3
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from localcloud.servicebus import stats
from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.amqp.connection import Connection
from localcloud.servicebus.namespace import Namespace, Visitor
from localcloud.servicebus.queues import QueueSettings
from localcloud.servicebus.store import IN_MEMORY, Store

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_BACKLOG = 256
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """What a broker needs; port 0 means any free one, `data` is a file or ":memory:"."""

    queues: tuple[QueueSettings, ...]
    key: AccessKey
    data: str = IN_MEMORY
    port: int = 0
    stats_port: int = 0


class Broker:
    """A running broker, as an asynchronous context manager."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._store = Store(settings.data)
        self._queues = [self._store.load(queue, _now_ms) for queue in settings.queues]
        self._namespace = Namespace(self._queues)
        self._connections: set[Connection] = set()
        self._touched: set[Connection] = set()
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: int | None = None
        self._nobody_connected = asyncio.Event()
        self._nobody_connected.set()
        self._servers: list[asyncio.Server] = []
        self._failed = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._listen()
        except OSError:
            self._close()
            raise
        self._plan_turn()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.shut_down("The broker is stopping.")
        if not self._failed.is_set():
            self._run_turn()
        try:
            await asyncio.wait_for(self._nobody_connected.wait(), _CLOSE_SECONDS)
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._nobody_connected.wait()
        self._close()

    @property
    def port(self) -> int:
        """The AMQP port."""
        return _port(self._servers[0])

    @property
    def stats_port(self) -> int:
        """The HTTP port of the statistics."""
        return _port(self._servers[1])

    @property
    def connection_string(self) -> str:
        """What an SDK needs to connect."""
        key = self._settings.key
        return (
            f"Endpoint=sb://{_HOST}:{self.port};SharedAccessKeyName={key.name};SharedAccessKey={key.secret};"
            "UseDevelopmentEmulator=true"
        )

    def stats(self) -> dict[str, Any]:
        """Connections, and per queue the message counts by state and the counters of messages in and out."""
        queues = {entity.queue.settings.name: entity.stats() for entity in self._namespace}
        self._plan_turn()
        return {"connections": len(self._connections), "queues": queues}

    async def failed(self) -> None:
        """Returns when the broker had to stop because it could not write its data."""
        await self._failed.wait()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._accept, _HOST, self._settings.port, backlog=_BACKLOG)
        self._servers.append(listener)
        self._servers.append(await stats.serve(self._settings.stats_port, self.stats))

    def _close(self) -> None:
        for server in self._servers:
            server.close()
        for handle in (self._turn, self._timer):
            if handle is not None:
                handle.cancel()
        self._store.close()

    def _accept(self) -> Connection:
        connection = Connection(
            Visitor(self._namespace, self._settings.key, time.time),
            container_id="localcloud-servicebus",
            touched=self._touch,
            ended=self._forget,
        )
        self._connections.add(connection)
        self._nobody_connected.clear()
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._touched.discard(connection)
        if not self._connections:
            self._nobody_connected.set()
        self._plan_turn()

    def _touch(self, connection: Connection) -> None:
        self._touched.add(connection)
        self._plan_turn()

    def _plan_turn(self) -> None:
        if self._turn is None and not self._failed.is_set():
            self._turn = asyncio.get_running_loop().call_soon(self._run_turn)

    def _run_turn(self) -> None:
        """Hands out messages, commits, and then lets the answers go."""
        for entity in self._namespace:
            entity.advance()
        # What touched a connection until here leaves with this turn, so only now another one may be planned.
        self._turn = None
        try:
            self._store.commit(self._queues)
        except sqlite3.Error:
            self._stop_serving()
            return
        touched, self._touched = self._touched, set()
        for connection in touched:
            connection.flush()
        self._set_timer()

    def _stop_serving(self) -> None:
        _LOG.critical("stopping: the data could not be written", exc_info=True)
        self._failed.set()
        for connection in list(self._connections):
            connection.abort()

    def _set_timer(self) -> None:
        moments = [moment for queue in self._queues if (moment := queue.next_moment()) is not None]
        soonest = min(moments, default=None)
        if soonest == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = soonest
        if soonest is not None:
            # One millisecond later than asked for, because the clock of the queues rounds down.
            delay = max(0, soonest - _now_ms() + 1) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = self._timer_at = None
        self._plan_turn()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
