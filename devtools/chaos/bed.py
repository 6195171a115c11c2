"""The stack of a chaos run: storage on disk, several runners, tables and broker behind fault proxies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devtools import stack
from devtools.chaos.plan import Blow, PlannedBlow
from devtools.paths import ROOT
from localcloud.faults.decisions import Fault, FaultRates
from localcloud.faults.tables import TableFaultProxy
from localcloud.faults.tcp import TcpProxy
from localcloud.supervisor import ports as port_names
from localcloud.supervisor.endpoints import Endpoints
from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.options import StackOptions

LEASE_SECONDS = 6
SWEEP_SECONDS = 3
CALM = FaultRates()
ROUGH = FaultRates(
    shares={
        Fault.CONFLICT: 0.01,
        Fault.THROTTLED: 0.01,
        Fault.SERVER_ERROR: 0.005,
        Fault.UNAVAILABLE: 0.015,
        Fault.LOST_REQUEST: 0.005,
        Fault.LOST_ANSWER: 0.01,
        Fault.DELAY: 0.04,
    },
    longest_delay=1.0,
)
_SLOW_CHUNK = 0.1


@dataclass(kw_only=True)
class Bed:
    """A running stack and the means to hurt it."""

    running: stack.RunningStack
    tables: TableFaultProxy
    broker: TcpProxy
    blows: Counter[str] = field(default_factory=Counter)

    @property
    def storage(self) -> str:
        """The connection string of the tables, past the proxy."""
        return str(self.running.endpoints["storage"])

    @property
    def service_bus(self) -> str:
        """The connection string of the broker, past the proxy."""
        return str(self.running.endpoints["serviceBus"])

    def api(self, instance: int) -> str:
        """The address of one runner."""
        return f"http://127.0.0.1:{self.running.endpoints['ports'][f'functions-{instance}']}"

    async def strike(self, planned: PlannedBlow) -> None:
        """Do it, and mend it again where it lasts."""
        self.blows[planned.blow.value] += 1
        match planned.blow:
            case Blow.KILL_RUNNER:
                self._signal(f"functions-{planned.instance}", signal.SIGKILL)
            case Blow.KILL_BROKER:
                self._signal("servicebus", signal.SIGKILL)
            case Blow.RESTART_STORAGE:
                self._signal("azurite", signal.SIGTERM)  # it keeps its data only when it may flush
            case Blow.CUT_BROKER:
                self.broker.cut()
            case Blow.PAUSE_BROKER:
                self.broker.pause()
                await asyncio.sleep(planned.seconds)
                self.broker.resume()
            case Blow.SLOW_BROKER:
                self.broker.delay = _SLOW_CHUNK
                await asyncio.sleep(planned.seconds)
                self.broker.delay = 0.0

    def calm(self) -> None:
        """No more faults."""
        self.tables.rates = CALM
        self.broker.delay = 0.0
        self.broker.resume()

    def _signal(self, part: str, number: signal.Signals) -> None:
        endpoints = self.running.folder.read_endpoints() or {}
        pid = endpoints.get("processes", {}).get(part)
        if pid is not None:  # it may be dead from the blow before
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@asynccontextmanager
async def open_bed(data: Path, *, instances: int, seed: int) -> AsyncIterator[Bed]:
    """Start it in the empty folder ``data``, calm at first; stopped at the end. Raises :class:`stack.StackStartError`."""
    folder = DataFolder(data)

    def port(name: str) -> int:
        return folder.last_ports()[name]  # the supervisor writes them down before it starts its parts

    async with (
        TableFaultProxy(lambda: port(port_names.TABLE), seed=seed, rates=CALM) as tables,
        TcpProxy(lambda: port(port_names.BROKER)) as broker,
    ):
        options = StackOptions(repository=ROOT, data=data, instances=instances)
        environment = _settings(folder, tables=tables.port, broker=broker.port)
        starting = stack.launch(options, tied=True, environment=environment)
        running = await asyncio.to_thread(starting.ready)
        try:
            yield Bed(running=running, tables=tables, broker=broker)
        finally:
            await asyncio.to_thread(running.throw_away)


def _settings(folder: DataFolder, *, tables: int, broker: int) -> dict[str, str]:
    """The app's settings that lead it through the proxies, with a short lease and frequent sweeps."""
    unknown = dict.fromkeys((*port_names.USUAL, "functions-1"), 0)
    endpoints = Endpoints.of({**unknown, port_names.TABLE: tables, port_names.BROKER: broker}, folder.keys())
    return {
        "CONTENT_STORAGE_CONNECTION_STRING": re.sub(r"BlobEndpoint=[^;]*;", "", endpoints.storage),
        "AZURE_SERVICE_BUS_CONNECTION_STRING": endpoints.service_bus,
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "CALLBACK_ALLOWED_HOSTS": "127.0.0.1",
        "SWEEP_SCHEDULE": f"*/{SWEEP_SECONDS} * * * * *",
    }
