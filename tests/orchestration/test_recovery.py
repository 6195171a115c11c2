"""The sweeper: finds what nobody works on, wakes somebody up, and never does it twice."""

import asyncio
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from orchestration.errors import RowConflict, StorageUnavailable
from orchestration.jobs import ActiveJob, Job, JobStatus, stamp
from orchestration.outcomes import Completed
from orchestration.ports import Commit
from orchestration.recovery import SweepReport
from tests.orchestration.support import START, World
from tests.orchestration.unreliable import Unreliable


async def put(world: World, job: Job, **changes: Any) -> None:
    found = await world.store.read_job(job.job_id)
    assert found
    await world.store.commit(Commit(job=replace(found.job, **changes), etag=found.etag))


async def lost(world: World, **changes: Any) -> Job:
    """A job whose only message is gone."""
    job = (await world.submit(**changes)).job
    world.queue.sent.clear()
    return job


async def test_nothing_is_looked_at_before_its_time() -> None:
    world = World()
    await lost(world)
    assert await world.app.sweeper.sweep() == SweepReport()


async def test_a_silent_job_is_sent_again_under_the_same_id_twice_and_then_under_a_new_one() -> None:
    world = World()
    job = await lost(world)
    seen = []
    for _ in range(4):
        world.queue._seen.clear()
        while not world.queue.sent:
            world.clock.advance(15)
            await world.app.sweeper.sweep()
        seen.append((world.queue.sent.pop().message_id, world.clock.monotonic()))
    assert [message for message, _ in seen] == [f"{job.job_id}:{n}" for n in (1, 1, 2, 3)]
    gaps = [second - first for (_, first), (_, second) in itertools.pairwise(seen)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 2 * gaps[0]


async def test_a_live_lease_is_left_alone_and_looked_at_again_when_it_ends() -> None:
    world = World()
    job = await lost(world)
    world.clock.advance(50)
    await put(world, job, status=JobStatus.PROCESSING, lease_owner="two/1/1")
    world.clock.advance(11)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1)
    assert world.queue.sent == []
    assert [row.check_at for row in world.store.active()] == [stamp(START.replace(minute=1, second=20))]


async def test_an_expired_lease_is_ended_and_the_job_dispatched_anew() -> None:
    world = World()
    job = await lost(world)
    await put(world, job, status=JobStatus.PROCESSING, lease_owner="two/1/1", attempt=1)
    world.clock.advance(61)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1, sent=1)
    row = await world.job(job.job_id)
    assert (row.dispatch, row.lease_owner) == (2, None)
    assert await world.work() == [Completed("completed")]
    assert (await world.job(job.job_id)).attempt == 1


async def test_a_job_that_waits_for_its_next_attempt_is_not_woken_early() -> None:
    world = World()
    job = await lost(world)
    later = stamp(START.replace(hour=13))
    await put(world, job, next_attempt_at=later)
    world.clock.advance(61)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1)
    assert world.store.active()[0].check_at > later
    world.clock.advance(3600)
    assert (await world.app.sweeper.sweep()).sent == 1


async def test_an_active_row_without_a_job_is_removed_once_its_submission_cannot_be_on_its_way() -> None:
    world = World()
    row = ActiveJob(
        job_id="gone", tenant="local", priority="normal", check_at=stamp(START), created_at=stamp(START)
    )
    await world.store.put_active(row)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1)
    world.clock.advance(61)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1, finished=1)
    assert world.store.active() == []


async def test_an_active_row_of_a_refused_foreign_submission_is_an_orphan_not_an_order() -> None:
    world = World()
    job = await lost(world)
    (row,) = world.store.active()
    await world.store.put_active(replace(row, tenant="other"))
    await world.store.remove_active("local", job.job_id)
    world.clock.advance(61)
    assert await world.app.sweeper.sweep() == SweepReport(looked=1, finished=1)
    assert (world.store.active(), world.queue.sent) == ([], [])


async def test_an_ended_job_with_its_active_row_gets_its_epilogue_and_its_last_event_again() -> None:
    world = World()
    await world.watch()
    job = await lost(world)
    await world.app.service.cancel("local", job.job_id)
    last = (await world.events(job.job_id))[-1]
    await world.store.put_active(
        ActiveJob(job_id=job.job_id, tenant="local", priority="normal", check_at=stamp(START))
    )
    await world.app.realtime.drain()
    world.publisher.published.clear()
    assert await world.app.sweeper.sweep() == SweepReport(looked=1, finished=1)
    await world.app.realtime.drain()
    assert [json.loads(text) for _, text in world.publisher.published] == [last]
    assert world.store.active() == []


async def test_two_sweepers_at_once_send_one_message() -> None:
    world = World()
    await lost(world)
    world.clock.advance(61)
    world.queue._seen.clear()
    two = world.instance("two")
    reports = await asyncio.gather(world.app.sweeper.sweep(), two.sweeper.sweep())
    assert sum(report.sent for report in reports) == 1
    assert len(world.queue.sent) == 1


async def test_a_row_that_another_sweeper_took_first_is_theirs() -> None:
    world = World()
    await lost(world)
    world.clock.advance(61)

    async def taken(_: ActiveJob) -> str:
        raise RowConflict("theirs")

    world.store.move_active = taken  # type: ignore[method-assign]
    assert await world.app.sweeper.sweep() == SweepReport(looked=1)
    assert world.queue.sent == []


async def test_a_queue_that_refuses_ends_the_sweep_and_the_jobs_are_found_again() -> None:
    world = World()
    for _ in range(3):
        await lost(world)
    world.clock.advance(61)
    world.queue.failures = 1
    assert (await world.app.sweeper.sweep()).sent == 0
    sent = 0
    for _ in range(10):
        world.clock.advance(60)
        world.queue._seen.clear()
        sent += (await world.app.sweeper.sweep()).sent
    assert {m.message_id.split(":")[0] for m in world.queue.sent} == set(world.store._rows)


async def test_storage_that_is_down_ends_the_sweep_with_an_error() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    app = world.instance("one", store=unreliable)
    unreliable.broken = {"due_active"}
    with pytest.raises(StorageUnavailable):
        await app.sweeper.sweep()


# ---------------------------------------------------------------- the dead predecessor


async def running(world: World, owner: str) -> Job:
    job = await lost(world)
    await put(world, job, status=JobStatus.PROCESSING, lease_owner=owner, attempt=1, lease_epoch=1)
    (row,) = [r for r in world.store.active() if r.job_id == job.job_id]
    await world.store.put_active(replace(row, owner=owner))
    return job


async def test_a_process_frees_the_jobs_of_its_dead_predecessor_without_waiting_for_their_leases() -> None:
    world = World()
    dead, alive, foreign = [await running(world, o) for o in ("one/1/1", "one/2/2", "two/1/1")]
    sweeper = replace(world.app.sweeper, is_alive=lambda owner: owner != "one/1/1")
    assert await sweeper.expire_predecessor() == 1
    assert (await world.job(dead.job_id)).lease_owner is None
    assert (await world.job(alive.job_id)).lease_owner == "one/2/2"
    assert (await world.job(foreign.job_id)).lease_owner == "two/1/1"
    assert await world.work() == [Completed("completed")]


@pytest.mark.parametrize(
    "changes",
    [
        {"lease_owner": "two/1/1"},
        {"lease_owner": None},
        {"status": JobStatus.COMPLETED},
    ],
)
async def test_a_job_that_its_predecessor_does_not_hold_any_more_is_left_alone(
    changes: dict[str, Any],
) -> None:
    world = World()
    job = await running(world, "one/1/1")
    await put(world, job, **changes)
    before = await world.job(job.job_id)
    sweeper = replace(world.app.sweeper, is_alive=lambda _: False)
    assert await sweeper.expire_predecessor() == 0
    assert await world.job(job.job_id) == before


async def test_an_active_row_of_a_deleted_job_does_not_keep_a_process_from_starting() -> None:
    world = World()
    job = await running(world, "one/1/1")
    await world.store.delete_rows(job.job_id)
    assert await replace(world.app.sweeper, is_alive=lambda _: False).expire_predecessor() == 0


@pytest.mark.parametrize("obstacle", ["conflict", "queue"])
async def test_a_predecessors_job_that_cannot_be_freed_now_is_left_to_the_sweep(obstacle: str) -> None:
    world = World()
    job = await running(world, "one/1/1")
    if obstacle == "queue":
        world.queue.failures = 1
    else:
        read = world.store.read_job

        async def moving(job_id: str) -> Any:
            found = await read(job_id)
            await world.store.request_cancel(job_id, "")
            return found

        world.store.read_job = moving  # type: ignore[method-assign]
    assert await replace(world.app.sweeper, is_alive=lambda _: False).expire_predecessor() == 0
    world.store.read_job = type(world.store).read_job.__get__(world.store)  # type: ignore[method-assign]
    for _ in range(8):
        world.clock.advance(40)
        await world.app.sweeper.sweep()
    assert Completed("completed") in await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED
