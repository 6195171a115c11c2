"""What the embedded path costs a fresh process: import and first use of every step, over Python with pydantic.

python -m benchmarks.content.cold_start
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from benchmarks.report import median, report

RUNS = 7
PROGRAM = """
import asyncio, json, sys, time
import pydantic
class Bare(pydantic.BaseModel):
    value: int
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
before, began, worked = resident(), time.perf_counter(), time.process_time()
from layers.catalog import CATALOG
for declaration in CATALOG.values():
    declaration.load()
from layers.text.words import stem
stem("warmth")
seconds, cpu = time.perf_counter() - began, time.process_time() - worked
print(json.dumps({"seconds": seconds, "cpu": cpu, "megabytes": resident() - before}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as compiled:
        runs = [_fresh(compiled) for _ in range(RUNS + 1)][1:]  # the first compiles
    for name, case in (("seconds", "import"), ("cpu", "import.cpu")):
        report(
            f"cold_start.{case}", median([run[name] for run in runs]), "s", floor=0.25, goal=0.3, runs=RUNS
        )
    report(
        "cold_start.memory", median([run["megabytes"] for run in runs]), "MB", floor=15, goal=20, runs=RUNS
    )


def _fresh(compiled: str) -> dict[str, float]:
    """One process that finds its bytecode in this folder, as an installed app does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
