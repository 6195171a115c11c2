"""A client that is cut ten times in a job sees every event once and in order: both clients, both protocols."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from content_architect_client import AsyncContentArchitect, ContentArchitect, Event, Options, RetryPolicy
from tests.clients.cut_service import CUTS, EVENTS, CutService, cutting
from tests.clients.test_javascript import NODE, READY
from tests.clients.world import JOB_ID
from tests.webpubsub.support import LIMIT_SECONDS, StandIn, fresh_hub, started

pytestmark = pytest.mark.filterwarnings(
    # The official client's acknowledging thread does not expect a socket that is gone; it ends, as it should.
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
ROOT = Path(__file__).parents[2]


def slow(protocol: str) -> Any:
    """The official Python client spends a second on each cut: closing (sync), or recovering (aio)."""
    return pytest.param(protocol, marks=pytest.mark.long)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with started(faults=True) as server:
        yield server


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    """The official client's threads end a second later; what they raise then must not fall to another test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT_SECONDS)


@pytest.fixture
def service(stand_in: StandIn) -> Iterator[CutService]:
    with cutting(stand_in, fresh_hub()) as running:
        yield running


def options(service: CutService, protocol: Any) -> Options:
    return Options(base_url=service.base, protocol=protocol, retry=RetryPolicy(chance=lambda: 0.0))


def assert_told(service: CutService, events: list[Event]) -> None:
    assert list(range(1, EVENTS + 1)) == [event["sequence"] for event in events]
    assert CUTS == service.cuts, "the socket was not cut as often as it should have been"


@pytest.mark.parametrize("protocol", [slow("json"), "reliable"])
def test_the_synchronous_python_client_is_told_every_event_once_and_in_order(
    service: CutService, protocol: str
) -> None:
    with ContentArchitect(options(service, protocol)) as client:
        assert_told(service, list(client.watch(JOB_ID)))


@pytest.mark.parametrize("protocol", ["json", slow("reliable")])
async def test_the_asynchronous_python_client_is_told_every_event_once_and_in_order(
    service: CutService, protocol: str
) -> None:
    async with AsyncContentArchitect(options(service, protocol)) as client, asyncio.timeout(60):
        assert_told(service, [event async for event in client.watch(JOB_ID)])


@pytest.mark.node
@pytest.mark.skipif(not READY, reason="Node or its packages are not installed")
@pytest.mark.parametrize("protocol", ["json", "reliable"])
def test_the_javascript_client(service: CutService, protocol: str) -> None:
    command = [str(NODE), str(ROOT / "tests/clients/watch.mjs"), service.base, JOB_ID, protocol]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert_told(service, [json.loads(line) for line in said.stdout.splitlines()])
