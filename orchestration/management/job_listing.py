"""Reads one page of a listing: from the index, or for jobs that are not through from the active rows.

The scan is bounded: when filters leave out nearly everything, a page may be short or empty and still have a
``nextLink``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from orchestration.ids import key_part
from orchestration.management.job_index import JobIndex, JobSummary, position
from orchestration.management.listing import JobFilter, JobQuery
from orchestration.ports import JobStore

MAX_SCANNED = 2000
"""Rows that one page looks at before it answers with what it has."""

MAX_ACTIVE = 10_000
"""Active jobs of a tenant that listings by ``queued`` and ``processing`` reach."""

_CHUNK = 200
_READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page: its jobs, and the place behind which the next one begins (None at the end)."""

    jobs: tuple[JobSummary, ...]
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A place in the order of the listing, and the job there if it could be one of those asked for."""

    place: str
    job: JobSummary | None


_Fetch = Callable[[str, int], Awaitable[list[_Seen]]]
"""The places behind a place, in order, at most so many; fewer mean that there are no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLister:
    """Lists the jobs of a tenant, newest first."""

    store: JobStore
    index: JobIndex
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READS_AT_ONCE))

    async def page(self, tenant: str, query: JobQuery) -> JobPage:
        """The page that a query asks for. Raises :class:`StorageUnavailable`."""
        wanted = query.filter
        if wanted.status is not None and not wanted.status.terminal:
            return await self._scan(query, await self._active(tenant, wanted))
        return await self._scan(query, self._indexed(tenant, wanted))

    async def _scan(self, query: JobQuery, fetch: _Fetch) -> JobPage:
        found: list[JobSummary] = []
        place = max(query.after, query.filter.bounds[0])
        looked = 0
        chunk = query.page_size + 1
        while looked < MAX_SCANNED:
            seen = await fetch(place, chunk)
            for entry in seen:
                if entry.job is not None and query.filter.matches(entry.job):
                    if len(found) == query.page_size:
                        return JobPage(jobs=tuple(found), place=place)
                    found.append(entry.job)
                place = entry.place
            if len(seen) < chunk:
                return JobPage(jobs=tuple(found), place=None)
            looked += len(seen)
            chunk = _CHUNK
        return JobPage(jobs=tuple(found), place=place)

    def _indexed(self, tenant: str, wanted: JobFilter) -> _Fetch:
        prefix, (_, last) = wanted.prefix, wanted.bounds

        async def fetch(after: str, limit: int) -> list[_Seen]:
            rows = await self.index.table.between(
                key_part(tenant), after=f"{prefix}{after}", before=f"{prefix}{last}", limit=limit
            )
            listed = [JobSummary.from_values(row.values) for row in rows]
            jobs = await asyncio.gather(*(self._current(job, wanted) for job in listed))
            return [_Seen(place=old.position, job=job) for old, job in zip(listed, jobs, strict=True)]

        return fetch

    async def _current(self, job: JobSummary, wanted: JobFilter) -> JobSummary | None:
        """The job as it is: the index has the final word on jobs that ended, the job row on all others."""
        if not wanted.could_match(job):
            return None
        return job if job.status.terminal else await self._read(job.job_id)

    async def _active(self, tenant: str, wanted: JobFilter) -> _Fetch:
        rows = await self.store.active_of(tenant, limit=MAX_ACTIVE)
        first, last = wanted.bounds
        places = sorted((position(row.created_at, row.job_id), row.job_id) for row in rows)
        within = [(place, job_id) for place, job_id in places if first < place < last]

        async def fetch(after: str, limit: int) -> list[_Seen]:
            chosen = [(place, job_id) for place, job_id in within if place > after][:limit]
            jobs = await asyncio.gather(*(self._read(job_id) for _, job_id in chosen))
            return [_Seen(place=place, job=job) for (place, _), job in zip(chosen, jobs, strict=True)]

        return fetch

    async def _read(self, job_id: str) -> JobSummary | None:
        async with self._reads:
            stored = await self.store.read_job(job_id)
        return JobSummary.of(stored.job) if stored and not stored.job.deleted_at else None
