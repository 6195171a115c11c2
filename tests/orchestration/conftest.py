"""The local services that contract suites run against, started once per worker; everybody else opens no socket."""

import asyncio
import re
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.broker import Broker, BrokerSettings
from localcloud.servicebus.config import load
from orchestration.connections import Outside, connect
from orchestration.jobs import stamp
from orchestration.settings import load_settings
from tests.orchestration.support import START
from tests.webpubsub.support import StandIn, started

ROOT = Path(__file__).parents[2]
AZURITE = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
QUEUES = ROOT / "localcloud" / "servicebus" / "queues.json"
ACCOUNT = "AccountName=devstoreaccount1;AccountKey="
ACCOUNT += "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
LISTENING = re.compile(r"Azurite Table service is successfully listening at http://127\.0\.0\.1:(\d+)")
LIMIT = 20.0


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only modules that say ``USES_SERVICES`` may reach for one."""
    if getattr(request.module, "USES_SERVICES", False):
        return

    def refuse(*_: object) -> None:
        raise AssertionError("this module uses no services, so it opens no socket")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a table service in memory."""
    ports = [part for name in ("blob", "queue", "table") for part in (f"--{name}Port", "0")]
    keep_alive = ["--tableKeepAliveTimeout", "60", "--blobKeepAliveTimeout", "60"]
    process = subprocess.Popen(
        [
            "node",
            str(AZURITE),
            "--silent",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--inMemoryPersistence",
            *ports,
            *keep_alive,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = next(filter(None, map(LISTENING.match, process.stdout)), None)
        assert found, "Azurite did not start"
        endpoint = f"http://127.0.0.1:{found.group(1)}/devstoreaccount1"
        yield f"DefaultEndpointsProtocol=http;{ACCOUNT};TableEndpoint={endpoint};"
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT)


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The connection string of a broker with the project's own queues."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()
    strings: list[str] = []

    async def serve() -> None:
        key = AccessKey(name="RootManageSharedAccessKey", secret="local-secret")
        async with Broker(BrokerSettings(queues=load(QUEUES), key=key)) as running:
            strings.append(running.connection_string)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(LIMIT), "the broker did not start"
        yield strings[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(LIMIT)
        loop.close()


@pytest.fixture(scope="session")
def web_pubsub() -> Iterator[StandIn]:
    """The Web PubSub stand-in."""
    with started() as server:
        yield server


@pytest.fixture
async def outside(azurite: str, broker: str, web_pubsub: StandIn) -> AsyncIterator[Outside]:
    """The Azure adapters, connected as the app connects them."""
    settings = load_settings(
        {
            "CONTENT_STORAGE_CONNECTION_STRING": azurite,
            "AZURE_SERVICE_BUS_CONNECTION_STRING": broker,
            "WEB_PUBSUB_CONNECTION_STRING": web_pubsub.connection_string,
        }
    )
    adapters = await connect(settings)
    await adapters.store.prepare()
    yield adapters
    for row in await adapters.store.due_active(stamp(START.replace(year=9999)), limit=1000):
        await adapters.store.remove_active(row.tenant, row.job_id)
    await adapters.close()
