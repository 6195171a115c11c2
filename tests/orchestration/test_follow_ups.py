"""What follows an answer: begun before it, not waited for, and never lost without a word."""

import asyncio

import pytest

from orchestration.errors import QueueUnavailable
from orchestration.follow_ups import MOST_AT_ONCE, FollowUps
from orchestration.jobs import JobStatus
from orchestration.ports import OutgoingMessage
from tests.orchestration.support import Queue, World


class SlowQueue(Queue):
    """A broker that takes no message before ``open``."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.asked = 0

    async def send(self, message: OutgoingMessage) -> None:
        self.asked += 1
        await self.open.wait()
        await super().send(message)


async def until_sent(queue: Queue, count: int) -> None:
    async with asyncio.timeout(10):
        while len(queue.sent) < count:
            await asyncio.sleep(0)


async def test_an_answer_does_not_wait_for_the_broker_and_the_job_is_listed_by_then() -> None:
    queue = SlowQueue()
    world = World(queue=queue)
    job = (await world.submit()).job
    assert (queue.asked, queue.sent) == (1, [])
    assert (await world.job(job.job_id)).status is JobStatus.QUEUED
    keys = [row.key for _, row in world.store.table("jobindex").all()]
    assert any(job.job_id in key for key in keys)
    queue.open.set()
    await until_sent(queue, 1)


async def test_callers_wait_where_the_broker_takes_nothing_and_many_are_waiting() -> None:
    queue = SlowQueue()
    world = World(queue=queue)
    async with asyncio.timeout(30):
        for _ in range(MOST_AT_ONCE - 10):
            await world.submit()  # none of these waits
        more = [asyncio.create_task(world.submit()) for _ in range(20)]
        while queue.asked < MOST_AT_ONCE + 10:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not all(task.done() for task in more)
        queue.open.set()
        await asyncio.gather(*more)
        await until_sent(queue, MOST_AT_ONCE + 10)


async def test_a_message_that_the_broker_refuses_is_left_to_the_sweeper(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()

    async def refuse(_: OutgoingMessage) -> None:
        raise QueueUnavailable("down")

    with monkeypatch.context() as down:
        down.setattr(world.queue, "send", refuse)
        await world.submit()
    assert "message left to the sweeper" in caplog.text
    world.clock.advance(61)
    await world.app.sweeper.sweep()
    assert len(world.queue.sent) == 1


async def test_a_defect_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise TypeError("a defect")

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    follow_ups = FollowUps()
    await follow_ups.begin(fail(), work())
    await asyncio.wait_for(done.wait(), 10)
    assert "a follow-up failed" in caplog.text
    assert "a defect" in caplog.text
