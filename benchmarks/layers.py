"""The standard workflow in one process, embedded writer, ten sources: time, CPU and the longest stall per step.

A heartbeat on the event loop shows how long a step held it at a stretch. Medians over warm runs.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.content.pipeline import LIBRARY, brief_of, library_tools, steps
from benchmarks.report import median, report
from layers.contract import ContentBrief, Tools
from orchestration.workflows import PREDEFINED

RUNS = 5
SOURCES = 10
TOPIC = "AI in hospitals"
_BEAT = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Milliseconds of one step."""

    wall: float
    cpu: float
    stall: float


class Heartbeat:
    """Wakes every millisecond; ``longest`` is by how much it was late at worst since it was last asked."""

    def __init__(self) -> None:
        self._longest = 0.0

    async def run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.perf_counter()
            self._longest = max(self._longest, now - last - _BEAT)
            last = now

    async def longest(self) -> float:
        await asyncio.sleep(2 * _BEAT)
        found, self._longest = self._longest, 0.0
        return found * 1000


def request() -> ContentBrief:
    """Ten documents of the library, brought by the caller."""
    files = sorted(LIBRARY.glob("ai-*.md")) + sorted(LIBRARY.glob("[c-z]*.md"))
    given = [
        {"title": file.stem, "text": file.read_text(encoding="utf-8"), "must_use": True} for file in files
    ]
    return brief_of(TOPIC, sources=given[:SOURCES], sources_only=True)


async def main() -> None:
    beat = Heartbeat()
    beating = asyncio.create_task(beat.run())
    await one(beat, request(), library_tools())
    runs = [await one(beat, request(), library_tools()) for _ in range(RUNS)]
    beating.cancel()
    for step in runs[0]:
        report(f"layers.{step}.wall", median([run[step].wall for run in runs]), "ms")
        report(f"layers.{step}.cpu", median([run[step].cpu for run in runs]), "ms")
        report(f"layers.{step}.stall", median([run[step].stall for run in runs]), "ms", goal=50)
    for name in ("wall", "cpu"):
        whole = median([sum(getattr(step, name) for step in run.values()) for run in runs])
        report(f"layers.standard.{name}", whole, "ms", goal=1500, sources=SOURCES)


async def one(beat: Heartbeat, brief: ContentBrief, tools: Tools) -> dict[str, Measured]:
    """One run, step by step."""
    found: dict[str, Measured] = {}
    await beat.longest()
    wall, cpu = time.perf_counter(), time.process_time()
    async for step, _ in steps(PREDEFINED["standard"], brief, tools):
        spent = 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)
        found[step] = Measured(wall=spent[0], cpu=spent[1], stall=await beat.longest())
        wall, cpu = time.perf_counter(), time.process_time()
    return found


if __name__ == "__main__":
    asyncio.run(main())
