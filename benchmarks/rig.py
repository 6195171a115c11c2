"""A stack for benchmarks: storage in memory, an app of the benchmark's choice, thrown away at the end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from devtools import stack
from devtools.paths import ROOT
from localcloud.supervisor.folder import last_lines
from localcloud.supervisor.options import StackOptions

_LINKED = ("host.json", "localcloud", "node_modules", "samples", "orchestration", "layers", "benchmarks")
_TICKS = os.sysconf("SC_CLK_TCK")

SILENT = {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "false"}
"""Benchmarks send no telemetry, as the systems beside them send none; benchmarks/telemetry.py tells what it costs."""


@dataclass(kw_only=True)
class Rig:
    """The running stack. ``log`` is where a measured store writes."""

    running: stack.RunningStack
    log: Path
    _read: int = 0
    _notes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """The address of the first runner's API."""
        return f"{self.running.endpoints['api']}/content-architect"

    @property
    def storage(self) -> str:
        """The connection string of the tables."""
        return str(self.running.endpoints["storage"])

    def pid(self, part: str = "functions-1") -> int:
        """The process of a part, as it runs now."""
        endpoints = self.running.folder.read_endpoints() or {}
        return int(endpoints["processes"][part])

    def cpu_ms(self, part: str = "functions-1") -> float:
        """CPU that a part has used so far."""
        fields = Path(f"/proc/{self.pid(part)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS

    def memory_mb(self, part: str = "functions-1") -> float:
        """The most memory that a part has held (VmHWM)."""
        status = Path(f"/proc/{self.pid(part)}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def notes(self) -> dict[str, dict[str, Any]]:
        """What the measured store wrote so far, by topic."""
        if self.log.exists():
            with self.log.open() as log:
                log.seek(self._read)
                while (line := log.readline()).endswith("\n"):
                    note = json.loads(line)
                    self._notes[note["topic"]] = note
                    self._read = log.tell()
        return self._notes

    async def noted(self, topics: list[str], *, seconds: float = 300) -> list[dict[str, Any]]:
        """The notes of these jobs once all have ended. Raises AssertionError when one takes too long."""
        deadline = time.monotonic() + seconds
        while missing := [topic for topic in topics if topic not in self.notes()]:
            assert time.monotonic() < deadline, f"{len(missing)} of {len(topics)} jobs have not ended"
            await asyncio.sleep(0.002 if len(topics) == 1 else 0.05)
        return [self._notes[topic] for topic in topics]


def app_folder(folder: Path, app: Path | str) -> Path:
    """Make a folder that a runner takes for the repository, with another ``function_app.py``."""
    folder.mkdir()
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    if isinstance(app, Path):
        (folder / "function_app.py").symlink_to(app)
    else:
        (folder / "function_app.py").write_text(app)
    return folder


@contextmanager
def stack_with(
    app: Path | str, *, instances: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """Start a stack that runs ``app``: a file that takes the place of ``function_app.py``, or its text."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        repository = app_folder(Path(folder) / "repository", app)
        log = Path(folder) / "bench.log"
        options = StackOptions(
            repository=repository, data=Path(folder) / "data", instances=instances, in_memory=True
        )
        # Work is measured, not the finding of work that was done before.
        own = {"BENCH_LOG": str(log), "PYTHONPATH": str(ROOT), "STEP_CACHE": "false"}
        environment = {**own, **(settings or {})}
        running = stack.launch(options, tied=True, environment=environment).ready()
        try:
            yield Rig(running=running, log=log)
        except AssertionError:
            print("\n".join(last_lines(running.folder.logs / "functions-1.log", 30)), file=sys.stderr)
            raise
        finally:
            running.throw_away()


async def submit(session: aiohttp.ClientSession, api: str, topic: str, **fields: object) -> str:
    """Submit a job; its id."""
    request = {"topic": topic, "contentType": "blog_post", "audience": "b2b", **fields}
    async with session.post(f"{api}/generate", json=request) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["jobId"])
