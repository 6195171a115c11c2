"""What the tests of the host share: apps written to a folder, a running host, a clock that is moved by hand."""

import asyncio
import json
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from localcloud.host.host import FunctionHost

PREAMBLE = """
import asyncio, logging, os, threading, time, typing
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen = []
"""
LIMIT_S = 20.0


def write_app(
    folder: Path,
    source: str,
    *,
    preamble: str = PREAMBLE,
    host_json: Mapping[str, Any] | None = None,
    local_settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a function app and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function_app.py").write_text(preamble + textwrap.dedent(source))
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | dict(host_json or {})))
    if local_settings is not None:
        (folder / "local.settings.json").write_text(json.dumps(local_settings))
    return folder


class Served:
    """A running host and a client for it."""

    def __init__(self, host: FunctionHost, session: aiohttp.ClientSession) -> None:
        self.host = host
        self._session = session

    async def request(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, bytes, aiohttp.ClientResponse]:
        url = f"http://127.0.0.1:{self.host.port}{path}"
        async with self._session.request(method, url, **options) as response:
            return response.status, await response.read(), response

    async def get(self, path: str, **options: Any) -> tuple[int, str]:
        status, body, _ = await self.request("GET", path, **options)
        return status, body.decode()

    async def post(self, path: str, **options: Any) -> tuple[int, str]:
        status, body, _ = await self.request("POST", path, **options)
        return status, body.decode()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds, at most for the time limit of the tests."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def host_process(app: Path, data: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "localcloud.host", "--app", str(app), "--data", str(data), "--port", "0", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready_line(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        return json.loads(await process.stdout.readline())


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2030, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=max(0.0, seconds)), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking every sleeper at its time and letting it run before the next one wakes."""
        end = self._now + timedelta(seconds=seconds)
        await settle()
        while due := [entry for entry in self._sleepers if entry[0] <= end and not entry[1].done()]:
            first = min(due, key=lambda entry: entry[0])
            self._sleepers.remove(first)
            self._now = max(self._now, first[0])
            first[1].set_result(None)
            await settle()
        self._now = end


async def settle() -> None:
    """Let every task run that can."""
    for _ in range(30):
        await asyncio.sleep(0)
