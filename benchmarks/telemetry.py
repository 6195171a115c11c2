"""What telemetry costs: two stacks side by side, one that sends and one that does not, taking turns in one run.

Wall times are of the job rows (accepted to completed), CPU is the runner's. Goals: 5 % of a real job's wall time,
0.7 s of a runner's start, next to nothing while it is off.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import aiohttp

from benchmarks.report import median, report
from benchmarks.rig import Rig, stack_with, submit
from devtools.paths import ROOT

SWITCH = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
ROUNDS = 16
NOOP_ROUNDS = 40
BURST = 100
STARTS = 5
CALLS = 200_000

_START = """
import sys, time
began = time.perf_counter()
sys.path.insert(0, {root!r})
from localcloud.host.settings import AppSettings
from localcloud.host.telemetry import configure_telemetry
from pathlib import Path
configure_telemetry(AppSettings(), Path({folder!r}))
import function_app
import azure.servicebus.aio, azure.data.tables.aio, aiohttp
print(time.perf_counter() - began)
"""


def main() -> None:
    """Measure and print."""
    no_op_cost()
    start_cost()
    app = (ROOT / "function_app.py").read_text(encoding="utf-8")
    asyncio.run(_side_by_side("research_heavy", app, ROUNDS, {"workflowType": "research_heavy"}))
    asyncio.run(_side_by_side("noop", ROOT / "benchmarks" / "noop_app.py", NOOP_ROUNDS, {}, burst=BURST))


def no_op_cost() -> None:
    """What one instrumented place costs while telemetry is off."""
    from orchestration.telemetry.metrics import record
    from orchestration.telemetry.work import stepping

    began = time.perf_counter()
    for _ in range(CALLS):
        with stepping("a", layer="bottom", service="s", number=1) as span:
            span.set("x", 1)
    report("off_span_us", (time.perf_counter() - began) / CALLS * 1e6, "us")
    began = time.perf_counter()
    for _ in range(CALLS):
        record("content.step.duration", 1.0, {"step": "a"})
    report("off_metric_us", (time.perf_counter() - began) / CALLS * 1e6, "us")


def start_cost() -> None:
    """A process that loads the app and the SDKs of its first job, with and without the exporter."""
    seconds: dict[str, list[float]] = {"true": [], "false": []}
    for _ in range(STARTS):
        for switch, taken in seconds.items():
            taken.append(_start(switch))
    off, on = median(seconds["false"]), median(seconds["true"])
    report("start_added_s", on - off, "s", goal=0.7, on=round(on, 2), off=round(off, 2))


def _start(switch: str) -> float:
    connection = (
        "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=http://127.0.0.1:9"
    )
    environment = {
        **os.environ,
        SWITCH: switch,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3",
    }
    code = _START.format(root=str(ROOT), folder="/tmp/bench-telemetry-never-used")  # noqa: S108 - nothing is written
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


async def _side_by_side(case: str, app: Any, rounds: int, fields: dict[str, str], *, burst: int = 0) -> None:
    with ExitStack() as stacks:
        rigs = {
            name: stacks.enter_context(stack_with(app, settings={SWITCH: switch}))
            for name, switch in (("on", "true"), ("off", "false"))
        }
        async with aiohttp.ClientSession() as session:
            for rig in rigs.values():
                for number in range(3):
                    await _job(session, rig, f"warm up {number}", fields)
            taken: dict[str, list[float]] = {name: [] for name in rigs}
            cpu: dict[str, float] = dict.fromkeys(rigs, 0.0)
            for number in range(rounds):
                order = list(rigs) if number % 2 else list(rigs)[::-1]
                for name in order:
                    before = rigs[name].cpu_ms()
                    taken[name].append(await _job(session, rigs[name], _topic(number), fields))
                    await asyncio.sleep(0.7)  # the exporter's work belongs to the job that caused it
                    cpu[name] += rigs[name].cpu_ms() - before
            _report(case, taken, cpu, rounds)
            if burst:
                await _bursts(session, rigs, burst)


def _topic(number: int) -> str:
    topics = ("Artificial intelligence in healthcare", "Grid storage", "Remote work", "Phishing")
    return topics[number % len(topics)]


def _report(case: str, taken: dict[str, list[float]], cpu: dict[str, float], rounds: int) -> None:
    on, off = median(taken["on"]), median(taken["off"])
    report(f"{case}_wall_ms", on, "ms", floor=off)
    report(f"{case}_wall_added_percent", 100 * (on - off) / off, "%", goal=5)
    report(f"{case}_cpu_ms", cpu["on"] / rounds, "ms", floor=cpu["off"] / rounds)


async def _job(session: aiohttp.ClientSession, rig: Rig, topic: str, fields: dict[str, str]) -> float:
    """Milliseconds from acceptance to completion, by the job's row."""
    job_id = await submit(session, rig.api, topic, **fields)
    while True:
        async with session.get(f"{rig.api}/job/{job_id}?wait=20") as answer:
            job = await answer.json()
        if job["status"] in ("completed", "failed", "cancelled"):
            assert job["status"] == "completed", job
            times = job["metadata"]
            ended, begun = (datetime.fromisoformat(times[name]) for name in ("completedAt", "createdAt"))
            return (ended - begun).total_seconds() * 1000


async def _bursts(session: aiohttp.ClientSession, rigs: dict[str, Rig], size: int) -> None:
    """Jobs a second when all come at once: here the exporter competes with the jobs for the same CPU."""
    rates: dict[str, list[float]] = {name: [] for name in rigs}
    for turn in range(4):
        for name, rig in list(rigs.items())[:: 1 if turn % 2 else -1]:
            topics = [f"burst {turn} {number}" for number in range(size)]
            began = time.perf_counter()
            for topic in topics:
                await submit(session, rig.api, topic)
            notes = await rig.noted(topics)
            rates[name].append(size / (max(note["done"] for note in notes) - began))
    report(f"noop_burst_{size}_jobs_per_s", median(rates["on"]), "jobs/s", floor=median(rates["off"]))


if __name__ == "__main__":
    main()
