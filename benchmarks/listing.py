"""Listings and statistics at 100,000 jobs, each against one raw page of the same partition in the same table.

Seeds the derived rows of ended jobs into a fresh Azurite, then times in interleaved rounds; figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.data.tables.aio import TableServiceClient

from benchmarks._azurite import Filling, azurite, fill
from orchestration.adapters.memory import MemoryJobStore
from orchestration.connections import connect
from orchestration.jobs import Job, JobStatus, Priority, StepRecord, StepStatus, stamp
from orchestration.management.job_index import INDEX, JobIndex
from orchestration.management.job_listing import JobLister
from orchestration.management.job_statistics import (
    STATE,
    STATS,
    EndedJobs,
    Period,
    StatisticsService,
    hour_of,
)
from orchestration.management.listing import JobFilter, JobQuery
from orchestration.ports import JobStore
from orchestration.settings import Settings, load_settings

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
DAYS = 7
GOAL = 1.5
PAGE = 50
Measured = Callable[[], Awaitable[object]]


class FixedClock:
    """Time does not matter here but to the statistics' open hours."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()

    def chance(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def job(number: int, count: int) -> Job:
    """An ended job; ``count`` of them are spread over seven days."""
    chance = random.Random(number)  # noqa: S311 - the same jobs every time
    ended = NOW - timedelta(days=DAYS) * (number / count)
    started = ended - timedelta(milliseconds=chance.lognormvariate(7, 1))
    steps = tuple(
        StepRecord(
            name=f"step_{n}",
            layer=("bottom", "middle", "top")[n % 3],
            service="one",
            status=StepStatus.COMPLETED,
            ended_at=stamp(ended),
            duration_ms=round(chance.lognormvariate(5, 1)),
        )
        for n in range(8)
    )
    return Job(
        job_id=f"018f3c5e-0000-7000-8000-{number:012d}",
        tenant="local",
        type="content_generation",
        topic="What a hundred thousand jobs are about",
        status=JobStatus.FAILED if number % 20 == 0 else JobStatus.COMPLETED,
        priority=Priority.NORMAL,
        queue="content-jobs",
        workflow_type="standard",
        created_at=stamp(started - timedelta(milliseconds=50)),
        updated_at=stamp(ended),
        fingerprint="",
        max_attempts=3,
        timeout_seconds=900,
        expires_at=stamp(ended + timedelta(days=30)),
        estimated_seconds=10,
        started_at=stamp(started),
        completed_at=stamp(ended),
        tags=("tenth",) if number % 10 == 0 else ("other",),
        steps=steps,
    )


async def seeded(count: int) -> Filling:
    """All derived rows, written by the services themselves into the in-memory twin."""
    store = MemoryJobStore(FixedClock())
    index, ended = JobIndex(store=store), EndedJobs(store=store)
    for number in range(count):
        one = job(number, count)
        await index.finish(one)
        await ended.record(one)
    service = StatisticsService(store=store, clock=FixedClock())
    while await service.close_hours() > 1:  # the last closed hour is always done again
        continue
    return {table: store.table(table).all() for table in (INDEX, STATS, STATE)}


async def prepare(connection: str) -> None:
    """Make the tables."""
    outside = await connect(settings_for(connection))
    await outside.store.prepare()
    await outside.close()


async def milliseconds(measured: Measured) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    await measured()
    return (time.perf_counter() - begin) * 1000


async def compare(case: str, ours: Measured, raw: Measured, rounds: int) -> None:
    """Ours and the raw page in turns; prints one line."""
    times: dict[str, list[float]] = {"ours": [], "raw": []}
    for _ in range(rounds + 1):  # the first warms up
        times["raw"].append(await milliseconds(raw))
        times["ours"].append(await milliseconds(ours))
    value, floor = (statistics.median(times[name][1:]) for name in ("ours", "raw"))
    figures = {"value": round(value, 2), "floor": round(floor, 2), "ratio": round(value / floor, 2)}
    print(json.dumps({"case": case, "unit": "ms", "goal": GOAL, "rounds": rounds, **figures}), flush=True)


def settings_for(connection: str) -> Settings:
    """Storage alone; nothing else is called."""
    return load_settings(
        {
            "CONTENT_STORAGE_CONNECTION_STRING": connection,
            "AZURE_SERVICE_BUS_CONNECTION_STRING": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=a2V5",
            "WEB_PUBSUB_CONNECTION_STRING": "Endpoint=http://127.0.0.1;AccessKey=a2V5;Version=1.0;",
        }
    )


async def run(connection: str, rounds: int) -> None:
    """Measure."""
    outside = await connect(settings_for(connection))
    service = StatisticsService(store=outside.store, clock=FixedClock())
    async with TableServiceClient.from_connection_string(connection) as client:
        await measure(outside.store, service, client, rounds)
    await outside.close()


async def measure(
    store: JobStore, service: StatisticsService, client: TableServiceClient, rounds: int
) -> None:
    """Each question against the raw page beneath it."""
    lister = JobLister(store=store, index=JobIndex(store=store))

    def raw(table: str, partition: str, first: str, size: int) -> Measured:
        async def page() -> None:
            pages = client.get_table_client(table).query_entities(
                f"PartitionKey eq '{partition}' and RowKey gt '{first}' and RowKey lt '{first}~'",
                results_per_page=size,
            )
            async for entities in pages.by_page():
                assert [entity async for entity in entities]
                return

        return page

    def listing(query: JobQuery) -> Measured:
        async def page() -> None:
            assert (await lister.page("local", query)).jobs

        return page

    first = await lister.page("local", JobQuery(page_size=200))
    everything = raw(INDEX, "local", "all|", PAGE)
    failed = JobFilter(status=JobStatus.FAILED)
    await compare("listing, first page", listing(JobQuery(page_size=PAGE)), everything, rounds)
    deep = JobQuery(page_size=PAGE, after=first.place or "")
    await compare("listing, by cursor", listing(deep), everything, rounds)
    by_status = raw(INDEX, "local", "status|failed|", PAGE)
    await compare("listing, by status", listing(JobQuery(page_size=PAGE, filter=failed)), by_status, rounds)
    period = Period(first=hour_of(NOW - timedelta(days=DAYS)), end=hour_of(NOW + timedelta(hours=1)))
    hours = raw(STATS, "hours|local", "", 1000)
    await compare("statistics of 7 days", lambda: service.report("local", period), hours, rounds)


def main() -> None:
    """``--jobs`` and ``--rounds``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with azurite(folder) as connection:
            asyncio.run(prepare(connection))
        fill(folder, asyncio.run(seeded(options.jobs)))
        with azurite(folder) as connection:
            asyncio.run(run(connection, options.rounds))


if __name__ == "__main__":
    main()
