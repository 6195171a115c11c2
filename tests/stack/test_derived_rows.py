"""The contract of derived rows and of active rows, for the twin and for the tables of the stack."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestration.adapters.memory import MemoryJobStore
from orchestration.checkpoints import Row
from orchestration.connections import connect
from orchestration.errors import RowConflict, RowExists
from orchestration.jobs import ActiveJob
from orchestration.ports import JobStore
from orchestration.settings import load_settings
from tests.orchestration.support import FakeClock

AZURITE = pytest.param("azurite", marks=pytest.mark.stack)


def settings_of(stack: Any) -> Any:
    return load_settings(
        {
            "CONTENT_STORAGE_CONNECTION_STRING": stack.endpoints["storage"],
            "AZURE_SERVICE_BUS_CONNECTION_STRING": stack.endpoints["serviceBus"],
            "WEB_PUBSUB_CONNECTION_STRING": stack.endpoints["webPubSub"],
        }
    )


@pytest.fixture(params=["memory", AZURITE])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[JobStore]:
    if request.param == "memory":
        yield MemoryJobStore(FakeClock())
        return
    outside = await connect(settings_of(request.getfixturevalue("stack")))
    await outside.store.prepare()
    yield outside.store
    await outside.close()


def rows(*keys: str) -> list[Row]:
    values: dict[str, Any] = {"text": "ä'\"", "number": 3, "share": 1.0, "flag": True, "data": b"\x00\xff"}
    return [Row(key=key, values=values) for key in keys]


def new_partition(prefix: str = "p") -> str:
    return f"{prefix}|{uuid.uuid4().hex}"


async def test_a_row_comes_back_as_it_was_written(store: JobStore) -> None:
    table, partition = store.table("stats"), new_partition()
    await table.put(partition, rows("a|1"))
    assert await table.read(partition, "a|1") == rows("a|1")[0]
    assert await table.read(partition, "a|2") is None


async def test_an_insert_creates_all_rows_or_none(store: JobStore) -> None:
    table, partition = store.table("jobindex"), new_partition()
    await table.insert(partition, rows("b"))
    with pytest.raises(RowExists):
        await table.insert(partition, rows("a", "b"))
    assert await table.read(partition, "a") is None


async def test_a_put_replaces_the_whole_row(store: JobStore) -> None:
    table, partition = store.table("jobindex"), new_partition()
    await table.put(partition, rows("a", "b"))
    await table.put(partition, [Row(key="a", values={"other": "x"})])
    found = await table.read(partition, "a")
    assert found == Row(key="a", values={"other": "x"})


async def test_deleting_what_is_gone_is_fine(store: JobStore) -> None:
    table, partition = store.table("state"), new_partition()
    await table.put(partition, rows("a"))
    for _ in range(2):
        await table.delete(partition, "a")
    assert await table.read(partition, "a") is None


async def test_a_range_is_exclusive_sorted_and_bounded(store: JobStore) -> None:
    table, partition = store.table("jobindex"), new_partition()
    await table.put(partition, rows("k|d", "k|a", "k|c", "k|b", "l|a", "j|z"))
    found = await table.between(partition, after="k|a", before="k|~", limit=10)
    assert [row.key for row in found] == ["k|b", "k|c", "k|d"]
    assert [row.key for row in await table.between(partition, after="", before="~", limit=2)] == [
        "j|z",
        "k|a",
    ]


async def test_partitions_are_walked_in_order(store: JobStore) -> None:
    table, prefix = store.table("stats"), uuid.uuid4().hex
    for hour in ("11", "09", "10"):
        await table.put(f"{prefix}|{hour}", rows("b", "a"))
    found = await table.partitions(first=f"{prefix}|", before=f"{prefix}|11", limit=3)
    assert found == [(f"{prefix}|09", "a"), (f"{prefix}|09", "b"), (f"{prefix}|10", "a")]


async def test_an_active_row_is_removed_only_as_it_was_read(store: JobStore) -> None:
    tenant, job_id = uuid.uuid4().hex, str(uuid.uuid4())
    row = ActiveJob(
        job_id=job_id,
        tenant=tenant,
        priority="low",
        check_at="2026-01-01",
        created_at="2026-01-01",
        dispatch=3,
    )
    await store.put_active(row)
    first = await store.read_active(tenant, job_id)
    assert first is not None
    assert first.dispatch == 3
    await store.put_active(row)
    with pytest.raises(RowConflict):
        await store.remove_active(tenant, job_id, etag=first.etag)
    assert [found.job_id for found in await store.active_of(tenant, limit=5)] == [job_id]
    second = await store.read_active(tenant, job_id)
    assert second is not None
    await store.remove_active(tenant, job_id, etag=second.etag)
    await store.remove_active(tenant, job_id)
    assert await store.read_active(tenant, job_id) is None
    assert await store.active_of(tenant, limit=5) == []
