"""Keeps statistics rows: one per ended job, and per tenant one for each closed hour.

The epilogue writes a job's row, keyed by tenant, time and job; a timer recomputes each hour whole once it is closed, and
again when a row came late. So there is no counter that two writers add to, and everything may run twice. Rows of one hour share a partition over
all tenants: closing an hour is one query, and retention finds the oldest jobs by partition.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from orchestration.checkpoints import Row
from orchestration.errors import FieldError, InvalidRequest
from orchestration.ids import key_part
from orchestration.jobs import Job, moment, stamp
from orchestration.management.listing import parse_time
from orchestration.management.open_hours import OpenHours, rows_from
from orchestration.management.statistics import EndedJob, Totals, statistics_view, total
from orchestration.ports import Clock, JobStore, RowTable

STATS = "stats"
STATE = "state"
ENDED = "ended|"
DEFAULT_DAYS = 7
MAX_DAYS = 92
MAX_OPEN_HOURS = 24
MAX_CLOSED_AT_ONCE = 48
REREAD_SECONDS = 30.0
MAX_PERIODS_KEPT = 16
_HOUR = timedelta(hours=1)
_PROGRESS = "statistics"
_LATE = "statistics-late"
_CLOSED = "closed"


def hour_of(value: datetime) -> str:
    """The hour of a time, as rows are keyed: ``2026-11-22T10`` (UTC)."""
    return stamp(value)[:13]


def _start(hour: str) -> datetime:
    return moment(f"{hour}:00:00Z")


def _hours(first: str, end: str) -> list[str]:
    """The hours from ``first`` to before ``end``."""
    count = round((_start(end) - _start(first)) / _HOUR)
    return [hour_of(_start(first) + number * _HOUR) for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJobs:
    """The rows of ended jobs."""

    store: JobStore

    async def record(self, job: Job) -> None:
        """Count a terminal job in the hour of its end."""
        partition, key = _place(job)
        await self._table.put(partition, [Row(key=key, values=EndedJob.of(job).to_values())])

    async def record_late(self, job: Job) -> None:
        """The same where the hour may be closed already: it is recomputed."""
        await self.record(job)
        mark = Row(key=_end_hour(job), values={"jobId": job.job_id})
        await self.store.table(STATE).put(_LATE, [mark])

    async def forget(self, job: Job) -> None:
        """Take the row away: the job is deleted, or runs again. Closed hours keep what they counted."""
        if job.completed_at:
            await self._table.delete(*_place(job))

    @property
    def _table(self) -> RowTable:
        return self.store.table(STATS)


def _end_hour(job: Job) -> str:
    return (job.completed_at or job.updated_at)[:13]


def _place(job: Job) -> tuple[str, str]:
    ended_at = job.completed_at or job.updated_at
    return f"{ENDED}{_end_hour(job)}", f"{key_part(job.tenant)}|{ended_at}|{job.job_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole hours from ``first`` to before ``end``."""

    first: str
    end: str


def parse_period(query: Mapping[str, str], now: datetime) -> Period:
    """``from`` and ``to`` of ``GET jobs/statistics``, widened to whole hours; the last seven days by default.

    Raises :class:`InvalidRequest`.
    """
    errors = [
        FieldError(pointer=f"/{name}", detail="is not a known parameter; known: from, to")
        for name in query
        if name not in ("from", "to")
    ]
    times: dict[str, datetime] = {}
    for name in ("from", "to"):
        try:
            if name in query:
                times[name] = parse_time(query[name])
        except ValueError as error:
            errors.append(FieldError(pointer=f"/{name}", detail=str(error)))
    if errors:
        raise InvalidRequest(errors)
    to = min(times.get("to", now), now)
    first = times.get("from", to - timedelta(days=DEFAULT_DAYS))
    if first >= to:
        raise InvalidRequest([FieldError(pointer="/from", detail="should be before to, and in the past")])
    if to - first > timedelta(days=MAX_DAYS):
        raise InvalidRequest(
            [FieldError(pointer="/from", detail=f"should be at most {MAX_DAYS} days before to")]
        )
    whole = "to" in times and stamp(to).endswith(":00:00.000Z")
    return Period(first=hour_of(first), end=hour_of(to if whole else to + _HOUR))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Closed:
    """The rows of a period's closed hours, and before which hour all were closed when they were read."""

    read_at: float
    before: str
    rows: Sequence[Row]


@dataclass(kw_only=True)
class StatisticsService:
    """Closes hours and answers questions about them."""

    store: JobStore
    clock: Clock

    def __post_init__(self) -> None:
        """Nothing is counted or read yet."""
        self._open = OpenHours(self._table, self.clock)
        self._read: OrderedDict[tuple[str, Period], _Closed] = OrderedDict()

    async def report(self, tenant: str, period: Period) -> dict[str, Any]:
        """The figures of a period: closed hours from their rows, open ones counted now.

        Raises :class:`StorageUnavailable`.
        """
        part, now = key_part(tenant), self.clock.now()
        this_hour = hour_of(now)
        closed, current = await asyncio.gather(
            self._closed_part(part, period), self._counted(part, [this_hour], period)
        )
        open_from = max(closed.before, hour_of(now - MAX_OPEN_HOURS * _HOUR), period.first)
        behind = _hours(open_from, this_hour) if open_from < this_hour else []
        counted = current | await self._counted(part, behind, period)
        days: dict[str, list[Totals]] = {}
        for day, blobs in _by_day(closed.rows, counted).items():
            days[day] = [_added_up(tuple(blobs))]
        for hour, totals in counted.items():
            days.setdefault(hour[:10], []).append(totals)
        by_day = {day: total(parts) for day, parts in days.items()}
        return {
            "from": stamp(_start(period.first)),
            "to": stamp(_start(period.end)),
            "asOf": stamp(now),
            **statistics_view(total(by_day.values()), by_day),
        }

    async def closed_totals(self, tenant: str, *, days: int) -> Totals:
        """What the closed hours of the last days hold of a tenant. Raises :class:`StorageUnavailable`."""
        now = self.clock.now()
        period = Period(first=hour_of(now - timedelta(days=days)), end=hour_of(now + _HOUR))
        rows = await self._closed_rows(key_part(tenant), period)
        return total(_added_up(tuple(blobs)) for blobs in _by_day(rows, ()).values())

    async def close_hours(self) -> int:
        """Recompute the hours that ended since the last time, the last closed one again, and late ones.

        Returns how many were recomputed, at most 48 of each kind; the next run goes on.
        """
        await self.store.prepare()
        now = hour_of(self.clock.now())
        since = await self._progress() or await self._oldest() or now
        hours = _hours(hour_of(_start(since) - _HOUR), now)[:MAX_CLOSED_AT_ONCE]
        for hour in hours:
            await self._close(hour)
        closed = hour_of(_start(hours[-1]) + _HOUR) if hours else since
        await self._state.put(_PROGRESS, [Row(key=_CLOSED, values={"hour": closed})])
        late = await self._close_late(closed)
        self._read.clear()
        return len(hours) + late

    async def _close_late(self, closed: str) -> int:
        marks = await self._state.between(_LATE, after="", before=closed, limit=MAX_CLOSED_AT_ONCE)
        for mark in marks:
            await self._state.delete(_LATE, mark.key)  # first: a row that comes meanwhile marks it again
            await self._close(mark.key)
        return len(marks)

    async def _close(self, hour: str) -> None:
        for tenant, totals in (await self._count(hour)).items():
            row = Row(key=hour, values={"totals": zlib.compress(totals.to_bytes(), 1)})
            await self._table.put(f"hours|{tenant}", [row])

    async def _count(self, hour: str) -> dict[str, Totals]:
        """Totals by tenant of all rows of one hour."""
        counted: dict[str, Totals] = {}
        for row in await rows_from(self._table, f"{ENDED}{hour}", "", ""):
            tenant = row.key.partition("|")[0]
            counted.setdefault(tenant, Totals()).count(EndedJob.from_values(row.values))
        return counted

    async def _counted(self, tenant_part: str, hours: Sequence[str], period: Period) -> dict[str, Totals]:
        """Totals of open hours, as far as they lie in the period."""
        asked = [hour for hour in hours if period.first <= hour < period.end]
        found = await asyncio.gather(*(self._open.totals(f"{ENDED}{hour}", tenant_part) for hour in asked))
        return dict(zip(asked, found, strict=True))

    async def _closed_part(self, tenant_part: str, period: Period) -> _Closed:
        """The closed hours, read anew after half a minute: they hardly change, and reading them costs most.

        How far hours are closed is remembered with the rows of that moment: an hour that is closed meanwhile is counted
        from its own rows until then.
        """
        place, now = (tenant_part, period), self.clock.monotonic()
        known = self._read.get(place)
        if known is None or now - known.read_at >= REREAD_SECONDS:
            before, rows = await asyncio.gather(self._closed(), self._closed_rows(tenant_part, period))
            known = self._read[place] = _Closed(read_at=now, before=before, rows=rows)
        self._read.move_to_end(place)
        while len(self._read) > MAX_PERIODS_KEPT:
            self._read.popitem(last=False)
        return known

    async def _closed_rows(self, tenant_part: str, period: Period) -> Sequence[Row]:
        before_first = hour_of(_start(period.first) - _HOUR)
        limit = (MAX_DAYS + 1) * 24
        return await self._table.between(
            f"hours|{tenant_part}", after=before_first, before=period.end, limit=limit
        )

    async def _closed(self) -> str:
        """All hours before this one have their rows."""
        return await self._progress() or hour_of(self.clock.now() - _HOUR)

    async def _progress(self) -> str | None:
        row = await self._state.read(_PROGRESS, _CLOSED)
        return str(row.values["hour"]) if row else None

    async def _oldest(self) -> str | None:
        """The hour of the oldest row there is."""
        found = await self._table.partitions(first=ENDED, before=f"{ENDED}~", limit=1)
        return found[0][0].removeprefix(ENDED) if found else None

    @property
    def _table(self) -> RowTable:
        return self.store.table(STATS)

    @property
    def _state(self) -> RowTable:
        return self.store.table(STATE)


def _by_day(rows: Sequence[Row], open_hours: Container[str]) -> dict[str, list[bytes]]:
    """Stored totals of closed hours, by day."""
    days: dict[str, list[bytes]] = {}
    for row in rows:
        data = row.values["totals"]
        if row.key not in open_hours and isinstance(data, bytes):
            days.setdefault(row.key[:10], []).append(data)
    return days


@lru_cache(maxsize=MAX_DAYS + 1)
def _added_up(hours: tuple[bytes, ...]) -> Totals:
    """The totals of a day's hours. Kept by content: closed hours hardly change, and decoding them costs most."""
    return total(Totals.from_bytes(zlib.decompress(data)) for data in hours)
