"""Live updates are best effort: in order, bounded, and never in a job's way."""

import asyncio
import json

import pytest

from orchestration import realtime as module
from orchestration.adapters.memory import MemoryPublisher
from orchestration.errors import DependencyUnavailable
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import JobStatus
from orchestration.realtime import RealtimeUpdatesService
from tests.orchestration.support import FakeClock, new_job


class Publisher(MemoryPublisher):
    down = False

    async def publish(self, group: str, message: str) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise DependencyUnavailable("down", code="realtime_unavailable")
        await super().publish(group, message)


def update(number: int) -> JobUpdate:
    return JobUpdate(type=EventType.STATUS_CHANGE, job_id="j", sequence=number, timestamp="t", data={})


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


async def test_what_cannot_be_sent_is_dropped_and_publishing_pauses() -> None:
    realtime, publisher, clock = service()
    publisher.down = True
    realtime.publish(new_job(), [update(1), update(2)])
    await realtime.drain()
    publisher.down = False
    realtime.publish(new_job(), [update(3)])
    assert realtime.dropped == 3
    clock.advance(5.1)
    realtime.publish(new_job(), [update(4)])
    await realtime.drain()
    assert sequences(publisher) == [4]


async def test_a_backlog_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_LIMIT", 3)
    realtime, publisher, _ = service()
    realtime.publish(new_job(), [update(n) for n in range(1, 6)])
    await realtime.drain()
    assert sequences(publisher) == [1, 2, 3]
    assert realtime.dropped == 2


async def test_progress_is_ephemeral_short_and_at_most_one_per_half_second() -> None:
    realtime, publisher, clock = service()
    job = new_job(status=JobStatus.PROCESSING)
    realtime.progress(job, "write", 0.0, "started")
    realtime.progress(job, "check", 0.0, "started")
    realtime.progress(job, "write", 0.2, "too soon")
    clock.advance(0.5)
    realtime.progress(job, "write", 0.333333, "\x00" * 1000)
    await realtime.drain()
    messages = [json.loads(text) for _, text in publisher.published]
    assert [m["data"]["fraction"] for m in messages] == [0.0, 0.333]
    assert all(m["ephemeral"] and "sequence" not in m for m in messages)
    assert all(len(text.encode()) <= 2048 for _, text in publisher.published)


async def test_what_was_remembered_for_a_job_goes_with_it() -> None:
    realtime, _, _ = service()
    realtime.progress(new_job(status=JobStatus.PROCESSING), "write", 0.0, "started")
    realtime.publish(new_job(status=JobStatus.COMPLETED), [])
    assert realtime._last_progress == {}
    await realtime.drain()


async def test_draining_before_anything_was_published_is_nothing() -> None:
    realtime, _, _ = service()
    await realtime.drain()
