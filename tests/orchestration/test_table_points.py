"""The bare storage calls against the official client: what one writes, the other reads."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty
from azure.data.tables.aio import TableClient, TableServiceClient

from orchestration.adapters.bare_http import BareClient
from orchestration.adapters.table_auth import SharedKeyAuth, TableAccount
from orchestration.adapters.table_batch import BatchWriter, Operation, Write
from orchestration.adapters.table_link import TableLink
from orchestration.adapters.table_points import PointReader, decode
from orchestration.breaker import Breaker
from orchestration.errors import RowConflict, RowExists, RowGone, StorageUnavailable
from tests.orchestration.test_table_batch import ODD_KEYS

USES_SERVICES = True

VALUES = {
    "text": 'Grüße, "quoted" \\ and 漢字',
    "number": 7,
    "share": 2.0,
    "flag": True,
    "packed": bytes(range(256)),
}


@dataclass(frozen=True)
class Calls:
    official: TableClient
    writer: BatchWriter
    reader: PointReader


@pytest.fixture
async def c(azurite: str) -> AsyncIterator[Calls]:
    account = TableAccount.from_connection_string(azurite)
    name = f"calls{uuid.uuid4().hex}"
    async with (
        TableServiceClient.from_connection_string(azurite) as service,
        BareClient(account.endpoint, limit=4, timeout=15) as bare,
    ):
        client = await service.create_table(name)
        link = TableLink(
            client=bare,
            endpoint=account.endpoint,
            auth=SharedKeyAuth(account=account),
            breaker=Breaker("tables", time.monotonic),
        )
        async with client:
            yield Calls(client, BatchWriter(link=link, table=name), PointReader(link=link, table=name))


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_rows_written_bare_are_read_by_both_and_the_other_way_round(c: Calls, key: str) -> None:
    etag = await c.writer.write("p'1", [Operation(write=Write.INSERT, row_key=key, values=VALUES)])
    entity = await c.official.get_entity("p'1", key)
    big = EntityProperty(2**60, EdmType.INT64)
    await c.official.create_entity({"PartitionKey": "p'1", "RowKey": "theirs", **VALUES, "big": big})
    mine, theirs = await c.reader.read("p'1", key), await c.reader.read("p'1", "theirs")
    assert {name: entity[name] for name in VALUES} == VALUES
    assert mine is not None
    assert theirs is not None
    assert {name: mine.values[name] for name in VALUES} == VALUES
    assert {name: theirs.values[name] for name in VALUES} == VALUES
    assert theirs.values["big"] == 2**60
    assert mine.etag == etag == entity.metadata["etag"]
    assert mine.modified == entity.metadata["timestamp"]
    assert abs(mine.read_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_read_of_nothing_is_none_and_of_a_missing_table_too(c: Calls) -> None:
    assert await c.reader.read("p", "none") is None
    assert await PointReader(link=c.reader.link, table="nosuchtable").read("p", "none") is None


async def test_a_delete_is_told_from_a_changed_and_from_a_missing_row(c: Calls) -> None:
    first = await c.writer.write("p", [Operation(write=Write.INSERT, row_key="r", values={"n": 1})])
    with pytest.raises(RowExists):
        await c.writer.write("p", [Operation(write=Write.INSERT, row_key="r", values={"n": 1})])
    second = await c.writer.write("p", [Operation(write=Write.UPSERT, row_key="r", values={"n": 2})])
    with pytest.raises(RowConflict) as changed:
        await c.writer.write("p", [Operation(write=Write.DELETE, row_key="r", etag=first)])
    assert await c.writer.write("p", [Operation(write=Write.DELETE, row_key="r", etag=second)]) == ""
    with pytest.raises(RowGone):
        await c.writer.write("p", [Operation(write=Write.DELETE, row_key="r")])
    with pytest.raises(ResourceNotFoundError):
        await c.official.get_entity("p", "r")
    assert not isinstance(changed.value, RowGone)


async def test_no_answer_means_that_storage_is_not_usable_now() -> None:
    account = TableAccount(endpoint="http://127.0.0.1:1/account", name="account", key="")
    async with BareClient(account.endpoint, limit=4, timeout=15) as bare:
        link = TableLink(
            client=bare,
            endpoint=account.endpoint,
            auth=SharedKeyAuth(account=account),
            breaker=Breaker("tables", time.monotonic),
        )
        with pytest.raises(StorageUnavailable, match="do not answer"):
            await PointReader(link=link, table="jobs").read("p", "r")


def test_metadata_never_becomes_a_property() -> None:
    assert decode({"odata.etag": "W/1", "a": "AQI=", "a@odata.type": "Edm.Binary", "b": 1}) == {
        "a": b"\x01\x02",
        "b": 1,
    }
