"""Our batch writer and bare reads against the official client: the same rows, turn by turn, in one process.

The transaction is that of a finished step: the job row under its ETag, a step row of 10 KB, an event row.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core import MatchConditions
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from benchmarks.noop_workflow import PAYLOAD
from benchmarks.report import median, report
from benchmarks.rig import stack_with
from orchestration.adapters.bare_http import BareClient
from orchestration.adapters.table_auth import SharedKeyAuth, TableAccount
from orchestration.adapters.table_batch import BatchWriter, Operation, Write
from orchestration.adapters.table_link import TableLink
from orchestration.adapters.table_points import PointReader
from orchestration.breaker import Breaker

ROUNDS = 8
CALLS = 20
JOB = {"status": "processing", "steps": "x" * 1000}
STEP = {"d0": PAYLOAD.encode()}
EVENT = {"body": "x" * 300}
IDLE_APP = """
import azure.functions as func
app = func.FunctionApp()

@app.route(route="idle")
def idle(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("idle")
"""

Call = Callable[[str], Awaitable[object]]


async def main() -> None:
    """Measure and print."""
    with stack_with(IDLE_APP) as rig:
        account = TableAccount.from_connection_string(rig.storage)
        async with (
            TableServiceClient.from_connection_string(rig.storage) as service,
            BareClient(account.endpoint, limit=4, timeout=15) as bare,
        ):
            client = await service.create_table("batchbench")
            link = TableLink(
                client=bare,
                endpoint=account.endpoint,
                auth=SharedKeyAuth(account=account),
                breaker=Breaker("tables", time.monotonic),
            )
            writer, reader = (kind(link=link, table="batchbench") for kind in (BatchWriter, PointReader))
            await _compare("transaction", _official_commit(client), _our_commit(writer))
            await client.create_entity({"PartitionKey": "p", "RowKey": "job", **JOB})
            await _compare(
                "point_read", lambda _: client.get_entity("p", "job"), lambda _: reader.read("p", "job")
            )
            upsert = Operation(write=Write.UPSERT, row_key="active", values=JOB)
            entity = {"PartitionKey": "p", "RowKey": "active", **JOB}
            await _compare(
                "upsert",
                lambda _: client.upsert_entity(entity, mode=UpdateMode.REPLACE),
                lambda _: writer.write("p", [upsert]),
            )


def _official_commit(client: TableClient) -> Call:
    etags: dict[str, str] = {}

    async def commit(partition: str) -> None:
        if partition not in etags:
            made = await client.create_entity({"PartitionKey": partition, "RowKey": "job", **JOB})
            etags[partition] = made["etag"]
        guard = {
            "mode": UpdateMode.REPLACE,
            "etag": etags[partition],
            "match_condition": MatchConditions.IfNotModified,
        }
        key = uuid.uuid4().hex
        operations: list[Any] = [
            ("update", {"PartitionKey": partition, "RowKey": "job", **JOB}, guard),
            ("upsert", {"PartitionKey": partition, "RowKey": f"step|{key}", **STEP}),
            ("upsert", {"PartitionKey": partition, "RowKey": f"event|{key}", **EVENT}),
        ]
        etags[partition] = str((await client.submit_transaction(operations))[0]["etag"])

    return commit


def _our_commit(writer: BatchWriter) -> Call:
    etags: dict[str, str] = {}

    async def commit(partition: str) -> None:
        if partition not in etags:
            insert = Operation(write=Write.INSERT, row_key="job", values=JOB)
            etags[partition] = await writer.write(partition, [insert])
        key = uuid.uuid4().hex
        operations = [
            Operation(write=Write.REPLACE, row_key="job", values=JOB, etag=etags[partition]),
            Operation(write=Write.UPSERT, row_key=f"step|{key}", values=STEP),
            Operation(write=Write.UPSERT, row_key=f"event|{key}", values=EVENT),
        ]
        etags[partition] = await writer.write(partition, operations)

    return commit


async def _compare(case: str, official: Call, ours: Call) -> None:
    calls = {"official": official, "ours": ours}
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        await call(f"{name}-warm")
    for _ in range(ROUNDS):
        for name, call in calls.items():
            spent = time.process_time()
            for _ in range(CALLS):
                began = time.perf_counter()
                await call(name)
                wall[name].append((time.perf_counter() - began) * 1000)
            cpu[name].append((time.process_time() - spent) * 1000 / CALLS)
    for unit, values in (("ms", wall), ("cpu_ms", cpu)):
        ours_, official_ = median(values["ours"]), median(values["official"])
        report(f"{case}_{unit}", ours_, "ms", official=round(official_, 3), saved=round(official_ / ours_, 2))


if __name__ == "__main__":
    asyncio.run(main())
