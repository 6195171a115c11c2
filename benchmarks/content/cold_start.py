"""What the embedded path costs a fresh process: import and first use of every step, over Python with pydantic.

python -m benchmarks.content.cold_start
"""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.report import median, report

RUNS = 7
PROGRAM = """
import asyncio, json, sys, time
import pydantic
class Bare(pydantic.BaseModel):
    value: int
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
before, began = peak(), time.perf_counter()
from layers.catalog import CATALOG
for declaration in CATALOG.values():
    declaration.load()
from layers.text.words import stem
stem("warmth")
print(json.dumps({"seconds": time.perf_counter() - began, "megabytes": peak() - before}))
"""


def main() -> None:
    runs = [_fresh() for _ in range(RUNS + 1)][1:]  # the first may have to compile
    seconds = median([run["seconds"] for run in runs])
    report("cold_start.import", seconds, "s", floor=0.25, goal=0.3, runs=RUNS)
    report(
        "cold_start.memory", median([run["megabytes"] for run in runs]), "MB", floor=15, goal=20, runs=RUNS
    )


def _fresh() -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
