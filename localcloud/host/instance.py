"""The running part of a host: its invoker, its listeners and its HTTP server, and the order in which they stop."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.host.admin import AdminActions, AdminApi, DrainState
from localcloud.host.clock import Clock
from localcloud.host.config import HostConfig
from localcloud.host.cors import CorsPolicy
from localcloud.host.errors import FunctionInError
from localcloud.host.http_server import HttpFace, HttpServer
from localcloud.host.invoker import Invoker, Outcome
from localcloud.host.keys import KeyRing
from localcloud.host.listeners import Listeners
from localcloud.host.loop_monitor import LoopMonitor
from localcloud.host.manual import manual_call
from localcloud.host.routing import Route, RouteTable, make_route
from localcloud.host.settings import AppSettings
from localcloud.host.triggers import HttpTrigger, IndexedFunction

_LOG = logging.getLogger("host")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceParts:
    """What was loaded and decided before anything runs."""

    settings: AppSettings
    clock: Clock
    config: HostConfig
    cors: CorsPolicy
    keys: KeyRing | None
    data: Path
    instance_id: str
    functions: Mapping[str, IndexedFunction]
    selected: frozenset[str]
    """Names of the functions to serve."""


class HostInstance:
    """Everything that runs between start and stop."""

    def __init__(self, parts: InstanceParts) -> None:
        threads = parts.settings.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._parts = parts
        self._invoker = Invoker(
            timeout_s=parts.config.function_timeout_s, threads=None if threads is None else int(threads)
        )
        self._monitor = LoopMonitor(self._invoker.take_active)
        self._listeners = Listeners(
            parts.settings,
            parts.config.service_bus,
            invoker=self._invoker,
            clock=parts.clock,
            timer_folder=parts.data / "timers",
        )
        self._routes: list[Route] = []
        self._served: list[str] = []
        self._by_hand: set[asyncio.Task[Outcome]] = set()
        self._draining = False
        self._server: HttpServer | None = None

    @property
    def served(self) -> list[str]:
        """Names of the functions that were started, sorted."""
        return sorted(self._served)

    @property
    def busy_threads(self) -> int:
        """Number of threads that still run a synchronous function."""
        return self._invoker.busy_threads

    async def start(self, listener: socket.socket) -> None:
        """Start every listener and serve HTTP on the bound socket."""
        self._monitor.start()
        for function in self._parts.functions.values():
            self._start_function(function)
        self._server = HttpServer(self._http_face())
        await self._server.start(listener)

    async def ready(self) -> None:
        """Wait until every listener receives or has said why not."""
        await self._listeners.ready()

    async def worker_lost(self) -> None:
        """Wait until an invocation has run out of time."""
        await self._invoker.worker_lost.wait()

    async def invoke(self, name: str, text: str) -> Outcome:
        """Run one function by hand and wait for it."""
        function = self._parts.functions[name]
        return await self._invoker.run(function, manual_call(function, text))

    async def stop(self, grace_s: float) -> None:
        """Stop receiving, wait for what runs, end the rest."""
        self._listeners.stop(drain=self._parts.settings.is_true("FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING"))
        if self._server is not None:
            await self._server.stop_listening()
        if not await self._invoker.wait_idle(grace_s):
            _LOG.warning(
                "%d invocations did not end within %g s and are given up.", self._invoker.outstanding, grace_s
            )
        # Listeners first: a message whose function is given up must not be settled, as if the process were killed.
        await self._listeners.close()
        await self._invoker.close()
        if self._by_hand:
            await asyncio.wait(self._by_hand)
        if self._server is not None:
            await self._server.close()
        await self._monitor.close()

    def _start_function(self, function: IndexedFunction) -> None:
        name = function.name
        if name not in self._parts.selected:
            return
        if self._parts.settings.is_disabled(name):
            _LOG.info("Function '%s' is disabled", name)
            return
        try:
            self._listen(function)
        except FunctionInError as error:
            _LOG.error("The '%s' function is in error: %s", name, error)
            return
        self._served.append(name)

    def _listen(self, function: IndexedFunction) -> None:
        trigger = function.trigger
        if isinstance(trigger, HttpTrigger):
            route = self._parts.settings.resolve(trigger.route)
            prefix = self._parts.config.route_prefix
            self._routes.append(make_route(function.name, trigger, route=route, prefix=prefix))
        else:
            self._listeners.start(function, trigger)

    def _http_face(self) -> HttpFace:
        actions = AdminActions(
            start_by_hand=self._start_by_hand,
            drain=self._drain,
            drain_state=self._drain_state,
            outstanding=lambda: self._invoker.outstanding,
        )
        return HttpFace(
            functions=self._parts.functions,
            routes=RouteTable(self._routes),
            invoker=self._invoker,
            admin=AdminApi(actions, instance_id=self._parts.instance_id),
            keys=self._parts.keys,
            cors=self._parts.cors,
            homepage=not self._parts.settings.is_true("AzureWebJobsDisableHomepage"),
        )

    def _start_by_hand(self, name: str, text: str) -> bool:
        known = next((key for key in self._parts.functions if key.lower() == name.lower()), None)
        if known is None:
            return False
        task = asyncio.create_task(self.invoke(known, text), name=f"by hand {known}")
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return True

    def _drain(self) -> None:
        self._draining = True
        self._listeners.stop(drain=True)

    def _drain_state(self) -> DrainState:
        if not self._draining:
            return "Disabled"
        return "InProgress" if self._invoker.outstanding else "Completed"
