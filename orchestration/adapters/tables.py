"""Jobs in Azure Table Storage.

What every job does goes over bare HTTP (:mod:`orchestration.adapters.table_batch`,
:mod:`orchestration.adapters.table_points`); the official client does everything else.
Keys are made by us; user text is never part of a key or of a filter string.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from orchestration.adapters.table_batch import BatchWriter, Operation, Write
from orchestration.adapters.table_groups import GroupWriter
from orchestration.adapters.table_link import TableLink, patiently
from orchestration.adapters.table_points import PointReader
from orchestration.adapters.table_rows import TableRows, translated
from orchestration.checkpoints import JOB_KEY, Row, event_key, row_keys, unpack
from orchestration.errors import RowConflict, RowExists, RowGone
from orchestration.event_log import updates_of
from orchestration.events import JobUpdate
from orchestration.jobs import ActiveJob, Job, RowValue, StoredJob
from orchestration.ports import Commit

JOBS = "jobs"
ACTIVE = "activejobs"
AUDIT = "audit"
DERIVED = (
    "jobindex",
    "stats",
    "state",
    "secrets",
    "workflows",
    "apikeys",
    "limits",
    "stepcache",
    "connections",
)
TABLES = (JOBS, ACTIVE, AUDIT, *DERIVED)


class TableJobStore:
    """The job store on Table Storage. Clients are long-lived and belong to the running loop."""

    def __init__(
        self,
        service: TableServiceClient,
        link: TableLink,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._service = service
        self._jobs: TableClient = service.get_table_client(JOBS)
        self._active: TableClient = service.get_table_client(ACTIVE)
        self._audit: TableClient = service.get_table_client(AUDIT)
        self._batch = BatchWriter(link=link, table=JOBS)
        self._active_batch = BatchWriter(link=link, table=ACTIVE)
        self._active_group = GroupWriter(self._active_batch)
        self._points = PointReader(link=link, table=JOBS)
        self._tables = {
            name: TableRows(
                service.get_table_client(name),
                BatchWriter(link=link, table=name),
                PointReader(link=link, table=name),
            )
            for name in (JOBS, AUDIT, *DERIVED)
        }
        self._close = close
        self._prepared = False
        self._preparing = asyncio.Lock()

    async def prepare(self) -> None:
        """Create the tables that are missing, once per process."""
        if self._prepared:
            return
        async with self._preparing:
            if not self._prepared:
                await asyncio.gather(
                    *map(self._create, TABLES)
                )  # together: a process that starts has jobs waiting
            self._prepared = True

    async def _create(self, table: str) -> None:
        async with translated():
            await self._service.create_table_if_not_exists(table)

    async def close(self) -> None:
        """Close all connections."""
        await self._service.close()
        await self._close()

    async def insert_job(self, job: Job, rows: Sequence[Row]) -> str:
        """Create the job row with its first rows in one transaction."""
        first = Operation(write=Write.INSERT, row_key=JOB_KEY, values=job.to_row())
        return await self._batch.write(job.job_id, [first, *map(_upsert, rows)])

    async def read_job(self, job_id: str) -> StoredJob | None:
        """The job row with its server times."""
        found = await patiently(lambda: self._points.read(job_id, JOB_KEY))
        if found is None:
            return None
        return StoredJob(
            job=Job.from_row(found.values),
            etag=found.etag,
            modified=found.modified,
            read_at=found.read_at,
        )

    async def commit(self, commit: Commit) -> str:
        """One entity-group transaction: the job row under its ETag, the other rows as they are."""
        first = Operation(write=Write.REPLACE, row_key=JOB_KEY, values=commit.job.to_row(), etag=commit.etag)
        return await self._batch.write(commit.job.job_id, [first, *map(_upsert, commit.rows)])

    async def request_cancel(self, job_id: str, at: str) -> bool:
        """Merge the one property, whatever the row's ETag."""
        entity = {"PartitionKey": job_id, "RowKey": JOB_KEY, "cancelRequestedAt": at}
        try:
            async with translated():
                await self._jobs.update_entity(entity, mode=UpdateMode.MERGE)
        except RowConflict:
            return False
        return True

    async def read_rows(self, job_id: str, prefix: str, rows: int) -> bytes:
        """Read by known keys: a partition query costs more the larger the table is."""
        keys = row_keys(prefix, rows)
        return unpack(await asyncio.gather(*(self._read_row(job_id, key) for key in keys)))

    async def _read_row(self, job_id: str, key: str) -> Mapping[str, Any]:
        found = await patiently(lambda: self._points.read(job_id, key))
        if found is None:
            raise RowGone(f"row {key} of job {job_id} is gone")
        return found.values

    async def read_events(self, job_id: str, *, after: int, limit: int) -> list[JobUpdate]:
        """A range of row keys; sequence numbers sort as text."""
        query = "PartitionKey eq @job and RowKey gt @after and RowKey lt @end"
        parameters = {"job": job_id, "after": event_key(after), "end": "event}"}
        updates: list[JobUpdate] = []
        async with translated():
            entities = self._jobs.query_entities(query, parameters=parameters, results_per_page=limit)
            async for entity in entities:
                updates += updates_of(entity, after=after)
                if len(updates) >= limit:
                    break
        return updates[:limit]

    async def delete_rows(self, job_id: str) -> None:
        """Delete the partition, the job row last, so that a crash leaves a job that can be deleted again."""
        async with translated():
            keys = [
                entity["RowKey"]
                async for entity in self._jobs.query_entities(
                    "PartitionKey eq @job", parameters={"job": job_id}, select=["RowKey"]
                )
            ]
            for key in sorted(keys, key=lambda key: key == JOB_KEY):
                await self._jobs.delete_entity(job_id, key)

    async def put_active(self, row: ActiveJob) -> None:
        """Create or replace."""
        operation = Operation(write=Write.UPSERT, row_key=row.job_id, values=_active_values(row))
        await patiently(lambda: self._active_group.write(row.tenant, [operation]))

    async def move_active(self, row: ActiveJob) -> str:
        """Replace if unchanged."""
        operation = Operation(
            write=Write.REPLACE, row_key=row.job_id, values=_active_values(row), etag=row.etag
        )
        return await self._active_batch.write(row.tenant, [operation])

    async def read_active(self, tenant: str, job_id: str) -> ActiveJob | None:
        """The row, or None."""
        try:
            async with translated():
                return _active_row(await self._active.get_entity(tenant, job_id))
        except RowConflict:
            return None

    async def remove_active(self, tenant: str, job_id: str, *, etag: str | None = None) -> None:
        """Delete; gone is as good."""
        operation = Operation(write=Write.DELETE, row_key=job_id, etag=etag)
        writer = self._active_group if etag is None else self._active_batch
        with contextlib.suppress(RowGone):
            await patiently(lambda: writer.write(tenant, [operation]))

    async def active_of(self, tenant: str, *, limit: int) -> list[ActiveJob]:
        """The tenant's partition."""
        return await self._find_active("PartitionKey eq @tenant", {"tenant": tenant}, limit)

    def table(self, name: str) -> TableRows:
        """Derived rows."""
        return self._tables[name]

    async def due_active(self, now: str, *, limit: int) -> list[ActiveJob]:
        """Rows that are due."""
        return await self._find_active("checkAt le @now", {"now": now}, limit)

    async def active_owned_by(self, instance_id: str) -> list[ActiveJob]:
        """Rows whose owner starts with the instance's name."""
        parameters = {"first": f"{instance_id}/", "last": f"{instance_id}0"}  # "0" follows "/"
        return await self._find_active("owner ge @first and owner lt @last", parameters, 1000)

    async def _find_active(self, query: str, parameters: dict[str, Any], limit: int) -> list[ActiveJob]:
        found: list[ActiveJob] = []
        async with translated():
            async for entity in self._active.query_entities(query, parameters=parameters):
                found.append(_active_row(entity))
                if len(found) == limit:
                    break
        return found

    async def audit(self, partition: str, key: str, values: dict[str, RowValue]) -> bool:
        """Insert once per key; the key is hashed, since message ids are not ours."""
        entity = {
            "PartitionKey": partition,
            "RowKey": _digest(key),
            "key": key[:200],
            **values,
        }
        try:
            async with translated():
                await self._audit.create_entity(entity)
        except RowExists:
            return False
        return True

    async def read_audit(self, partition: str, key: str) -> Mapping[str, RowValue] | None:
        """A point read."""
        found = await self.table(AUDIT).read(partition, _digest(key))
        return found.values if found else None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _upsert(row: Row) -> Operation:
    return Operation(write=Write.UPSERT, row_key=row.key, values=row.values)


_ACTIVE_COLUMNS = {
    "priority": "priority",
    "check_at": "checkAt",
    "owner": "owner",
    "sends": "sends",
    "dispatch": "dispatch",
    "created_at": "createdAt",
}


def _active_values(row: ActiveJob) -> dict[str, RowValue]:
    return {column: getattr(row, name) for name, column in _ACTIVE_COLUMNS.items()}


def _active_row(entity: Mapping[str, Any]) -> ActiveJob:
    values = {name: entity[column] for name, column in _ACTIVE_COLUMNS.items()}
    etag = getattr(entity, "metadata", {})["etag"]
    return ActiveJob(job_id=entity["RowKey"], tenant=entity["PartitionKey"], etag=etag, **values)
