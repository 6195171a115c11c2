"""Live updates are best effort: in order, bounded, never in a job's way, and whole again after an outage."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from orchestration import realtime as module
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.memory import MemoryPublisher
from orchestration.breaker import SLOW_TO_FAIL
from orchestration.circuits import Circuits
from orchestration.errors import DependencyUnavailable
from orchestration.events import EventType, JobUpdate
from orchestration.health import HealthService
from orchestration.jobs import Job, JobStatus
from orchestration.outcomes import Completed
from orchestration.realtime import RealtimeUpdatesService
from orchestration.sockets.interest import tenant_name, user_name
from tests.orchestration.support import FakeClock, World, delivery_of, new_job


class Publisher(MemoryPublisher):
    """Counts calls, and refuses, waits for ever, or breaks where a test says so."""

    down = False
    stuck = False
    broken = False
    calls = 0
    running = most_running = 0

    async def publish(self, group: str, message: str) -> None:
        self.calls += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            if self.stuck:
                await asyncio.Event().wait()
            if self.broken:
                raise ZeroDivisionError
            if self.down:
                raise DependencyUnavailable("down", code="realtime_unavailable")
        finally:
            self.running -= 1
        await super().publish(group, message)


def update(number: int, job_id: str = "j") -> JobUpdate:
    return JobUpdate(
        type=EventType.STATUS_CHANGE, job_id=job_id, sequence=number, timestamp="t", data={"n": number}
    )


def service() -> tuple[RealtimeUpdatesService, Publisher, FakeClock]:
    clock, publisher = FakeClock(), Publisher()
    return RealtimeUpdatesService(publisher, clock), publisher, clock


def sequences(publisher: Publisher) -> list[int]:
    return [json.loads(text)["sequence"] for _, text in publisher.published]


async def test_updates_go_to_the_jobs_group_in_order() -> None:
    realtime, publisher, _ = service()
    realtime.publish(new_job(), [update(n) for n in range(1, 4)])
    realtime.publish(new_job(), [update(4)])
    await realtime.drain()
    assert sequences(publisher) == [1, 2, 3, 4]
    assert {group for group, _ in publisher.published} == {f"job:{new_job().job_id}"}


async def test_updates_of_a_submitted_job_go_to_its_group_and_then_to_its_submitters() -> None:
    realtime, publisher, _ = service()
    job = new_job(submitter="a" * 32)
    realtime.publish(job, [update(1), update(2)])
    realtime.progress(job, "write", 0.5, "half")
    await realtime.drain()
    groups = [f"job:{job.job_id}", f"user:{'a' * 32}"]
    assert [group for group, _ in publisher.published] == groups * 3


async def test_submitters_who_do_not_watch_cost_no_call() -> None:
    watchers = Watchers({tenant_name("local"), user_name("b")})
    publisher = Publisher()
    realtime = RealtimeUpdatesService(publisher, FakeClock(), watchers=watchers)
    for user in ("a", "b", None):
        realtime.publish(new_job(job_id=str(user), submitter=user), [update(1)])
    await realtime.drain()
    assert sorted(group for group, _ in publisher.published) == ["job:None", "job:a", "job:b", "user:b"]
    assert set(watchers.asked) == {tenant_name("local"), user_name("a"), user_name("b")}


@pytest.mark.parametrize("knows", [True, False], ids=["looked just now", "has to look"])
async def test_updates_that_nobody_of_the_tenant_may_watch_are_not_sent(*, knows: bool) -> None:
    watchers = Watchers({tenant_name("watching")}, knows=knows)
    publisher = Publisher()
    realtime = RealtimeUpdatesService(publisher, FakeClock(), watchers=watchers)
    for tenant in ("watching", "sleeping"):
        job = new_job(job_id=tenant, tenant=tenant)
        realtime.publish(job, [update(1)])
        realtime.progress(job, "step", 0.5, "half")
    await realtime.drain()
    assert [group for group, _ in publisher.published] == ["job:watching"] * 2
    assert realtime.figures().published == 2


@pytest.mark.parametrize("knows", [True, False])
async def test_who_watches_is_found_out_before_the_first_update(*, knows: bool) -> None:
    watchers = Watchers(set(), knows=knows)
    realtime = RealtimeUpdatesService(Publisher(), FakeClock(), watchers=watchers)
    realtime.expect(new_job(submitter="a"))
    expected = [tenant_name("local"), user_name("a")]
    assert watchers.asked == ([] if knows else [f"beforehand: {name}" for name in expected])


async def test_what_is_not_sent_does_not_close_the_breaker() -> None:
    watchers, publisher, clock = Watchers({tenant_name("watching")}, knows=False), Publisher(), FakeClock()
    realtime = RealtimeUpdatesService(publisher, clock, watchers=watchers)
    publisher.down = True
    for number in range(10):
        realtime.publish(new_job(job_id=str(number), tenant="watching"), [update(1)])
    while realtime.figures().state == "closed":
        await asyncio.sleep(0)
    realtime.publish(new_job(job_id="unwatched", tenant="sleeping"), [update(1)])
    for _ in range(20):
        await asyncio.sleep(0)
    assert realtime.figures().state != "closed"
    publisher.down = False
    await realtime.drain()


async def test_jobs_do_not_wait_for_each_other_but_each_stays_in_order() -> None:
    realtime, publisher, _ = service()
    jobs = [new_job(job_id=str(n)) for n in range(40)]
    for number in range(1, 4):
        for job in jobs:
            realtime.publish(job, [update(number, job.job_id)])
    await realtime.drain()
    assert publisher.most_running == module.MOST_AT_ONCE
    for job in jobs:
        own = [
            json.loads(text)["sequence"]
            for group, text in publisher.published
            if group == f"job:{job.job_id}"
        ]
        assert own == [1, 2, 3]


async def test_after_an_outage_each_job_has_its_newest_event_published_so_that_watchers_see_the_gap() -> None:
    realtime, publisher, clock = service()
    publisher.down = True
    one, other = new_job(job_id="one"), new_job(job_id="other")
    realtime.publish(one, [update(n, "one") for n in (1, 2, 3)])
    realtime.publish(other, [update(1, "other")])
    while realtime.figures().state == "closed":
        await asyncio.sleep(0)
    realtime.publish(one, [update(4, "one")])
    realtime.progress(one, "write", 0.5, "not while it is down")
    publisher.down = False
    await realtime.drain()
    assert {(group, json.loads(text)["sequence"]) for group, text in publisher.published} == {
        ("job:one", 4),
        ("job:other", 1),
    }
    figures = realtime.figures()
    assert (figures.state, figures.published, figures.dropped, figures.waiting) == ("closed", 2, 3, 0)
    assert figures.failed >= SLOW_TO_FAIL.fewest
    assert max(clock.slept) == SLOW_TO_FAIL.pause


async def test_while_it_is_down_one_message_at_a_time_probes() -> None:
    realtime, publisher, clock = service()
    publisher.down = True
    for number in range(30):
        realtime.publish(new_job(job_id=str(number)), [update(1, str(number))])
    while realtime.figures().state == "closed":
        await asyncio.sleep(0)
    calls, begun = publisher.calls, clock.monotonic()
    while clock.monotonic() < begun + 60:
        await asyncio.sleep(0)
    assert publisher.calls - calls <= 60 / SLOW_TO_FAIL.pause + module.MOST_AT_ONCE
    publisher.down = False
    await realtime.drain()
    assert len(publisher.published) == 30


async def test_what_cannot_be_sent_for_ten_minutes_is_dropped() -> None:
    realtime, publisher, clock = service()
    publisher.down = True
    realtime.publish(new_job(), [update(1)])
    await realtime.drain()
    assert publisher.published == []
    assert realtime.figures().dropped == 1
    assert clock.monotonic() >= module.KEEP_SECONDS


async def test_a_call_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.001)
    realtime, publisher, _ = service()
    publisher.stuck = True
    realtime.publish(new_job(), [update(1)])
    while not realtime.figures().failed:
        await asyncio.sleep(0.001)
    publisher.stuck = False
    await realtime.drain()
    assert sequences(publisher) == [1]


async def test_a_backlog_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MESSAGE_LIMIT", 3)
    realtime, publisher, _ = service()
    realtime.publish(new_job(), [update(n) for n in range(1, 6)])
    assert realtime.figures().waiting <= 3
    await realtime.drain()
    assert sequences(publisher)[-1] == 5, "the newest is what tells a watcher that it missed some"
    assert realtime.figures().dropped + realtime.figures().published == 5


async def test_a_defect_in_an_adapter_costs_no_later_update() -> None:
    realtime, publisher, _ = service()
    publisher.broken = True
    realtime.publish(new_job(), [update(1)])
    (worker,) = realtime._workers
    with pytest.raises(ZeroDivisionError):
        await worker
    publisher.broken = False
    realtime.publish(new_job(), [update(2)])
    await realtime.drain()
    assert sequences(publisher)[-1] == 2


async def test_progress_is_ephemeral_short_and_at_most_one_per_half_second() -> None:
    realtime, publisher, clock = service()
    job = new_job(status=JobStatus.PROCESSING)
    realtime.progress(job, "write", 0.0, "started")
    realtime.progress(job, "check", 0.0, "started")
    realtime.progress(job, "write", 0.2, "too soon")
    await realtime.drain()
    clock.advance(0.5)
    realtime.progress(job, "write", 0.333333, "\x00" * 1000)
    await realtime.drain()
    messages = [json.loads(text) for _, text in publisher.published]
    assert [m["data"]["fraction"] for m in messages] == [0.0, 0.333]
    assert all(m["ephemeral"] and "sequence" not in m for m in messages)
    assert all(len(text.encode()) <= 2048 for _, text in publisher.published)


async def test_progress_that_waits_is_replaced_by_newer_progress() -> None:
    realtime, publisher, clock = service()
    job = new_job(status=JobStatus.PROCESSING)
    for fraction in (0.1, 0.2, 0.3):
        realtime.progress(job, "write", fraction, "")
        clock.advance(1)
    await realtime.drain()
    assert [json.loads(text)["data"]["fraction"] for _, text in publisher.published] == [0.3]


async def test_what_was_remembered_for_a_job_goes_with_it() -> None:
    realtime, _, _ = service()
    realtime.progress(new_job(status=JobStatus.PROCESSING), "write", 0.0, "started")
    realtime.publish(new_job(status=JobStatus.COMPLETED), [])
    assert realtime._last_progress == {}
    await realtime.drain()


async def test_draining_before_anything_was_published_is_nothing() -> None:
    realtime, publisher, _ = service()
    await realtime.drain()
    assert publisher.published == []
    assert (realtime.figures().published, realtime.figures().failed) == (0, 0)


# ---------------------------------------------------------------- never in a job's way


class Slow(MemoryPublisher):
    """Answers, but only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def publish(self, group: str, message: str) -> None:
        await self.go_on.wait()
        await super().publish(group, message)


@dataclass
class Watchers:
    """Those named may be watching; what was asked is noted."""

    names: set[str]
    knows: bool = False
    asked: list[str] = field(default_factory=list)

    def known(self, name: str) -> bool | None:
        return name in self.names if self.knows else None

    async def has(self, name: str) -> bool:
        self.asked.append(name)
        return name in self.names

    def look(self, name: str) -> None:
        self.asked.append(f"beforehand: {name}")


async def job_with(publisher: MemoryPublisher) -> tuple[World, Job]:
    """A job from submission to its end over this publisher, on a clock that publishing cannot move."""
    world = World(publisher=publisher)
    world.app = world.instance("one")
    await world.watch()
    job = (await world.submit()).job
    message = world.queue.take()
    assert message is not None
    assert await world.app.processor.process(delivery_of(message, count=1)) == Completed("completed")
    return world, await world.job(job.job_id)


@pytest.mark.parametrize("trouble", ["stuck", "down", "slow"])
async def test_a_job_completes_as_if_nothing_were_wrong_with_web_pubsub(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher: MemoryPublisher = Slow() if trouble == "slow" else Publisher()
    if trouble != "slow":
        setattr(publisher, trouble, True)
    # A publisher that waits must wait on its own time, not on the jobs': then the order of events shows it.
    monkeypatch.setattr(module, "SEND_SECONDS", 3600)
    world, job = await job_with(publisher)
    assert job.status is JobStatus.COMPLETED
    assert publisher.published == [], "not one update got out before the job was through"
    assert [event["sequence"] for event in await world.events(job.job_id)] == list(range(1, job.sequence + 1))
    assert world.store.active() == []
    if isinstance(publisher, Slow):
        publisher.go_on.set()
        await world.app.realtime.drain()
        sent = [json.loads(text).get("sequence") for _, text in publisher.published]
        assert [number for number in sent if number] == list(range(1, job.sequence + 1))


async def test_the_real_clock_is_slept_on_while_it_is_down() -> None:
    publisher = Publisher()
    publisher.down = True
    realtime = RealtimeUpdatesService(publisher, SystemClock())
    realtime.publish(new_job(), [update(1)])
    while realtime.figures().state == "closed":
        await asyncio.sleep(0)
    (worker,) = realtime._workers
    assert publisher.calls == SLOW_TO_FAIL.fewest
    worker.cancel()
    await asyncio.wait([worker])


# ---------------------------------------------------------------- health


async def test_health_shows_that_publishing_is_degraded() -> None:
    realtime, publisher, _ = service()
    circuits = Circuits()
    circuits.add("webPubSub", realtime.circuit)
    health = HealthService({}, FakeClock(), circuits)
    assert (await health.report())["status"] == "healthy"
    publisher.down = True
    realtime.publish(new_job(), [update(1)])
    while realtime.figures().state == "closed":
        await asyncio.sleep(0)
    report = await health.report()
    assert report["status"] == "degraded"
    assert report["dependencies"]["webPubSub"]["circuit"] in ("open", "half_open")
    publisher.down = False
    await realtime.drain()
    assert (await health.report())["status"] == "healthy"
