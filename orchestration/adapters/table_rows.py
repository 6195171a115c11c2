"""Rows in Azure Table Storage: index, statistics, audit, state, secrets, workflows, and callbacks beside their job.

Single rows are written and read over bare HTTP, since that costs less CPU than a call of the official client; ranges
are read through the official client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables.aio import TableClient

from orchestration.adapters.table_batch import BatchWriter, Operation, Write
from orchestration.adapters.table_groups import GroupWriter
from orchestration.adapters.table_link import patiently
from orchestration.adapters.table_points import PointReader
from orchestration.checkpoints import Row
from orchestration.errors import RowConflict, RowExists, RowGone, StorageUnavailable
from orchestration.ports import TaggedRow

_OF_THE_SERVICE = frozenset({"PartitionKey", "RowKey", "Timestamp"})
_MOST_PER_PAGE = 1000
"""The service's own limit on the entities of one answer."""


class TableRows:
    """One table. The client, the writer and the reader belong to whoever made them."""

    def __init__(self, client: TableClient, batch: BatchWriter, points: PointReader) -> None:
        self._client = client
        self._batch = batch
        self._group = GroupWriter(batch)
        self._points = points

    async def insert(self, partition: str, rows: Sequence[Row]) -> None:
        """One transaction of inserts."""
        await self._batch.write(partition, [_operation(Write.INSERT, row) for row in rows])

    async def put(self, partition: str, rows: Sequence[Row]) -> None:
        """One transaction of upserts."""
        operations = [_operation(Write.UPSERT, row) for row in rows]
        await patiently(lambda: self._group.write(partition, operations))

    async def replace(self, partition: str, row: Row, *, etag: str, also: Sequence[Row] = ()) -> None:
        """One transaction: the row under its ETag, the others as they are."""
        first = Operation(write=Write.REPLACE, row_key=row.key, values=row.values, etag=etag)
        await self._batch.write(partition, [first, *(_operation(Write.UPSERT, other) for other in also)])

    async def delete(self, partition: str, key: str) -> None:
        """Delete; gone is as good."""
        operation = Operation(write=Write.DELETE, row_key=key)
        with suppress(RowGone):
            await patiently(lambda: self._group.write(partition, [operation]))

    async def read(self, partition: str, key: str) -> Row | None:
        """A point read."""
        found = await self.read_tagged(partition, key)
        return found.row if found else None

    async def read_tagged(self, partition: str, key: str) -> TaggedRow | None:
        """A point read; the ETag comes with the entity."""
        found = await patiently(lambda: self._points.read(partition, key))
        if found is None:
            return None
        values = {name: value for name, value in found.values.items() if name not in _OF_THE_SERVICE}
        return TaggedRow(row=Row(key=key, values=values), etag=found.etag)

    async def between(self, partition: str, *, after: str, before: str, limit: int) -> list[Row]:
        """A range of row keys in one partition."""
        query = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @before"
        parameters = {"partition": partition, "after": after, "before": before}
        return [_row(entity) for entity in await self._query(query, parameters, limit)]

    async def partitions(self, *, first: str, before: str, limit: int) -> list[tuple[str, str]]:
        """Keys alone, over a range of partitions."""
        query = "PartitionKey ge @first and PartitionKey lt @before"
        parameters = {"first": first, "before": before}
        select = ["PartitionKey", "RowKey"]
        found = await self._query(query, parameters, limit, select)
        return [(entity["PartitionKey"], entity["RowKey"]) for entity in found]

    async def _query(
        self, query: str, parameters: dict[str, Any], limit: int, select: list[str] | None = None
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        async with translated():
            entities = self._client.query_entities(
                query, parameters=parameters, results_per_page=min(limit, _MOST_PER_PAGE), select=select
            )
            async for entity in entities:
                found.append(entity)
                if len(found) == limit:
                    break
        return found


def _operation(write: Write, row: Row) -> Operation:
    return Operation(write=write, row_key=row.key, values=row.values)


def _row(entity: Mapping[str, Any]) -> Row:
    values = {name: value for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}
    return Row(key=entity["RowKey"], values=values)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the official client in our words; every other status means that storage is not usable now."""
    try:
        yield
    except ResourceExistsError as error:
        raise RowExists("the row exists") from error
    except (ResourceNotFoundError, ResourceModifiedError) as error:
        raise RowConflict("the row changed since it was read, or is gone") from error
    except HttpResponseError as error:
        raise StorageUnavailable(f"tables answered {error.status_code}") from error
    except AzureError as error:
        raise StorageUnavailable(f"tables do not answer: {type(error).__name__}") from error
