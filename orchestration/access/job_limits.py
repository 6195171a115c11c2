"""Jobs of one tenant that may wait or run at the same time.

The active rows are counted at most every few seconds and never while a caller waits, but for the first count and
near the limit; what this instance accepts in between is added, and so is what it is about to accept while it counts. So
the limit may be exceeded by what other instances accept within those seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestration.errors import RequestRefused, StorageUnavailable
from orchestration.expiring import ExpiringCache
from orchestration.ports import Clock, JobStore

COUNT_EVERY = 10.0
RECOUNT_AFTER = 1.0
"""Seconds after which a count that refuses somebody is made again."""

CLOSE = 0.8
"""From this part of the limit on a caller waits for a fresh count."""

RETRY_AFTER = "10"
_TENANTS = 10_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Count:
    """``jobs`` were active at ``at`` (monotonic seconds), the ones accepted here since then included."""

    jobs: int
    at: float
    first: asyncio.Task[None] | None = None
    again: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Limits every tenant to ``most`` active jobs; 0 is no limit."""

    store: JobStore
    clock: Clock
    most: int
    _counts: ExpiringCache[str, _Count] = field(init=False)
    _on_their_way: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        """Nothing is counted yet."""
        counts: ExpiringCache[str, _Count] = ExpiringCache(
            size=_TENANTS, seconds=6 * COUNT_EVERY, monotonic=self.clock.monotonic
        )
        object.__setattr__(self, "_counts", counts)

    async def admit(self, tenant: str) -> None:
        """Make room for one job more. Raises :class:`RequestRefused` 429 ``too_many_jobs``.

        Storage that does not answer refuses nobody here: the job's own rows decide then.
        """
        if not self.most:
            return
        try:
            count = await self._count(tenant)
        except StorageUnavailable as error:
            _log.warning("active jobs are not counted now", extra={"reason": str(error)})
            return
        if count.jobs >= self.most:
            raise RequestRefused(
                f"a tenant has at most {self.most} jobs that wait or run",
                code="too_many_jobs",
                status=429,
                headers={"Retry-After": RETRY_AFTER},
            )
        count.jobs += 1

    @contextmanager
    def on_its_way(self, tenant: str) -> Iterator[None]:
        """While a job that was admitted becomes one that can be counted: its row may be there or not."""
        self._on_their_way[tenant] += 1
        try:
            yield
        finally:
            self._on_their_way[tenant] -= 1
            if not self._on_their_way[tenant]:
                del self._on_their_way[tenant]

    async def _count(self, tenant: str) -> _Count:
        count = self._counts.get(tenant)
        if count is None:
            count = _Count(jobs=0, at=self.clock.monotonic())
            count.first = asyncio.get_running_loop().create_task(self._read(tenant, count))
            self._counts.put(tenant, count)
        if count.first is not None:  # many may come at once: all add to the one count
            await self._first_read(tenant, count.first)
            count.first = None
            return count
        age = self.clock.monotonic() - count.at
        if count.jobs >= self.most and age >= RECOUNT_AFTER:
            await self._read(tenant, count)
        elif age >= COUNT_EVERY:
            if count.jobs >= CLOSE * self.most:
                await self._read(tenant, count)
            elif count.again is None or count.again.done():
                count.again = asyncio.get_running_loop().create_task(self._read_quietly(tenant, count))
        return count

    async def _first_read(self, tenant: str, reading: asyncio.Task[None]) -> None:
        try:
            await asyncio.shield(reading)
        except StorageUnavailable:
            self._counts.forget(tenant)
            raise

    async def _read(self, tenant: str, count: _Count) -> None:
        await self.store.prepare()
        count.at = self.clock.monotonic()
        rows = await self.store.active_of(tenant, limit=self.most)
        count.jobs = len(rows) + self._on_their_way[tenant]

    async def _read_quietly(self, tenant: str, count: _Count) -> None:
        try:
            await self._read(tenant, count)
        except StorageUnavailable as error:
            _log.warning("active jobs are not counted now", extra={"reason": str(error)})
