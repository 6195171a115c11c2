"""A job that this process accepted itself: run without reading it, and never believed where the row has moved."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestration.fresh_jobs import KEPT_SECONDS, MAX_INPUT_BYTES, REMEMBERED, FreshJobs
from orchestration.jobs import JobStatus
from orchestration.management.audit import Actor
from orchestration.outcomes import Completed
from tests.orchestration.support import START, World, new_job, stored
from tests.orchestration.test_processor import put, submitted
from tests.orchestration.unreliable import Unreliable

READS = {"read_job", "read_rows"}


def blind(world: World) -> tuple[World, Unreliable]:
    """The app of this world again, on a store whose job rows cannot be read."""
    store = Unreliable(world.store)
    world.app = world.instance("one", store=store)
    store.broken = set(READS)
    return world, store


async def test_a_job_that_was_accepted_here_is_run_without_being_read() -> None:
    world, _ = blind(World())
    job = await submitted(world)
    assert await world.work() == [Completed("completed")]
    done = await world.job(job.job_id)
    assert (done.status, done.attempt, done.lease_epoch) == (JobStatus.COMPLETED, 1, 1)


async def test_its_result_is_the_same_as_when_it_is_read() -> None:
    results = []
    for elsewhere in (False, True):
        world = World()
        job = await submitted(world)
        await world.work(world.instance("two") if elsewhere else world.app)
        done = await world.job(job.job_id)
        results.append(await world.store.read_rows(job.job_id, f"result|{done.run}", done.result_rows))
    assert results[0] == results[1]


async def test_the_second_delivery_of_its_message_reads() -> None:
    world = World()
    job = await submitted(world)
    sent = world.queue.sent.pop()
    assert await world.deliver(sent) == Completed("completed")
    ran = len(world.steps.order)
    assert await world.deliver(sent) == Completed("the job has ended")
    assert len(world.steps.order) == ran
    assert (await world.job(job.job_id)).attempt == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (JobStatus.CANCELLED, Completed("the job has ended")),
        (JobStatus.COMPLETED, Completed("the job has ended")),
        (JobStatus.PROCESSING, Completed("another worker has it")),
    ],
)
async def test_what_another_process_did_meanwhile_counts(status: JobStatus, outcome: Completed) -> None:
    world = World()
    job = await submitted(world)
    owner = "two/1/1" if status is JobStatus.PROCESSING else None
    await put(world, job, status=status, lease_owner=owner)
    assert await world.work() == [outcome]
    assert world.steps.order == []


async def test_a_job_for_tomorrow_that_another_process_freed_meanwhile_runs_now() -> None:
    world = World()
    other = world.instance("two")
    job = await submitted(world, scheduledFor=(START + timedelta(days=1)).isoformat())
    await other.service.cancel("local", job.job_id)
    world.queue.sent.clear()
    await other.jobs.management.retry(Actor(tenant="local"), job.job_id)
    assert await world.work() == [Completed("completed")]
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_a_cancel_request_that_only_touched_the_row_counts() -> None:
    world = World()
    job = await submitted(world)
    await put(world, job, cancel_requested_at=job.created_at)
    assert await world.work() == [Completed("cancelled")]
    assert world.steps.order == []


async def test_a_job_that_was_deleted_meanwhile_is_no_job() -> None:
    world = World()
    job = await submitted(world)
    await world.store.delete_rows(job.job_id)
    assert await world.work() == [Completed("no such job")]


def test_it_is_remembered_once_for_a_minute_and_only_if_it_is_small() -> None:
    now = [0.0]
    fresh = FreshJobs(lambda: now[0])
    row = stored(new_job())
    name = row.job.job_id
    fresh.remember(replace(row, given=b"x" * MAX_INPUT_BYTES))
    assert fresh.take(name) is not None
    assert fresh.take(name) is None
    fresh.remember(replace(row, given=b"x" * (MAX_INPUT_BYTES + 1)))
    assert fresh.take(name) is None
    fresh.remember(row)
    now[0] = KEPT_SECONDS
    assert fresh.take(name) is None
    for number in range(REMEMBERED + 1):
        fresh.remember(stored(new_job(job_id=str(number))))
    assert [fresh.take(str(number)) is None for number in (0, 1)] == [True, False]
