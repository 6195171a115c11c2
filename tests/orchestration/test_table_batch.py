"""The hand-built transactions against the official client: what it reads is what was written, and errors are told apart."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables.aio import TableClient, TableServiceClient

from orchestration.adapters.bare_http import BareClient
from orchestration.adapters.table_auth import IdentityAuth, SharedKeyAuth, TableAccount
from orchestration.adapters.table_batch import MAX_OPERATIONS, BatchWriter, Operation, Write
from orchestration.adapters.table_link import TableLink
from orchestration.breaker import Breaker
from orchestration.errors import ConfigurationError, RowConflict, RowExists, StorageUnavailable

USES_SERVICES = True

ODD_KEYS = [
    "plain",
    "it's",
    "quo''ted",
    "a|b",
    "50%",
    "%2F",
    "a b",
    "grün-€-😀",
    "(x)",
    "a=b&c",
    "x,y;z",
    "~!@$^*[]{}",
]


@dataclass
class Bench:
    writer: BatchWriter
    client: TableClient
    partition: str

    async def write(self, *operations: Operation) -> str:
        return await self.writer.write(self.partition, operations)

    async def read(self, key: str) -> dict[str, Any]:
        entity = await self.client.get_entity(self.partition, key)
        return {name: value for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}


def insert(key: str, **values: Any) -> Operation:
    return Operation(write=Write.INSERT, row_key=key, values=values)


def upsert(key: str, **values: Any) -> Operation:
    return Operation(write=Write.UPSERT, row_key=key, values=values)


@pytest.fixture
async def bench(azurite: str) -> AsyncIterator[Bench]:
    account = TableAccount.from_connection_string(azurite)
    credential = AzureNamedKeyCredential(account.name, account.key or "")
    async with (
        BareClient(account.endpoint, limit=4, timeout=15) as bare,
        TableServiceClient(account.endpoint, credential=credential) as tables,
    ):
        client = await tables.create_table_if_not_exists("batches")
        auth = SharedKeyAuth(account=account)
        link = TableLink(
            client=bare, endpoint=account.endpoint, auth=auth, breaker=Breaker("tables", time.monotonic)
        )
        writer = BatchWriter(link=link, table="batches")
        async with client:
            yield Bench(writer=writer, client=client, partition=str(uuid.uuid4()))


VALUES: dict[str, Any] = {
    "text": "quotes ' \" back\\slash \t\r\n grün €😀 <&>",
    "empty": "",
    "long": "x" * 32_000,
    "number": -7,
    "most": 2**31 - 1,
    "yes": True,
    "no": False,
    "whole": 2.0,
    "part": 0.1,
    "bytes": bytes(range(256)),
    "nothing": b"",
    "dateLike": "2026-11-22T12:00:00.000Z",
    "uuidLike": "018f3c5e-0000-7000-8000-000000000001",
}


async def test_every_kind_of_value_reads_as_the_official_client_would_have_written_it(bench: Bench) -> None:
    await bench.write(insert("ours", **VALUES))
    await bench.client.create_entity({"PartitionKey": bench.partition, "RowKey": "theirs", **VALUES})
    ours = await bench.read("ours")
    assert ours == VALUES == await bench.read("theirs")
    assert {name: type(value) for name, value in ours.items()} == {n: type(v) for n, v in VALUES.items()}


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_odd_keys_name_the_same_row_in_every_operation(bench: Bench, key: str) -> None:
    partition = f"p {key}"
    etag = await bench.writer.write(partition, [insert(key, n=1)])
    etag = await bench.writer.write(
        partition, [Operation(write=Write.REPLACE, row_key=key, values={"n": 2}, etag=etag)]
    )
    await bench.writer.write(partition, [upsert(key, n=3)])
    entity = await bench.client.get_entity(partition, key)
    assert (entity["RowKey"], entity["n"]) == (key, 3)
    await bench.client.delete_entity(partition, key)


async def test_the_etag_of_the_first_row_is_the_one_that_the_official_client_sees(bench: Bench) -> None:
    etag = await bench.write(upsert("first", n=1), upsert("second", n=1))
    entity = await bench.client.get_entity(bench.partition, "first")
    assert entity.metadata["etag"] == etag


async def test_a_replace_leaves_nothing_of_the_row_before(bench: Bench) -> None:
    etag = await bench.write(insert("row", old=1, kept=1))
    await bench.write(Operation(write=Write.REPLACE, row_key="row", values={"kept": 2}, etag=etag))
    assert await bench.read("row") == {"kept": 2}


async def test_a_changed_row_is_a_conflict_and_nothing_of_the_transaction_is_written(bench: Bench) -> None:
    etag = await bench.write(insert("row", n=1))
    await bench.write(upsert("row", n=2))
    with pytest.raises(RowConflict):
        await bench.write(
            Operation(write=Write.REPLACE, row_key="row", values={"n": 3}, etag=etag), upsert("other", n=3)
        )
    assert await bench.read("row") == {"n": 2}
    assert [e async for e in bench.client.query_entities("RowKey eq 'other' and n eq 3")] == []


async def test_a_row_that_is_gone_is_a_conflict_and_one_that_exists_is_told_apart(bench: Bench) -> None:
    etag = await bench.write(insert("row", n=1))
    await bench.client.delete_entity(bench.partition, "row")
    with pytest.raises(RowConflict):
        await bench.write(Operation(write=Write.REPLACE, row_key="row", values={"n": 2}, etag=etag))
    await bench.write(insert("row", n=1))
    with pytest.raises(RowExists):
        await bench.write(insert("row", n=2), upsert("other", n=2))
    assert await bench.read("row") == {"n": 1}


async def test_a_hundred_operations_go_and_a_hundred_and_one_do_not(bench: Bench) -> None:
    await bench.write(*(upsert(f"r{n}", n=n) for n in range(MAX_OPERATIONS)))
    assert await bench.read("r99") == {"n": 99}
    for number in (0, MAX_OPERATIONS + 1):
        with pytest.raises(ValueError, match=f"not {number}"):
            await bench.write(*(upsert(f"r{n}", n=n) for n in range(number)))


async def test_a_body_of_almost_four_mebibytes_goes(bench: Bench) -> None:
    chunk = bytes(64 * 1024)
    rows = [upsert(f"r{n}", **{f"d{i}": chunk for i in range(10)}) for n in range(4)]
    await bench.write(*rows)
    assert len((await bench.read("r3"))["d9"]) == len(chunk)


async def test_a_wrong_key_is_storage_that_cannot_be_used_and_the_message_holds_no_key(bench: Bench) -> None:
    link = bench.writer.link
    account = TableAccount(endpoint=link.endpoint, name="devstoreaccount1", key="c2VjcmV0")
    writer = replace(bench.writer, link=replace(link, auth=SharedKeyAuth(account=account)))
    with pytest.raises(StorageUnavailable, match="403") as caught:
        await writer.write(bench.partition, [insert("row", n=1)])
    assert "c2VjcmV0" not in str(caught.value)


# ---------------------------------------------------------------- answers that the emulator does not give


class Fake:
    """A server that answers one thing, or nothing."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.seen = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen = await reader.readuntil(b"\r\n\r\n")
        if self._answer is not None:
            length = len(self._answer.partition(b"\r\n\r\n")[2])
            head, _, body = self._answer.partition(b"\r\n\r\n")
            writer.write(head + f"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


async def answered(answer: bytes | None, **changes: Any) -> tuple[str, bytes]:
    fake = Fake(answer)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    account = TableAccount(endpoint=endpoint, name="a", key="c2VjcmV0")
    try:
        async with BareClient(endpoint, limit=4, timeout=15) as bare:
            link = TableLink(
                client=bare,
                endpoint=endpoint,
                auth=SharedKeyAuth(account=account),
                breaker=Breaker("tables", time.monotonic),
            )
            writer = BatchWriter(link=replace(link, **changes), table="t")
            return await writer.write("p", [insert("r", n=1)]), fake.seen
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "do not answer"),
        (b"HTTP/1.1 503 Busy\r\nX: 1\r\n\r\n", "answered 503"),
        (b"HTTP/1.1 400 Bad\r\nX: 1\r\n\r\nbecause", "answered 400 because"),
        (b"HTTP/1.1 202 Accepted\r\nX: 1\r\n\r\nnothing", "answered 202"),
        (b"HTTP/1.1 202 Accepted\r\nX: 1\r\n\r\nHTTP/1.1 500 Oops\r\n", "answered 500"),
        (b"HTTP/1.1 202 Accepted\r\nX: 1\r\n\r\nHTTP/1.1 204 No Content\r\n", "without an ETag"),
    ],
    ids=range(6),
)
async def test_whatever_else_is_answered_means_that_storage_cannot_be_used_now(
    answer: bytes | None, message: str
) -> None:
    with pytest.raises(StorageUnavailable, match=message):
        await answered(answer)


async def test_an_identity_signs_with_its_token() -> None:
    async def token() -> str:
        return "the-token"

    good = b'HTTP/1.1 202 Accepted\r\nX: 1\r\n\r\nHTTP/1.1 204 No Content\r\nETag: W/"7"\r\n'
    etag, seen = await answered(good, auth=IdentityAuth(token=token))
    assert etag == 'W/"7"'
    assert b"Authorization: Bearer the-token" in seen


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (
            "AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
            "https://a.table.core.windows.net",
        ),
        (
            "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0",
            "http://a.table.core.windows.net",
        ),
        ("AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/a/;", "http://127.0.0.1:1/a"),
    ],
)
def test_an_account_is_read_from_its_connection_string(text: str, endpoint: str) -> None:
    account = TableAccount.from_connection_string(text)
    assert (account.endpoint, account.name) == (endpoint, "a")


@pytest.mark.parametrize(
    "text",
    ["", "AccountName=a", "UseDevelopmentStorage=true", "nonsense s3cret", "AccountName=a;AccountKey=s3cret"],
)
def test_an_account_that_cannot_be_read_is_named_without_its_text(text: str) -> None:
    with pytest.raises(ConfigurationError, match="CONTENT_STORAGE_CONNECTION_STRING") as caught:
        TableAccount.from_connection_string(text)
    assert "s3cret" not in str(caught.value)
