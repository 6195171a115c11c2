"""Many real jobs at once: 50 and 200 of the ``standard`` workflow on two runners, then urgent ones behind a backlog."""

from __future__ import annotations

import asyncio
import time
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
    waits = [job["ended"] for job in jobs]
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
    last_urgent = max(job["at"] for job in urgent)
    overtaken = sum(job["at"] > last_urgent for job in backlog)
    low_p50, urgent_p50 = (median([job["ended"] for job in jobs]) for jobs in (backlog, urgent))
    report("urgent_p50_s", urgent_p50, "s", low_p50_s=round(low_p50, 2), low=BACKLOG, overtaken=overtaken)


async def _together(
    rig: Rig, session: aiohttp.ClientSession, size: int, priority: str
) -> tuple[list[dict[str, Any]], float]:
    """Submit at once and wait for all: each with its status, its seconds and the moment of its end."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    began = time.perf_counter()

    async def one(number: int) -> dict[str, Any]:
        sent = time.perf_counter()
        async with gate:
            job_id = await submit(session, rig.api, TOPIC, priority=priority, tags=[f"load {number}"])
        deadline = time.perf_counter() + _PATIENCE
        while True:
            await asyncio.sleep(_LOOK)
            async with gate, session.get(f"{rig.api}/job/{job_id}") as answer:
                status = (await answer.json())["status"]
            now = time.perf_counter()
            if status in ("completed", "failed", "cancelled") or now > deadline:
                return {"status": status, "ended": now - sent, "at": now}

    jobs = await asyncio.gather(*map(one, range(size)))
    return list(jobs), time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(main())
