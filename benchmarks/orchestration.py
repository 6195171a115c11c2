"""The cost of the engine: a 12-step job that does nothing, from HTTP to its last commit, against the raw floor.

Rounds of ours and of the floor alternate in one run, so that both meet the same noise. Telemetry is off, as in the
floor; what it costs is measured by ``./dev bench telemetry``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from benchmarks.floor import FloorJob, RawTables
from benchmarks.report import median, percentile, report
from benchmarks.rig import Rig, stack_with, submit
from devtools.paths import ROOT

ROUNDS = 6
SINGLES = 12
BURSTS = ((50, 3), (500, 1))
IN_FLIGHT = 16


async def main() -> None:
    """Measure and print."""
    without = {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "false"}
    with stack_with(ROOT / "benchmarks" / "noop_app.py", settings=without) as rig:
        async with RawTables(rig.storage) as tables, aiohttp.ClientSession() as session:
            bench = _Bench(rig, tables, session)
            await bench.warm_up()
            await bench.singles()
            for size, rounds in BURSTS:
                await bench.burst(size, rounds)


class _Bench:
    def __init__(self, rig: Rig, tables: RawTables, session: aiohttp.ClientSession) -> None:
        self._rig, self._tables, self._session = rig, tables, session
        self._number = 0

    def _topic(self) -> str:
        self._number += 1
        return f"noop {self._number}"

    async def warm_up(self) -> None:
        for _ in range(5):
            await self._single()
            await FloorJob(tables=self._tables).run()

    async def _single(self) -> dict[str, Any]:
        topic, began = self._topic(), time.perf_counter()
        await submit(self._session, self._rig.api, topic)
        accepted = time.perf_counter()
        (note,) = await self._rig.noted([topic], seconds=30)
        return {**note, "began": began, "accepted": accepted}

    async def singles(self) -> None:
        notes: list[dict[str, Any]] = []
        floors: list[float] = []
        trips: list[float] = []
        cpu, floor_cpu = 0.0, 0.0
        for _ in range(ROUNDS):
            before = self._rig.cpu_ms()
            notes += [await self._single() for _ in range(SINGLES)]
            cpu += self._rig.cpu_ms() - before
            before = time.process_time()
            for _ in range(SINGLES):
                job, began = FloorJob(tables=self._tables), time.perf_counter()
                await job.run()
                floors.append((time.perf_counter() - began) * 1000)
                trips.append(job.round_trips)
            floor_cpu += (time.process_time() - before) * 1000
        self._report_singles(notes, median(floors), median(trips))
        report("cpu_per_job_ms", cpu / len(notes), "ms", floor=floor_cpu / len(floors))

    @staticmethod
    def _report_singles(notes: list[dict[str, Any]], floor: float, trips: float) -> None:
        def ms(start: str, end: str) -> list[float]:
            return [(note[end] - note[start]) * 1000 for note in notes]

        claim, done = ms("claimed", "done"), ms("began", "done")
        report("claim_to_commit_ms", median(claim), "ms", floor=floor, p95=round(percentile(claim, 0.95), 1))
        report("engine_over_floor", median(claim) / floor, "x", goal=1.5)
        report("submit_to_done_ms", median(done), "ms", floor=floor, p95=round(percentile(done, 0.95), 1))
        report("submit_to_done_over_floor", median(done) / floor, "x", goal=2.5)
        sent = ms("began", "accepted")
        report("submit_ms", median(sent), "ms", goal=15, p99=round(percentile(sent, 0.99), 1))
        report("queue_ms", median(ms("accepted", "first_step")), "ms", goal=20)
        calls = [note["calls"] for note in notes]
        by_kind = {kind: median([c.get(kind, 0) for c in calls]) for kind in calls[0]}
        derived = (notes[-1]["derived_calls_so_far"] - notes[0]["derived_calls_so_far"]) / (len(notes) - 1)
        by_kind["index, audit and statistics"] = round(derived, 1)
        report("round_trips", sum(by_kind.values()), "round trips", floor=trips, calls=by_kind)

    async def burst(self, size: int, rounds: int) -> None:
        ours, floors, cpu = [], [], []
        for _ in range(rounds):
            before = self._rig.cpu_ms()
            ours.append(size / await self._ours(size))
            cpu.append((self._rig.cpu_ms() - before) / size)
            floors.append(size / await self._floor(size))
        rate, floor = median(ours), median(floors)
        report(f"burst_{size}_jobs_per_s", rate, "jobs/s", floor=floor, goal=40 if size >= 500 else None)
        report(f"burst_{size}_cpu_per_job_ms", median(cpu), "ms", memory_mb=round(self._rig.memory_mb()))

    async def _ours(self, size: int) -> float:
        """Seconds from the first submit to the last commit."""
        gate = asyncio.Semaphore(IN_FLIGHT)
        topics = [self._topic() for _ in range(size)]

        async def one(topic: str) -> None:
            async with gate:
                await submit(self._session, self._rig.api, topic)

        began = time.perf_counter()
        await asyncio.gather(*map(one, topics))
        notes = await self._rig.noted(topics)
        return float(max(note["done"] for note in notes) - began)

    async def _floor(self, size: int) -> float:
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one() -> None:
            async with gate:
                await FloorJob(tables=self._tables).run()

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(size)))
        return time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(main())
