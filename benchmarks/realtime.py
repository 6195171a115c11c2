"""Realtime: from a commit to the event at its watchers, and a job's wall time when Web PubSub is well, slow or down.

The floor of the first is a bare call to the same stand-in after the same commit; the two alternate message by
message. The wall times of one job are measured in interleaved rounds on the same tables.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks._azurite import azurite
from benchmarks.noop_workflow import install, noop_artifact
from benchmarks.report import median, percentile, report
from layers.catalog import CATALOG
from layers.contract import Tools
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.memory import MemoryJobStore, MemoryPublisher, MemoryQueue
from orchestration.bootstrap import App, wire
from orchestration.commits import Change, commit_once
from orchestration.connections import Outside, connect
from orchestration.errors import DependencyUnavailable
from orchestration.events import JobUpdate, status_changed
from orchestration.ids import new_commit_id
from orchestration.jobs import Job
from orchestration.messages import Delivery
from orchestration.ports import RealtimePublisher
from orchestration.realtime import RealtimeUpdatesService
from orchestration.schemas import parse_request
from orchestration.service import Origin
from orchestration.settings import Settings, load_settings
from orchestration.sockets.groups import Watcher, job_group

WARM_UP = 20
KEY = "a-key-for-benchmarks-that-is-long-enough"
CONNECTIONS = ((1, 200), (100, 60))
ROUNDS, JOBS = 6, 8
SLOW_SECONDS = 2.0
PROTOCOL = "json.webpubsub.azure.v1"
WATCHER = Watcher(tenant="local", user="a" * 32)


async def main() -> None:
    """Measure and print."""
    install()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, azurite(Path(folder)) as tables:
        async with web_pubsub() as connection_string:
            settings = settings_for(tables, connection_string)
            outside = await connect(settings)
            try:
                for connections, messages in CONNECTIONS:
                    await latency(outside, connections, messages)
                await wall_times(settings, outside)
            finally:
                await outside.close()


@asynccontextmanager
async def web_pubsub() -> AsyncIterator[str]:
    """The stand-in in a process of its own; its connection string."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud.webpubsub"),
        env={**os.environ, "LOCALCLOUD_WEBPUBSUB_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        yield str(json.loads(await process.stdout.readline())["connectionString"])
    finally:
        process.terminate()
        await process.wait()


def settings_for(tables: str, web_pubsub_string: str) -> Settings:
    """Settings of an app on these services; its queue is one in memory."""
    return load_settings(
        {
            "CONTENT_STORAGE_CONNECTION_STRING": tables,
            "WEB_PUBSUB_CONNECTION_STRING": web_pubsub_string,
            "AZURE_SERVICE_BUS_CONNECTION_STRING": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=n;SharedAccessKey=k",
        }
    )


# ---------------------------------------------------------------- commit to event


class Watchers:
    """Sockets in one group; a message is through when all of them have it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._arrived: dict[int, list[float]] = {}
        self._complete = asyncio.Event()

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Note when each message comes."""
        async for frame in socket:
            number = json.loads(frame.data)["data"]["sequence"]
            times = self._arrived.setdefault(number, [])
            times.append(time.perf_counter())
            if len(times) == self._count:
                self._complete.set()

    async def arrivals(self, number: int) -> list[float]:
        """When each socket had this message."""
        async with asyncio.timeout(30):
            while len(self._arrived.get(number, ())) < self._count:
                self._complete.clear()
                await self._complete.wait()
        return self._arrived.pop(number)


@asynccontextmanager
async def watching(publisher: RealtimePublisher, group: str, count: int) -> AsyncIterator[Watchers]:
    """So many open sockets in a group."""
    watchers = Watchers(count)
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        readers = []
        for _ in range(count):
            url = await publisher.client_url(user_id=WATCHER.user_id, group=group, minutes=5)
            socket = await stack.enter_async_context(session.ws_connect(url, protocols=[PROTOCOL]))
            await socket.receive()
            readers.append(asyncio.create_task(watchers.read(socket)))
        yield watchers
        for reader in readers:
            reader.cancel()


async def latency(outside: Outside, connections: int, messages: int) -> None:
    """Commits of one event each: its update published as services do, then by a bare call, turn and turn about."""
    clock, store = SystemClock(), MemoryJobStore(SystemClock())
    realtime = RealtimeUpdatesService(outside.publisher, clock)
    app = app_with(replace(outside, store=store, queue=MemoryQueue()), settings_for("", ""), clock)
    job = await submit(app, "latency")
    group = job_group(job.job_id)
    ours: list[float] = []
    floor: list[float] = []
    async with watching(outside.publisher, group, connections) as watchers:
        for number in range(2 * (messages + WARM_UP)):
            committed, update, landed = await commit(store, job.job_id, clock)
            if number % 2:
                realtime.publish(committed, [update])
            else:
                await outside.publisher.publish(group, update.to_json())
            times = await watchers.arrivals(update.sequence or 0)
            if number >= 2 * WARM_UP:
                (ours if number % 2 else floor).extend((t - landed) * 1000 for t in times)
    name = f"commit_to_event_{connections}_connections"
    report(f"{name}_p50_ms", median(ours), "ms", floor=median(floor), goal=1.5, goal_of="ratio")
    report(f"{name}_p99_ms", percentile(ours, 0.99), "ms", floor=percentile(floor, 0.99), goal=50)


async def commit(store: MemoryJobStore, job_id: str, clock: SystemClock) -> tuple[Job, JobUpdate, float]:
    """One commit of one event: the job, the update, and the moment when it had landed."""
    stored = await store.read_job(job_id)
    assert stored
    change = Change(mutate=lambda job: job, events=lambda job: [status_changed(job, "x" * 100)])
    job, updates = await commit_once(store, stored, change, clock=clock, commit_id=new_commit_id())
    return job, updates[0], time.perf_counter()


# ---------------------------------------------------------------- wall time


@dataclass(frozen=True, slots=True)
class Hindered:
    """Web PubSub as it is, behind something that happens before each call."""

    inner: RealtimePublisher
    before: Callable[[], Any]

    async def publish(self, group: str, message: str) -> None:
        """Let it happen, then publish."""
        await self.before()
        await self.inner.publish(group, message)

    def __getattr__(self, name: str) -> Any:
        """The rest as it is."""
        return getattr(self.inner, name)


async def _refuse() -> None:
    raise DependencyUnavailable("down", code="realtime_unavailable")


def publishers(outside: Outside) -> Mapping[str, Any]:
    """Web PubSub in all its states; ``none`` keeps messages in memory: what publishing itself costs."""
    return {
        "none": MemoryPublisher(),
        "healthy": outside.publisher,
        "slow": Hindered(outside.publisher, lambda: asyncio.sleep(SLOW_SECONDS)),
        "stuck": Hindered(outside.publisher, asyncio.Event().wait),
        "refusing": Hindered(outside.publisher, _refuse),
    }


async def wall_times(settings: Settings, outside: Outside) -> None:
    """Jobs of twelve steps from their message to their end, one after the other, in interleaved rounds."""
    clock = SystemClock()
    apps = {
        state: app_with(replace(outside, publisher=publisher, queue=MemoryQueue()), settings, clock)
        for state, publisher in publishers(outside).items()
    }
    for app in apps.values():
        await app.sockets.interest.keep(WATCHER, own_jobs=True)  # without it nothing would be sent
    walls: dict[str, list[float]] = {state: [] for state in apps}
    for round_number in range(ROUNDS):
        for state, app in apps.items():
            for number in range(JOBS):
                job = await submit(app, f"{state} {round_number} {number}")
                wall = await run(app, job)
                if round_number:  # the first round warms up
                    walls[state].append(wall * 1000)
            if state in ("none", "healthy"):
                await app.realtime.drain()
    floors = {"none": None, "healthy": "none"}
    for state, times in walls.items():
        floor = floors.get(state, "healthy")
        figures = apps[state].realtime.figures()
        report(
            f"job_wall_{state}_p50_ms",
            median(times),
            "ms",
            floor=median(walls[floor]) if floor else None,
            floor_is=floor,
            p95=round(percentile(times, 0.95), 2),
            breaker=figures.state,
            published=figures.published,
        )


def app_with(outside: Outside, settings: Settings, clock: SystemClock) -> App:
    """An app on these adapters whose workflow does nothing."""
    return wire(settings, replace(outside, clock=clock), Tools, catalog=CATALOG, artifacts=noop_artifact)


async def submit(app: App, topic: str) -> Job:
    """An accepted job of a submitter who may be watching."""
    body = {"topic": topic, "contentType": "blog_post", "audience": "b2b"}
    now = app.outside.clock.now()
    request = parse_request(body, now=now, can_write=frozenset({"en"}))
    origin = Origin(tenant=WATCHER.tenant, submitter=WATCHER.user)
    return (await app.service.submit(request, origin)).job


async def run(app: App, job: Job) -> float:
    """Hand its message to the processor; seconds until it is settled."""
    body = json.dumps({"jobId": job.job_id}).encode()
    delivery = Delivery(queue=job.queue, message_id=job.message_id, delivery_count=1, body=body)
    began = time.perf_counter()
    await app.processor.process(delivery)
    wall = time.perf_counter() - began
    stored = await app.outside.store.read_job(job.job_id)
    assert stored
    assert stored.job.status.terminal
    return wall


if __name__ == "__main__":
    asyncio.run(main())
