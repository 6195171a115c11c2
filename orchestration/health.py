"""Health: is the process there, are its dependencies. Answers are cached for a moment and bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from orchestration.answers import DependencyHealth, Health
from orchestration.errors import ContentArchitectError
from orchestration.ports import Clock

CACHE_SECONDS = 5.0
PROBE_SECONDS = 2.0
NEEDED = frozenset({"storage"})
"""Without storage nothing can be accepted; without the queue or realtime, jobs are accepted and run later."""

Probe = Callable[[], Awaitable[object]]


class HealthService:
    """Probes each dependency at most once per five seconds.

    ``circuits`` tells the states of the breakers, ``threads`` how many threads work for nobody any more.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        clock: Clock,
        *,
        circuits: Callable[[], Mapping[str, str]] = dict,
        threads: Callable[[], int] = int,
    ) -> None:
        self._probes = probes
        self._clock = clock
        self._circuits = circuits
        self._threads = threads
        self._cached: tuple[float, Health] | None = None

    async def report(self) -> Health:
        """What works and what does not: a breaker that is open, and abandoned threads, degrade."""
        now = self._clock.monotonic()
        if self._cached and now - self._cached[0] < CACHE_SECONDS:
            return self._cached[1]
        results = await asyncio.gather(*(self._probe(probe) for probe in self._probes.values()))
        dependencies = dict(zip(self._probes, results, strict=True))
        down = {name for name, state in dependencies.items() if state["status"] != "healthy"}
        status: Literal["healthy", "degraded", "unhealthy"]
        circuits, threads = dict(self._circuits()), self._threads()
        degraded = bool(down) or "open" in circuits.values() or threads > 0
        status = "unhealthy" if down & NEEDED else "degraded" if degraded else "healthy"
        report: Health = {
            "status": status,
            "dependencies": dependencies,
            "circuits": circuits,
            "abandonedThreads": threads,
        }
        self._cached = (now, report)
        return report

    async def _probe(self, probe: Probe) -> DependencyHealth:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await probe()
        except (ContentArchitectError, TimeoutError) as error:
            return {"status": "unhealthy", "reason": str(error) or "no answer in time"}
        return {"status": "healthy"}
