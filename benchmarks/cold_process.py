"""A fresh process whose beginning is timed: a Python program, or the Functions host with some of our functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from devtools.paths import ROOT

_PATIENCE_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")

_PROGRAM = """
import json, sys, time
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
began, worked = time.perf_counter(), time.process_time()
{code}
print(json.dumps({{"ms": (time.perf_counter() - began) * 1000, "cpu_ms": (time.process_time() - worked) * 1000,
    "mb": resident(), "modules": len(sys.modules)}}))
"""


def with_bytecode(folder: str, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which modules are compiled once, into that folder, as an installed app's are."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONPATH": str(ROOT), **(settings or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def timed_program(code: str, environment: Mapping[str, str]) -> dict[str, float]:
    """Run some lines in a new Python: milliseconds and CPU that they take, the whole process's memory, and ``total_ms``."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM.format(code=code)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"total_ms": (time.perf_counter() - began) * 1000}


BROKER_STATS = "BENCH_BROKER_STATS"
"""The variable that names where the broker tells what is in its queues."""


class ColdHost:
    """The host in a new process; times are seconds since it was started."""

    def __init__(self, environment: Mapping[str, str], data: Path, functions: list[str], port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._stats = environment[BROKER_STATS]
        self._began = time.perf_counter()
        self._lines: list[tuple[float, str]] = []
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "localcloud.host", "--app", str(ROOT), "--data", str(data)),
                *("--port", str(port), "--functions", *functions),
            ],
            cwd=ROOT,
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def logged(self, text: str) -> float:
        """Wait for a line of the log and say when it came."""
        deadline = time.perf_counter() + _PATIENCE_S
        while True:
            found = next((moment for moment, line in list(self._lines) if text in line), None)
            if found is not None:
                return found
            log = "".join(line for _, line in self._lines[-20:])
            assert time.perf_counter() < deadline, f"no line with {text!r} in:\n{log}"
            time.sleep(0.002)

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[float, float, int]:
        """POST as soon as it listens: when the request went out, when the answer was there, its status."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - an address of this machine
            f"{self._url}{path}", data=data, headers={"Content-Type": "application/json"}, method="POST"
        )
        deadline = time.perf_counter() + _PATIENCE_S
        while True:
            sent = self._now()
            try:
                with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
                    return sent, self._now(), answer.status
            except urllib.error.HTTPError as error:
                return sent, self._now(), error.code
            except (urllib.error.URLError, ConnectionError):
                assert time.perf_counter() < deadline, "the host never listened"
                time.sleep(0.005)

    def until_waiting(self, messages: int) -> None:
        """Wait until so many messages are in the queue that jobs of normal priority go through."""
        deadline = time.perf_counter() + _PATIENCE_S
        while True:
            with urllib.request.urlopen(self._stats, timeout=_PATIENCE_S) as answer:  # noqa: S310
                found = json.load(answer)["queues"]["content-jobs"]["active"]
            if found >= messages:
                return
            assert time.perf_counter() < deadline, f"{found} of {messages} messages came"
            time.sleep(0.01)

    def memory_mb(self) -> float:
        """What it holds now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def cpu_s(self) -> float:
        """CPU that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append((self._now(), line))
