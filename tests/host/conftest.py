"""Fixtures of the host's tests."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from localcloud.host.host import FunctionHost, HostOptions
from tests.host.support import Served, write_app

Serve = Callable[..., Awaitable[Served]]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out of the apps."""
    for name in list(os.environ):
        if name.startswith(("AzureWebJobs", "FUNCTIONS_", "PYTHON_THREADPOOL", "WEBSITE_")):
            monkeypatch.delenv(name)


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start hosts for apps given as source text; they are stopped at the end of the test."""
    hosts: list[FunctionHost] = []
    async with aiohttp.ClientSession() as session:

        async def start(
            source: str, *, options: dict[str, Any] | None = None, clock: Any = None, **files: Any
        ) -> Served:
            app = write_app(tmp_path / f"app{len(hosts)}", source, **files)
            given = {"grace_s": 0.2} | (options or {})
            host = FunctionHost(HostOptions(app=app, data=tmp_path / "data", **given), clock=clock)
            await host.start()
            hosts.append(host)
            await host.ready()
            return Served(host, session)

        yield start
        for host in hosts:
            await host.stop()
