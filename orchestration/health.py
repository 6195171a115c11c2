"""Health: is the process there, are its dependencies. Answers come from memory or within two seconds.

``unhealthy`` (503) means that nothing can be accepted: storage does not answer. ``degraded`` (200) means that jobs are
accepted and something will come late, be tried again or be made without a source: a circuit is open. All are judged by
the calls that jobs make (:mod:`orchestration.circuits`); storage is probed as well, with one read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal

from orchestration.circuits import TABLE_STORAGE, Circuits, CircuitState
from orchestration.errors import ContentArchitectError
from orchestration.ports import Clock

if TYPE_CHECKING:
    from orchestration.contract.answers import DependencyHealth, Health

CACHE_SECONDS = 5.0
PROBE_SECONDS = 2.0
NEEDED = frozenset({TABLE_STORAGE})
"""Without storage nothing can be accepted; without the queue or realtime, jobs are accepted and run later."""

Probe = Callable[[], Awaitable[object]]


class HealthService:
    """Probes each dependency at most once per five seconds, however many ask."""

    def __init__(self, probes: Mapping[str, Probe], clock: Clock, circuits: Circuits | None = None) -> None:
        self._probes = probes
        self._clock = clock
        self._circuits = circuits or Circuits()
        self._cached: tuple[float, dict[str, DependencyHealth]] | None = None
        self._probing: asyncio.Task[dict[str, DependencyHealth]] | None = None

    async def report(self) -> Health:
        """``{"status": "healthy|degraded|unhealthy", "dependencies": {name: {status, circuit?, reason?}}}``."""
        dependencies = dict(await self._probed())
        for name, state in self._circuits.states().items():
            dependencies[name] = _with_circuit(dependencies.get(name, {"status": "healthy"}), state)
        down = {name for name, state in dependencies.items() if state["status"] != "healthy"}
        status: Literal["healthy", "degraded", "unhealthy"]
        status = "unhealthy" if down & NEEDED else "degraded" if down else "healthy"
        return {"status": status, "dependencies": dependencies}

    async def _probed(self) -> dict[str, DependencyHealth]:
        """The last results while they are fresh; else those of one round of probes for all who ask meanwhile."""
        if self._cached and self._clock.monotonic() - self._cached[0] < CACHE_SECONDS:
            return self._cached[1]
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe_all())
        return await asyncio.shield(self._probing)

    async def _probe_all(self) -> dict[str, DependencyHealth]:
        results = await asyncio.gather(*(self._probe(probe) for probe in self._probes.values()))
        dependencies = dict(zip(self._probes, results, strict=True))
        self._cached = (self._clock.monotonic(), dependencies)
        return dependencies

    async def _probe(self, probe: Probe) -> DependencyHealth:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await probe()
        except (ContentArchitectError, TimeoutError) as error:
            return {"status": "unhealthy", "reason": str(error) or "no answer in time"}
        return {"status": "healthy"}


def _with_circuit(found: DependencyHealth, state: CircuitState) -> DependencyHealth:
    """One entry of what a probe found and how the circuit stands.

    A circuit that is half open is about to be tried: it has not been found well yet.
    """
    shown: DependencyHealth = {**found, "circuit": state}
    if state != "closed":
        shown["status"] = "unhealthy"
    return shown
