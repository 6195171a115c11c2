"""Reading audit rows, newest first, and removing those whose time is over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from orchestration.checkpoints import Row
from orchestration.errors import FieldError, InvalidRequest
from orchestration.ids import canonical_job_id, key_part
from orchestration.jobs import stamp
from orchestration.management import refused
from orchestration.management.audit import AUDIT, Action
from orchestration.management.job_index import position
from orchestration.management.job_statistics import STATE
from orchestration.management.listing import CursorKey, page_size, parse_time
from orchestration.ports import Clock, JobStore, RowTable

MOST_READ = 2000
"""Rows that one page looks at, and one clean-up looks at in each partition."""

MOST_PARTITIONS = 200
"""Partitions that one clean-up visits; the next one goes on behind them."""

MOST_REMOVED = 5000

_KNOWN = ("from", "to", "action", "jobId", "pageSize", "cursor")
_PLACE = "audit"
_CLEANED = "cleaned"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """One page: ``first`` and ``last`` are keys between which the rows lie (exclusive both)."""

    first: str
    last: str
    size: int
    action: str | None = None
    job_id: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    def matches(self, row: Row) -> bool:
        """Whether a row is one of those asked for."""
        wanted = ((self.action, row.values["action"]), (self.job_id, row.values["jobId"]))
        return all(value is None or value == found for value, found in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Rows, and the key behind which the next page begins (None at the end)."""

    rows: tuple[Row, ...]
    place: str | None = None


def parse_audit_query(query: Mapping[str, str], key: CursorKey) -> AuditQuery:
    """Check the parameters of ``GET audit``. Raises :class:`InvalidRequest` that names every wrong one."""
    errors = [
        FieldError(
            pointer=f"/{name}" if name.isalpha() else "", detail=f"known parameters: {', '.join(_KNOWN)}"
        )
        for name in query
        if name not in _KNOWN
    ]
    bounds = {"from": "~", "to": ""}
    for name in bounds:
        if query.get(name):
            try:
                bounds[name] = f"{position(stamp(parse_time(query[name])))}~"
            except ValueError as error:
                errors.append(FieldError(pointer=f"/{name}", detail=str(error)))
    action, job_id = query.get("action"), query.get("jobId")
    if action is not None and action not in set(Action):
        errors.append(FieldError(pointer="/action", detail=f"should be one of: {', '.join(Action)}"))
    if job_id is not None and canonical_job_id(job_id) is None:
        errors.append(FieldError(pointer="/jobId", detail="should be the id of a job"))
    size = page_size(query, errors)
    if errors:
        raise InvalidRequest(errors)
    asked = tuple(sorted((name, query[name]) for name in ("from", "to", "action", "jobId") if name in query))
    after = key.place(asked, query["cursor"]) if query.get("cursor") else bounds["to"]
    return AuditQuery(
        first=after,
        last=bounds["from"],
        size=size,
        action=action,
        job_id=canonical_job_id(job_id) if job_id else None,
        parameters=asked,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """The rows as administrators see them. All methods raise :class:`StorageUnavailable`."""

    store: JobStore
    clock: Clock
    days: int
    table: RowTable = field(init=False)

    def __post_init__(self) -> None:
        """Find the table."""
        object.__setattr__(self, "table", self.store.table(AUDIT))

    async def page(self, tenant: str, query: AuditQuery) -> AuditPage:
        """A page of the tenant's rows. With a rare filter it may be short and still have a next one."""
        await self.store.prepare()
        rows = await self.table.between(
            key_part(tenant), after=query.first, before=query.last, limit=MOST_READ
        )
        found: list[Row] = []
        for row in rows:
            if query.matches(row):
                found.append(row)
            if len(found) == query.size and row is not rows[-1]:
                return AuditPage(rows=tuple(found), place=row.key)
        return AuditPage(rows=tuple(found), place=rows[-1].key if len(rows) == MOST_READ else None)

    async def clean(self) -> int:
        """Remove rows that are older than ``days`` and return how many. Partition by partition, going round."""
        await self.store.prepare()
        state = self.store.table(STATE)
        row = await state.read(_PLACE, _CLEANED)
        partition, removed = str(row.values["partition"]) if row else "", 0
        for _ in range(MOST_PARTITIONS):
            found = await self.table.partitions(first=_behind(partition), before="~", limit=1)
            partition = found[0][0] if found else ""
            if not partition:
                break
            removed += await self._clean(partition)
            if removed >= MOST_REMOVED:
                break
        await state.put(_PLACE, [Row(key=_CLEANED, values={"partition": partition})])
        if removed:
            _log.info("old audit rows deleted", extra={"rows": removed})
        return removed

    async def _clean(self, partition: str) -> int:
        oldest = stamp(self.clock.now() - timedelta(days=self.days))
        # Keys of refused messages are digests: no time begins among them.
        after = "" if partition.startswith(refused.PARTITION) else position(oldest)
        rows = await self.table.between(partition, after=after, before="~", limit=MOST_READ)
        old = [row for row in rows if str(row.values.get("at", oldest)) < oldest]
        for row in old:
            await self.table.delete(partition, row.key)
        return len(old)


def _behind(partition: str) -> str:
    """The first possible key after a partition's own: "!" sorts before all that partitions are made of."""
    return f"{partition}!" if partition else ""
