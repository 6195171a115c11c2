"""Many real jobs at once: 50 and 200 of the ``standard`` workflow on two runners, then urgent ones behind a backlog."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import aiohttp

from benchmarks.report import median, percentile, report
from benchmarks.rig import Rig, stack_with, submit
from devtools.paths import ROOT

SIZES = (50, 200)
BACKLOG, URGENT = 60, 5
IN_FLIGHT = 16
_PATIENCE = 900.0
_LOOK = 0.5
TOPIC = "Artificial intelligence in healthcare"


async def main() -> None:
    """Measure and print."""
    with stack_with(ROOT / "function_app.py", instances=2) as rig:
        async with aiohttp.ClientSession() as session:
            await _together(rig, session, 2, "normal")  # the first jobs import the steps
            for size in SIZES:
                await _burst(rig, session, size)
            await _overtaking(rig, session)


async def _burst(rig: Rig, session: aiohttp.ClientSession, size: int) -> None:
    before = sum(map(rig.cpu_ms, _RUNNERS))
    jobs, seconds = await _together(rig, session, size, "normal")
    waits = [_seconds(job, "createdAt", "completedAt") for job in jobs]
    completed = sum(job["status"] == "completed" for job in jobs)
    report(f"load_{size}_completed", completed, "jobs", goal=size)
    report(f"load_{size}_jobs_per_s", size / seconds, "jobs/s", p50_s=round(median(waits), 2))
    report(f"load_{size}_p95_s", percentile(waits, 0.95), "s")
    cpu = sum(map(rig.cpu_ms, _RUNNERS)) - before
    report(f"load_{size}_cpu_per_job_ms", cpu / size, "ms")
    report(f"load_{size}_runner_memory_mb", max(map(rig.memory_mb, _RUNNERS)), "MB", goal=250)


_RUNNERS = ("functions-1", "functions-2")


async def _overtaking(rig: Rig, session: aiohttp.ClientSession) -> None:
    """A backlog of low jobs, then urgent ones: how long those take, and how many low ones they overtake."""
    low = asyncio.create_task(_together(rig, session, BACKLOG, "low"))
    await asyncio.sleep(1.0)
    urgent, _ = await _together(rig, session, URGENT, "urgent")
    backlog, _ = await low
    last = max(_moment(job, "completedAt") for job in urgent)
    overtaken = sum(_moment(job, "completedAt") > last for job in backlog)
    low_p50, urgent_p50 = (
        median([_seconds(job, "createdAt", "completedAt") for job in jobs]) for jobs in (backlog, urgent)
    )
    waited = median([_seconds(job, "createdAt", "startedAt") for job in urgent])
    report(
        "urgent_p50_s",
        urgent_p50,
        "s",
        waited_s=round(waited, 2),
        low_p50_s=round(low_p50, 2),
        low=BACKLOG,
        overtaken=overtaken,
    )


async def _together(
    rig: Rig, session: aiohttp.ClientSession, size: int, priority: str
) -> tuple[list[dict[str, Any]], float]:
    """Submit at once and wait for all: the views of the jobs, and the seconds that it took."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    began = time.perf_counter()

    async def one(number: int) -> str:
        async with gate:
            return await submit(session, rig.api, TOPIC, priority=priority, tags=[f"load {number}"])

    names = await asyncio.gather(*map(one, range(size)))
    # One after the other: many callers who poll would take the processor from the jobs that they wait for.
    jobs = [await _ended(rig, session, name) for name in names]
    return jobs, time.perf_counter() - began


async def _ended(rig: Rig, session: aiohttp.ClientSession, job_id: str) -> dict[str, Any]:
    """The view of a job once it has ended, or as it is when that takes too long."""
    deadline = time.perf_counter() + _PATIENCE
    while True:
        async with session.get(f"{rig.api}/job/{job_id}") as answer:
            job: dict[str, Any] = await answer.json()
        if job["status"] in ("completed", "failed", "cancelled") or time.perf_counter() > deadline:
            return job
        await asyncio.sleep(_LOOK)


def _seconds(job: dict[str, Any], start: str, end: str) -> float:
    return (_moment(job, end) - _moment(job, start)).total_seconds()


def _moment(job: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(job["metadata"][name])


if __name__ == "__main__":
    asyncio.run(main())
