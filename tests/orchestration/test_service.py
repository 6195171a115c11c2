"""Submission, waiting and cancelling over memory: row first, then send."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestration.errors import InvalidRequest, RequestRefused, StorageUnavailable
from orchestration.jobs import Job, JobStatus
from orchestration.outcomes import Completed
from orchestration.ports import Commit
from orchestration.retry import SUBMIT_RETRY
from orchestration.service import Origin
from tests.orchestration.support import REQUEST, START, World
from tests.orchestration.unreliable import Unreliable

KEYED = Origin(tenant="local", key="abc")


async def put(world: World, job: Job) -> None:
    found = await world.store.read_job(job.job_id)
    assert found
    await world.store.commit(Commit(job=job, etag=found.etag))


async def test_a_job_has_all_its_rows_before_its_message_is_sent() -> None:
    world = World()
    job = (await world.submit(userId="u", tags=["x"])).job
    assert world.store.keys(job.job_id) == ["event|00000001", "input|0", "job"]
    (row,) = world.store.active()
    assert (row.tenant, row.job_id, row.check_at > job.created_at) == ("local", job.job_id, True)
    (sent,) = world.queue.sent
    assert (sent.queue, sent.message_id, sent.not_before) == ("content-jobs", f"{job.job_id}:1", None)
    assert sent.properties == {"tenantId": "local", "attempt": 0, "traceparent": job.traceparent}
    assert (job.user_id, job.tags, len(job.steps)) == ("u", ("x",), 8)


@pytest.mark.parametrize(
    ("changes", "queue"),
    [
        ({"priority": "urgent"}, "content-jobs-high"),
        ({"priority": "low"}, "content-jobs-low"),
        ({"priority": "low", "async": False}, "content-jobs-high"),
        ({"priority": "urgent", "async": False}, "content-jobs-high"),
    ],
)
async def test_priority_and_an_awaited_answer_choose_the_queue(
    changes: dict[str, object], queue: str
) -> None:
    world = World()
    assert (await world.submit(**changes)).job.queue == queue
    assert world.queue.sent[0].queue == queue


async def test_the_trace_of_the_caller_travels_with_the_job_and_its_message() -> None:
    world = World()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    job = (await world.submit(origin=Origin(tenant="local", traceparent=trace))).job
    assert job.traceparent == trace
    assert world.queue.sent[0].properties["traceparent"] == trace


async def test_a_deadline_shortens_the_time_of_an_attempt_and_never_prolongs_it() -> None:
    world = World(environment={"JOB_TIMEOUT_MINUTES": "10"})
    assert (await world.submit(deadlineSeconds=30)).job.timeout_seconds == 30
    assert (await world.submit(deadlineSeconds=1500)).job.timeout_seconds == 600


async def test_a_scheduled_job_waits_in_the_queue_and_its_row_is_not_due_before() -> None:
    world = World()
    at = START + timedelta(days=1)
    job = (await world.submit(scheduledFor=at.isoformat())).job
    assert world.queue.sent[0].not_before == at
    world.clock.advance(3600)
    assert (await world.app.sweeper.sweep()).looked == 0
    world.clock.advance(23 * 3600)
    assert await world.work() == [Completed("completed")]
    assert (await world.job(job.job_id)).attempt == 1


async def test_the_same_key_and_request_is_the_same_job_and_says_so() -> None:
    world = World()
    first = await world.submit(origin=KEYED)
    world.clock.advance(1)
    second = await world.submit(origin=KEYED)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.job == second.job
    assert len(world.queue.sent) == 1
    other = await world.submit(origin=replace(KEYED, tenant="b"))
    assert other.job.job_id != first.job.job_id


async def test_a_used_key_with_another_request_is_refused_and_leaves_the_job_as_it_was() -> None:
    world = World()
    job = (await world.submit(origin=KEYED)).job
    with pytest.raises(InvalidRequest, match="not valid"):
        await world.submit(origin=KEYED, topic="Another topic")
    assert len(world.store.active()) == 1
    await world.work()
    with pytest.raises(InvalidRequest):
        await world.submit(origin=KEYED, topic="Another topic")
    assert world.store.active() == []
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_repeating_the_request_of_an_ended_job_shows_it_and_owes_nothing() -> None:
    world = World()
    await world.submit(origin=KEYED)
    await world.work()
    world.clock.advance(1)
    again = await world.submit(origin=KEYED)
    assert (again.replayed, again.job.status) == (True, JobStatus.COMPLETED)
    assert world.store.active() == []
    assert world.queue.sent == []


async def test_a_repeat_sends_the_message_that_the_first_request_could_not() -> None:
    world = World()
    world.queue.failures = 1
    await world.submit(origin=KEYED)
    assert world.queue.sent == []
    await world.submit(origin=KEYED)
    assert len(world.queue.sent) == 1


async def test_a_job_is_accepted_while_the_queue_is_down_and_the_sweeper_sends_it() -> None:
    world = World()
    world.queue.failures = 1
    job = (await world.submit()).job
    assert world.queue.sent == []
    world.clock.advance(61)
    assert (await world.app.sweeper.sweep()).sent == 1
    assert await world.work() == [Completed("completed")]
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_storage_that_is_down_for_a_moment_delays_and_for_long_refuses() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    world.app = world.instance("one", store=unreliable)
    unreliable.broken = {"insert_job"}
    with pytest.raises(StorageUnavailable):
        await world.submit()
    assert len(world.clock.slept) == SUBMIT_RETRY.max_tries - 1
    assert world.queue.sent == []
    world.clock.advance(120)
    assert (await world.app.sweeper.sweep()).finished == 1
    assert world.store.active() == []


async def test_a_lost_answer_to_the_insert_is_one_job_with_one_message() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    world.app = world.instance("one", store=unreliable)
    unreliable.lost_answers = ["insert_job"]
    submission = await world.submit()
    assert not submission.replayed
    assert len(world.queue.sent) == 1
    assert await world.work() == [Completed("completed")]


async def test_a_job_that_was_deleted_between_the_two_looks_is_asked_for_again() -> None:
    world = World()
    await world.submit(origin=KEYED)

    async def nothing(_: str) -> None:
        return None

    world.store.read_job = nothing  # type: ignore[method-assign, assignment]
    with pytest.raises(RequestRefused, match="send the request again"):
        await world.submit(origin=KEYED)


# ---------------------------------------------------------------- waiting


async def test_waiting_ends_with_the_job() -> None:
    world = World()
    job = (await world.submit()).job
    waiter = asyncio.create_task(world.app.service.wait_for_end(job.job_id, 100))
    await asyncio.sleep(0)
    await world.work()
    found = await waiter
    assert found is not None
    assert found.job.status is JobStatus.COMPLETED


async def test_waiting_ends_with_the_time_and_shows_the_job_as_it_is() -> None:
    world = World()
    job = (await world.submit()).job
    found = await world.app.service.wait_for_end(job.job_id, 3)
    assert found is not None
    assert found.job.status is JobStatus.QUEUED
    assert world.clock.monotonic() == pytest.approx(3)
    assert await world.app.service.wait_for_end("018f3c5e-0000-7000-8000-00000000dead", 3) is None


async def test_waiting_for_news_ends_with_the_first_event_after_what_was_seen() -> None:
    world = World()
    job = (await world.submit()).job
    found = await world.app.service.wait_for_end(job.job_id, 100, until=0)
    assert found is not None
    assert world.clock.slept == []
    await put(world, replace(job, sequence=5))
    assert (await world.app.service.wait_for_end(job.job_id, 100, until=4)) is not None
    assert world.clock.slept == []


# ---------------------------------------------------------------- cancelling


async def test_a_queued_job_is_cancelled_at_once() -> None:
    world = World()
    job = (await world.submit()).job
    cancelled = await world.app.service.cancel("local", job.job_id)
    assert cancelled == await world.job(job.job_id)
    assert (cancelled.status, cancelled.sequence) == (JobStatus.CANCELLED, 2)
    assert world.store.active() == []
    assert await world.work() == [Completed("the job has ended")]
    assert world.steps.order == []


async def test_a_running_job_is_asked_once_so_that_asking_does_not_keep_a_dead_worker_alive() -> None:
    world = World()
    job = (await world.submit()).job
    await put(world, replace(job, status=JobStatus.PROCESSING, lease_owner="two/1/1"))
    first = await world.app.service.cancel("local", job.job_id)
    assert first.status is JobStatus.PROCESSING
    row = await world.store.read_job(job.job_id)
    world.clock.advance(20)
    second = await world.app.service.cancel("local", job.job_id)
    assert second.cancel_requested_at == first.cancel_requested_at
    again = await world.store.read_job(job.job_id)
    assert row is not None
    assert again is not None
    assert row.lease_end == again.lease_end


async def test_an_ended_job_cannot_be_cancelled() -> None:
    world = World()
    job = (await world.submit()).job
    await world.work()
    with pytest.raises(RequestRefused, match="completed already") as refused:
        await world.app.service.cancel("local", job.job_id)
    assert refused.value.status == 409


@pytest.mark.parametrize("tenant", ["local", "other"])
async def test_a_foreign_job_is_as_unknown_as_one_that_does_not_exist(tenant: str) -> None:
    world = World()
    job = (await world.submit()).job
    job_id = job.job_id if tenant == "other" else "018f3c5e-0000-7000-8000-00000000dead"
    with pytest.raises(RequestRefused) as refused:
        await world.app.service.cancel(tenant, job_id)
    assert (refused.value.status, refused.value.code, str(refused.value)) == (
        404,
        "job_not_found",
        "there is no such job",
    )


async def test_cancelling_a_job_that_is_claimed_in_between_asks_its_worker() -> None:
    world = World()
    job = (await world.submit()).job
    commit = world.store.commit

    async def claimed_first(value: Commit) -> str:
        world.store.commit = commit  # type: ignore[method-assign]
        await put(world, replace(job, status=JobStatus.PROCESSING, lease_owner="two/1/1", lease_epoch=1))
        return await commit(value)

    world.store.commit = claimed_first  # type: ignore[method-assign]
    asked = await world.app.service.cancel("local", job.job_id)
    assert (asked.status, asked.cancel_requested_at is not None) == (JobStatus.PROCESSING, True)


async def test_the_request_is_kept_with_the_workflow_as_it_was_at_submission() -> None:
    from orchestration.jobs import JobInput

    world = World()
    job = (await world.submit()).job
    value = JobInput.from_bytes(await world.store.read_rows(job.job_id, "input", job.input_rows))
    assert value.workflow["id"] == "standard"
    assert value.brief["topic"] == REQUEST["topic"]
