"""Takeover after ``kill -9`` of the only runner: from the start of the new process to its first step.

The new process has the same instance id, so it frees the jobs of its dead predecessor before it waits for leases.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from benchmarks.noop_workflow import STEPS
from benchmarks.report import median, report
from benchmarks.rig import Rig, stack_with, submit
from devtools.paths import ROOT

ROUNDS = 5
STEP_SECONDS = "0.5"
_PATIENCE = 120.0

Line = tuple[int, str, str, float]
"""Process, topic, step and moment (``time.time``) of a step that began."""


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        steps = Path(folder) / "steps.log"
        settings = {"BENCH_STEPS": str(steps), "BENCH_STEP_SECONDS": STEP_SECONDS}
        with stack_with(ROOT / "benchmarks" / "noop_app.py", settings=settings) as rig:
            async with aiohttp.ClientSession() as session:
                rounds = [await _round(rig, session, steps, f"takeover {n}") for n in range(ROUNDS)]
    seconds = [took for took, _ in rounds]
    told = {
        "all": [round(took, 2) for took in seconds],
        "finished_steps_run_again": sum(n for _, n in rounds),
    }
    report("takeover_same_instance_s", median(seconds), "s", goal=2.0, **told)


async def _round(rig: Rig, session: aiohttp.ClientSession, steps: Path, topic: str) -> tuple[float, int]:
    """Seconds from process start to first step, and how many finished steps ran again."""
    await submit(session, rig.api, topic)
    old = rig.pid()
    await _until(lambda: len(_lines(steps, topic)) > len(STEPS) // 2)
    os.kill(old, signal.SIGKILL)
    killed = time.time()
    await _until(lambda: any(pid != old for pid, *_ in _lines(steps, topic)))
    lines = _lines(steps, topic)
    new, _, _, first = next(line for line in lines if line[0] != old)
    started = _started(new)
    await rig.noted([topic])
    # A step that began a whole step time and a commit before the kill had been stored by then.
    stored = {s for pid, _, s, at in lines if pid == old and at < killed - 2 * float(STEP_SECONDS)}
    again = {s for pid, _, s, _ in _lines(steps, topic) if pid == new}
    return first - started, len(stored & again)


def _lines(steps: Path, topic: str) -> list[Line]:
    if not steps.exists():
        return []
    split = (line.split("|") for line in steps.read_text().splitlines() if line.count("|") == 3)
    return [(int(pid), name, step, float(at)) for pid, name, step, at in split if name == topic]


def _started(pid: int) -> float:
    """When a process began, as ``time.time``."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
