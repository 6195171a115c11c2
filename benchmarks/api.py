"""The accept path under load: 64 connections for 30 s, then over the limits of a tenant.

Jobs are scheduled for next week, so that nothing is worked on: what is measured is HTTP, rows and the message. The
load comes from this process, on the same machine.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from benchmarks.report import median, percentile, report
from benchmarks.rig import Rig, stack_with
from devtools.paths import ROOT

CONNECTIONS, SECONDS, SHORT = 64, 30.0, 10.0
RATE, ACTIVE = 60, 100
BOUND = 200_000
"""Calls of one run at most, whatever the clock says."""


@dataclass(slots=True)
class Load:
    """What came of a run."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    times: dict[int, list[float]] = field(default_factory=dict)

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.times.setdefault(status, []).append(seconds * 1000)

    def lost(self) -> int:
        return sum(count for status, count in self.statuses.items() if status == 0 or status >= 500)


async def press(method: str, url: str, seconds: float, headers: Mapping[str, str], body: Any) -> Load:
    """Call from all connections, each as soon as the last call is answered, until the time is over."""
    load, began = Load(), time.perf_counter()
    until = began + seconds

    async def one(session: aiohttp.ClientSession) -> None:
        for _ in range(BOUND // CONNECTIONS):
            sent = time.perf_counter()
            if sent >= until:
                return
            try:
                async with session.request(method, url, json=body, headers=headers) as answer:
                    await answer.read()
                    status = answer.status
            except aiohttp.ClientError:
                status = 0
            load.note(status, time.perf_counter() - sent)

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        await asyncio.gather(*(one(session) for _ in range(CONNECTIONS)))
    load.seconds = time.perf_counter() - began
    return load


def job() -> dict[str, Any]:
    """A request that is accepted now and worked on next week."""
    later = datetime.now(UTC) + timedelta(days=7)
    request = {
        "topic": "Artificial intelligence in healthcare",
        "contentType": "blog_post",
        "audience": "b2b",
    }
    return {**request, "scheduledFor": later.isoformat()}


def tell(case: str, load: Load, good: int) -> None:
    """Throughput and latency of the good answers, and everything that was no answer or a 5xx."""
    times = load.times.get(good) or [0.0]
    report(
        f"{case}_per_s",
        load.statuses[good] / load.seconds,
        "calls/s",
        connections=CONNECTIONS,
        seconds=round(load.seconds),
    )
    report(f"{case}_p50_ms", median(times), "ms")
    report(f"{case}_p99_ms", percentile(times, 0.99), "ms")
    report(
        f"{case}_errors",
        load.lost(),
        "calls",
        goal=0,
        statuses={str(s): n for s, n in sorted(load.statuses.items())},
    )


PARTS = ("functions-1", "azurite", "servicebus")


async def unlimited(rig: Rig) -> None:
    """Accept, then read one of the jobs."""
    url = await first_job(rig)
    before = {part: rig.cpu_ms(part) for part in PARTS}
    load = await press("POST", f"{rig.api}/generate", SECONDS, {}, job())
    tell("accept", load, 202)
    for part in PARTS:
        used = (rig.cpu_ms(part) - before[part]) / max(1, load.statuses[202])
        report(f"accept_cpu_ms_{part}", used, "ms", what="CPU per accepted job")
    tell("read_job", await press("GET", url, SHORT, {}, None), 200)
    report("runner_memory_mb", rig.memory_mb(), "MB", goal=250)


async def first_job(rig: Rig) -> str:
    """The link of a job; the first call connects to everything."""
    async with aiohttp.ClientSession() as session, session.post(f"{rig.api}/generate", json=job()) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["links"]["self"])


def key_of(rig: Rig) -> dict[str, str]:
    """The header of a new key of a tenant, made as an operator makes it."""
    command = [sys.executable, "-m", "devtools", "apikey", "create", "--tenant", "bench", "--name", "bench"]
    data = str(rig.running.folder.path)
    said = subprocess.run([*command, "--data", data], cwd=ROOT, capture_output=True, text=True, check=True)
    return {"x-api-key": said.stdout.strip()}


async def over(rig: Rig, case: str) -> None:
    """Press beyond a limit: refused with 429, and nothing worse."""
    load = await press("POST", f"{rig.api}/generate", SHORT, key_of(rig), job())
    report(f"{case}_accepted", load.statuses[202], "calls")
    report(
        f"{case}_refused",
        load.statuses[429],
        "calls",
        p99_ms=round(percentile(load.times.get(429) or [0.0], 0.99), 1),
    )
    report(
        f"{case}_errors",
        load.lost(),
        "calls",
        goal=0,
        statuses={str(s): n for s, n in sorted(load.statuses.items())},
    )


async def main() -> None:
    """Measure and print."""
    app = ROOT / "function_app.py"
    with stack_with(app) as rig:
        await unlimited(rig)
    keys = {"AUTH_MODE": "apikey"}
    with stack_with(
        app, settings={**keys, "RATE_LIMIT_PER_MINUTE": str(RATE), "MAX_ACTIVE_JOBS": "0"}
    ) as rig:
        await over(rig, f"over_{RATE}_calls_a_minute")
    with stack_with(
        app, settings={**keys, "RATE_LIMIT_PER_MINUTE": "0", "MAX_ACTIVE_JOBS": str(ACTIVE)}
    ) as rig:
        await over(rig, f"over_{ACTIVE}_active_jobs")


if __name__ == "__main__":
    asyncio.run(main())
