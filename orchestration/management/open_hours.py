"""Counts the hour that is not over yet: once whole, then only what came since.

The rows of an hour are keyed by the time of their job's end, so what is new since the last look lies at the end of the
partition. A look begins a little before the last one ended, since rows of the same moments are written by many workers;
what was counted already is known by its key. Rows that come later than that (an end that the sweep had to record), and
rows that went (a job that runs again), show at the next whole count, five minutes later at most.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from orchestration.checkpoints import Row
from orchestration.jobs import moment, stamp
from orchestration.management.statistics import EndedJob, Totals
from orchestration.ports import Clock, RowTable

RECOUNT_SECONDS = 300.0
OVERLAP_SECONDS = 30.0
_KEPT = 64
"""Tenants and hours of which a process remembers what it counted."""

_PAGE = 1000


@dataclass(slots=True, kw_only=True)
class _Count:
    """What was counted of one hour: totals, where the last look ended, and the keys near that place."""

    whole_at: float
    totals: Totals = field(default_factory=Totals)
    last: str = ""
    near: set[str] = field(default_factory=set)


class OpenHours:
    """Totals of an hour's rows whose keys begin with ``<tenant>|<time>|``; remembers what it has counted."""

    def __init__(self, table: RowTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    async def totals(self, partition: str, tenant_part: str) -> Totals:
        """What an hour's partition holds of a tenant by now. Raises :class:`StorageUnavailable`."""
        place = (partition, tenant_part)
        known = self._counts.get(place)
        if known is None or self._clock.monotonic() - known.whole_at >= RECOUNT_SECONDS:
            known = _Count(whole_at=self._clock.monotonic())
        prefix = f"{tenant_part}|"
        rows = await rows_from(self._table, partition, prefix, f"{prefix}{_before(known.last)}")
        count = _with(known, rows, len(prefix))
        self._counts[place] = count
        self._counts.move_to_end(place)
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        return count.totals


async def rows_from(table: RowTable, partition: str, prefix: str, after: str) -> list[Row]:
    """All rows beyond ``after`` whose keys begin with the prefix, page by page."""
    found: list[Row] = []
    while True:
        rows = await table.between(partition, after=after, before=f"{prefix}~", limit=_PAGE)
        found += rows
        if len(rows) < _PAGE:
            return found
        after = rows[-1].key


def _with(known: _Count, rows: Sequence[Row], start: int) -> _Count:
    """A new count with these rows: another look that runs at the same time begins from the same one."""
    totals = Totals()
    totals.add(known.totals)
    for row in rows:
        if row.key not in known.near:
            totals.count(EndedJob.from_values(row.values))
    last = max([known.last, *(row.key[start:] for row in rows)])
    border = _before(last)
    near = {row.key for row in rows if row.key[start:] > border}
    return _Count(whole_at=known.whole_at, totals=totals, last=last, near=near)


def _before(key: str) -> str:
    """The place from which a look begins that follows one that ended at ``key`` (a time and what comes after it)."""
    if not key:
        return ""
    return stamp(moment(key.partition("|")[0]) - timedelta(seconds=OVERLAP_SECONDS))
