"""One delivery in, one outcome out; no message is settled before the row that explains it is written."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from layers.contract import StepContext, StepError
from orchestration.errors import PoisonMessage, QueueUnavailable, RowConflict, StorageUnavailable
from orchestration.http import valid_traceparent
from orchestration.jobs import ActiveJob, Job, JobStatus, StepStatus, moment
from orchestration.messages import ORIGINAL_ID
from orchestration.outcomes import Completed, DeadLetter, RetryLater
from orchestration.ports import Commit
from orchestration.service import Origin
from tests.orchestration.support import REQUEST, START, World, again, delivery_of, message
from tests.orchestration.unreliable import Unreliable

PRODUCED = {"type": "content_generation", "request": REQUEST}


def failing(times: int = 1_000, **details: Any) -> Any:
    left = [times]

    async def fail(_: StepContext) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise StepError("no luck", **{"code": "broken", **details})

    return fail


async def submitted(world: World, **changes: Any) -> Job:
    return (await world.submit(**changes)).job


async def put(world: World, job: Job, **changes: Any) -> Job:
    """Write the row as another process might have left it: whoever claims it raises the lease's epoch."""
    found = await world.store.read_job(job.job_id)
    assert found
    claimed = changes.get("status") is JobStatus.PROCESSING
    changed = replace(found.job, **{"lease_epoch": found.job.lease_epoch + claimed, **changes})
    await world.store.commit(Commit(job=changed, etag=found.etag))
    return changed


# ---------------------------------------------------------------- the way of one job


async def test_a_wake_up_runs_the_job_to_its_end_and_leaves_nothing_owed() -> None:
    world = World()
    job = await submitted(world)
    assert await world.work() == [Completed("completed")]
    done = await world.job(job.job_id)
    assert (done.status, done.attempt, done.percentage) == (JobStatus.COMPLETED, 1, 100)
    assert world.store.active() == []
    assert [e["sequence"] for e in await world.events(job.job_id)] == list(range(1, done.sequence + 1))


async def test_watchers_get_the_durable_events_in_order() -> None:
    world = World()
    await world.watch()
    job = await submitted(world)
    await world.work()
    await world.app.realtime.drain()
    seen = [json.loads(text) for group, text in world.publisher.published if group == f"job:{job.job_id}"]
    assert [u for u in seen if "sequence" in u] == await world.events(job.job_id)


async def test_a_transient_failure_goes_back_to_the_queue_with_a_delay_and_then_succeeds() -> None:
    world = World()
    world.steps.behaviours["sourceCollector"] = failing(3, retryable=True)
    job = await submitted(world)
    (outcome,) = await world.work()
    assert isinstance(outcome, RetryLater)
    waiting = await world.job(job.job_id)
    assert (waiting.status, waiting.dispatch, waiting.attempt) == (JobStatus.QUEUED, 2, 1)
    assert waiting.error is not None
    assert waiting.error.code == "broken"
    assert waiting.lease_owner is None
    (scheduled,) = world.queue.sent
    assert scheduled.message_id == f"{job.job_id}:2"
    assert scheduled.not_before == moment(waiting.next_attempt_at or "")
    world.clock.advance(outcome.delay)
    assert await world.work() == [Completed("completed")]
    done = await world.job(job.job_id)
    assert (done.attempt, done.error) == (2, None)
    assert world.steps.executions["queryIntentAnalyzer"] == 1


async def test_attempts_are_counted_and_the_last_one_ends_in_the_dead_letter_queue() -> None:
    world = World()
    world.steps.behaviours["sourceCollector"] = failing(retryable=True, retry_after=40.0)
    job = await submitted(world)
    for _ in range(2):
        (outcome,) = await world.work()
        assert isinstance(outcome, RetryLater)
        assert outcome.delay >= 40.0
        world.clock.advance(outcome.delay)
    assert await world.work() == [DeadLetter("no luck")] * 5
    done = await world.job(job.job_id)
    assert (done.status, done.attempt, done.dead_lettered) == (JobStatus.FAILED, 3, True)
    assert [d.message_id for d in world.dead] == [done.latched_message]
    assert (await world.events(job.job_id))[-1]["type"] == "error"
    assert world.store.active() == []


async def test_more_attempts_than_claims_without_progress_are_all_made() -> None:
    world = World(environment={"JOB_MAX_RETRIES": "8"})
    world.steps.behaviours |= {
        "queryIntentAnalyzer": failing(retryable=True),
        "sourceCollector": failing(retryable=True),
    }
    job = await submitted(world)
    while (await world.work())[-1] != DeadLetter("no luck"):
        world.clock.advance(600)
    done = await world.job(job.job_id)
    assert (done.attempt, done.error and done.error.code) == (8, "broken")


async def test_an_error_that_no_attempt_can_mend_fails_at_once() -> None:
    world = World()
    world.steps.behaviours["sourceCollector"] = failing()
    job = await submitted(world)
    assert (await world.work())[0] == DeadLetter("no luck")
    done = await world.job(job.job_id)
    assert (done.attempt, done.error and done.error.step) == (1, "gather_sources")
    assert [s.name for s in done.steps if s.status is StepStatus.FAILED] == ["gather_sources"]


async def test_a_very_long_error_message_still_fits_the_row() -> None:
    world = World()

    async def rant(_: StepContext) -> None:
        raise StepError("x" * 100_000, code="broken")

    world.steps.behaviours["sourceCollector"] = rant
    job = await submitted(world)
    await world.work()
    assert len(str((await world.job(job.job_id)).to_row()["error"])) < 1000


async def test_a_job_whose_input_cannot_be_read_fails_with_that_reason() -> None:
    world = World()
    job = await submitted(world)
    del world.store._rows[job.job_id]["input|0"]
    assert isinstance((await world.work(world.instance("two")))[0], DeadLetter)
    done = await world.job(job.job_id)
    assert done.error is not None
    assert done.error.code == "input_unreadable"


# ---------------------------------------------------------------- cancelling


async def test_a_running_job_that_is_cancelled_ends_cancelled_and_is_never_dead_lettered() -> None:
    world = World()
    job = await submitted(world)

    async def cancel(_: StepContext) -> None:
        await world.app.service.cancel("local", job.job_id)

    world.steps.behaviours["contentChunker"] = cancel
    assert await world.work() == [Completed("cancelled")]
    done = await world.job(job.job_id)
    assert (done.status, done.dead_lettered) == (JobStatus.CANCELLED, False)
    assert world.store.active() == []


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_job_that_fails_after_it_was_cancelled_is_cancelled(retryable: bool) -> None:
    """The request is noticed by the very commit that would have queued it again, or not at all before."""
    world = World()
    job = await submitted(world)

    async def cancel_and_fail(_: StepContext) -> None:
        await world.app.service.cancel("local", job.job_id)
        raise StepError("no luck", code="broken", retryable=retryable)

    world.steps.behaviours["queryIntentAnalyzer"] = cancel_and_fail
    world.steps.behaviours["sourceCollector"] = cancel_and_fail
    (outcome, *_) = await world.work()
    done = await world.job(job.job_id)
    if retryable:
        assert (outcome, done.status) == (Completed("cancelled"), JobStatus.CANCELLED)
    else:
        assert done.status in (JobStatus.CANCELLED, JobStatus.FAILED)
    assert done.status.terminal
    assert world.store.active() == []


async def test_a_cancelled_job_whose_worker_died_is_cancelled_by_the_next_delivery() -> None:
    world = World()
    job = await submitted(world)
    await put(world, job, status=JobStatus.PROCESSING, cancel_requested_at=job.created_at)
    assert await world.work() == [Completed("cancelled")]
    assert (await world.job(job.job_id)).status is JobStatus.CANCELLED
    assert world.steps.order == []


# ---------------------------------------------------------------- verdicts


async def test_a_job_that_has_ended_acknowledges_other_messages_and_finishes_the_epilogue() -> None:
    world = World()
    job = await submitted(world)
    sent = world.queue.sent[0]
    await put(world, job, status=JobStatus.FAILED, latched_message="another")
    assert await world.deliver(sent) == Completed("the job has ended")
    assert world.store.active() == []


async def test_a_leased_job_is_left_to_its_worker_and_nothing_is_scheduled() -> None:
    world = World()
    job = await submitted(world)
    sent = world.queue.sent.pop()
    await put(world, job, status=JobStatus.PROCESSING, lease_owner="two/1/1")
    assert await world.deliver(sent) == Completed("another worker has it")
    assert world.queue.sent == []


async def test_a_taken_over_job_is_the_same_attempt() -> None:
    world = World()
    job = await submitted(world)
    await put(world, job, status=JobStatus.PROCESSING, lease_owner="two/1/1", attempt=1, lease_epoch=1)
    world.clock.advance(31)
    assert await world.work() == [Completed("completed")]
    done = await world.job(job.job_id)
    assert (done.attempt, done.lease_epoch) == (1, 2)


async def test_a_message_that_comes_early_is_sent_again_for_its_time_however_often() -> None:
    world = World()
    job = await submitted(world, scheduledFor=(START + timedelta(hours=1)).isoformat())
    sent = world.queue.sent.pop()
    seen = set()
    for _ in range(5):
        assert await world.deliver(sent) == Completed("sent again")
        assert await world.deliver(sent) == Completed("sent again")
        (sent,) = world.queue.sent
        world.queue.sent.clear()
        assert sent.not_before == START + timedelta(hours=1)
        seen.add(sent.message_id)
    assert len(seen) == 5
    world.clock.advance(3600)
    assert await world.deliver(sent) == Completed("completed")
    assert (await world.job(job.job_id)).attempt == 1


async def test_a_message_that_is_nearly_used_up_is_replaced_by_a_fresh_one() -> None:
    world = World()
    job = await submitted(world)
    assert await world.deliver(world.queue.sent.pop(), count=4) == Completed("sent again")
    (fresh,) = world.queue.sent
    assert fresh.message_id == f"{job.job_id}:2"
    assert await world.work() == [Completed("completed")]


async def test_a_job_that_kills_its_workers_does_not_loop_for_ever() -> None:
    world = World()
    job = await submitted(world)
    await put(world, job, status=JobStatus.PROCESSING, claims_without_progress=5)
    assert (await world.work())[0] == DeadLetter("its workers were lost again and again")
    done = await world.job(job.job_id)
    assert (done.error and done.error.code, done.dead_lettered) == ("worker_lost", True)


async def test_an_unknown_job_is_acknowledged_and_audited() -> None:
    world = World()
    wake = message({"jobId": "018f3c5e-0000-7000-8000-00000000dead"})
    assert await world.app.processor.process(wake) == Completed("no such job")
    assert [partition for partition, _ in world.store.audits] == ["message:no-job"]


async def test_a_row_that_never_stands_still_is_left_for_later() -> None:
    world = World()
    job = await submitted(world)
    read = world.store.read_job

    async def read_and_move(job_id: str) -> Any:
        found = await read(job_id)
        await world.store.request_cancel(job_id, "")
        return found

    world.store.read_job = read_and_move  # type: ignore[method-assign]
    sent = world.queue.sent.pop()
    assert isinstance(await world.deliver(sent, world.instance("two")), RetryLater)
    assert world.queue.sent[0].properties[ORIGINAL_ID] == f"{job.job_id}:1"


async def test_two_deliveries_at_once_run_a_job_once() -> None:
    world = World()
    await submitted(world)
    sent = world.queue.sent.pop()
    two = world.instance("two")
    outcomes = await asyncio.gather(world.deliver(sent), world.deliver(sent, two))
    assert sorted(o.note for o in outcomes if isinstance(o, Completed)) == [
        "another worker has it",
        "completed",
    ]
    assert set(world.steps.executions.values()) == {1}


async def test_a_worker_that_lost_its_lease_stops_and_lets_the_other_finish() -> None:
    world = World()
    job = await submitted(world)
    sent = world.queue.sent.pop()
    two = world.instance("two")

    async def stall(_: StepContext) -> None:
        del world.steps.behaviours["contentChunker"]
        world.clock.advance(31)
        assert await world.deliver(sent, two) == Completed("completed")

    world.steps.behaviours["contentChunker"] = stall
    assert await world.deliver(sent) == Completed("superseded")
    done = await world.job(job.job_id)
    assert (done.status, done.lease_epoch, done.attempt) == (JobStatus.COMPLETED, 2, 1)
    assert [e["sequence"] for e in await world.events(job.job_id)] == list(range(1, done.sequence + 1))


async def test_a_failure_of_a_worker_that_lost_its_lease_changes_nothing() -> None:
    world = World()
    job = await submitted(world)
    sent = world.queue.sent.pop()

    async def lose_and_fail(_: StepContext) -> None:
        await put(world, job, status=JobStatus.PROCESSING, lease_epoch=2, lease_owner="two/1/1")
        raise StepError("no luck", code="broken")

    world.steps.behaviours["sourceCollector"] = lose_and_fail
    world.steps.behaviours["queryIntentAnalyzer"] = failing()
    assert await world.deliver(sent) == Completed("superseded")
    assert (await world.job(job.job_id)).lease_owner == "two/1/1"


# ---------------------------------------------------------------- messages of producers


async def test_a_producers_message_sent_twice_is_one_job() -> None:
    world = World()
    assert await world.app.processor.process(message(PRODUCED)) == Completed("completed")
    assert await world.app.processor.process(message(PRODUCED)) == Completed("the job has ended")
    assert len(world.store._rows) == 1
    assert world.store.active() == []


async def test_messages_of_two_tenants_with_one_id_are_two_jobs() -> None:
    world = World()
    for tenant in ("a", "b"):
        await world.app.processor.process(message(PRODUCED, tenantId=tenant))
    rows = [await world.job(job_id) for job_id in world.store._rows]
    assert sorted(job.tenant for job in rows) == ["a", "b"]


async def test_a_producer_may_choose_the_job_id_and_stays_in_its_queue() -> None:
    world = World()
    chosen = "018F3C5E-0000-7000-8000-00000000ABCD"
    body = {**PRODUCED, "jobId": chosen}
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await world.app.processor.process(message(body, queue="content-jobs-low", traceparent=trace))
    job = await world.job(chosen.lower())
    assert (job.queue, job.traceparent, job.status) == ("content-jobs-low", trace, JobStatus.COMPLETED)
    await world.app.processor.process(message(body, message_id="m-2"))
    assert len(world.store._rows) == 1


@pytest.mark.parametrize("changes", [{"tenantId": "b"}, {"topic": "Another topic"}])
async def test_a_chosen_id_that_belongs_to_another_tenant_or_request_is_refused(
    changes: dict[str, str],
) -> None:
    world = World()
    body: dict[str, Any] = {**PRODUCED, "jobId": "018f3c5e-0000-7000-8000-00000000abcd"}
    await world.app.processor.process(message(body, tenantId="a"))
    tenant = changes.pop("tenantId", "a")
    second = message({**body, "request": {**REQUEST, **changes}}, message_id="m-2", tenantId=tenant)
    assert isinstance(await world.app.processor.process(second), DeadLetter)
    assert len(world.store.audits) == 1
    assert world.store.active() == [], "the refused message must leave no row for the sweeper to trip over"


@pytest.mark.parametrize("tenant", ["a/b", "x" * 65, "a b", "ü", "'", "?#"])
async def test_a_tenant_that_is_no_key_is_refused_instead_of_tried_for_ever(tenant: str) -> None:
    world = World()
    assert isinstance(await world.app.processor.process(message(PRODUCED, tenantId=tenant)), DeadLetter)
    assert world.store.active() == []


async def test_a_traceparent_that_is_none_is_replaced() -> None:
    world = World()
    await world.app.processor.process(message(PRODUCED, traceparent="x" * 70_000))
    (job_id,) = world.store._rows
    assert valid_traceparent((await world.job(job_id)).traceparent or "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b'{"type":"content_gen',
        b"\xff\xfe\x00",
        b"[1,2]",
        b"null",
        b"x" * 200_000,
        b"{" * 100_000,
        b'"' + b"x" * 1_100_000 + b'"',
        b'{"\\ud800":1}',
        {"jobId": "not-a-uuid"},
        {"jobId": 7},
        {"type": "poem", "request": REQUEST},
        {"type": "content_generation"},
        {"type": "content_generation", "request": []},
        {"type": "content_generation", "request": {"topic": "x"}},
        {"type": "content_generation", "request": {**REQUEST, "type": "research_generation"}},
        {**PRODUCED, "jobId": "mine"},
        {**PRODUCED, "extra": 1},
    ],
    ids=range(19),
)
async def test_what_nobody_can_read_is_dead_lettered_each_time_with_one_audit_row(body: object) -> None:
    world = World()
    delivery = message(body)
    reasons = {str(await world.app.processor.process(again(delivery, count))) for count in range(1, 6)}
    assert len(reasons) == 1
    assert "DeadLetter" in reasons.pop()
    assert len(world.store.audits) == 1
    assert world.store._rows == {}


# ---------------------------------------------------------------- what is down


async def test_a_job_that_cannot_be_put_back_into_the_queue_is_left_to_the_sweeper() -> None:
    world = World()
    world.steps.behaviours["sourceCollector"] = failing(3, retryable=True)
    job = await submitted(world)
    world.queue.failures = 1
    (outcome,) = await world.work()
    assert isinstance(outcome, RetryLater)
    assert world.queue.sent == []
    world.clock.advance(outcome.delay)
    assert (await world.app.sweeper.sweep()).sent == 1
    assert await world.work() == [Completed("completed")]
    assert (await world.job(job.job_id)).attempt == 2


@pytest.mark.parametrize("count", [1, 4])
async def test_a_wake_up_that_cannot_be_sent_again_is_left_to_the_sweeper(count: int) -> None:
    world = World()
    changes = {} if count == 4 else {"scheduledFor": (START + timedelta(hours=1)).isoformat()}
    await submitted(world, **changes)
    sent = world.queue.sent.pop()
    world.queue.failures = 1
    assert await world.deliver(sent, count=count) == Completed("sent again")
    assert world.store.active() != []


async def test_storage_that_is_down_makes_a_scheduled_copy_that_is_the_same_message() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    app = world.instance("one", store=unreliable)
    unreliable.down = True
    outcome = await app.processor.process(message(PRODUCED, tenantId="a", odd=None))
    assert isinstance(outcome, RetryLater)
    (copy,) = world.queue.sent
    assert copy.not_before is not None
    assert copy.not_before - START == timedelta(seconds=outcome.delay)
    assert copy.properties == {"tenantId": "a", ORIGINAL_ID: "m-1"}
    second = await app.processor.process(delivery_of(copy))
    assert isinstance(second, RetryLater)
    assert world.queue.sent[1].properties == copy.properties
    unreliable.down = False
    assert await app.processor.process(delivery_of(world.queue.sent[1])) == Completed("completed")
    assert await app.processor.process(message(PRODUCED, tenantId="a")) == Completed("the job has ended")


async def test_when_the_queue_refuses_the_copy_too_the_delivery_waits_and_then_goes_back() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    unreliable.down = True
    app = world.instance("one", store=unreliable)
    world.queue.failures = 2
    assert isinstance(await app.processor.process(message(PRODUCED)), RetryLater)
    assert len(world.clock.slept) == 2
    world.queue.failures = 100
    with pytest.raises(QueueUnavailable):
        await app.processor.process(message(PRODUCED))


async def test_the_latch_holds_while_storage_is_down_and_through_copies() -> None:
    """The dead letter is owed whatever happens after the row says so."""
    world = World()
    world.steps.behaviours["sourceCollector"] = failing()
    job = await submitted(world)
    sent = world.queue.sent.pop()
    unreliable = Unreliable(world.store)
    app = world.instance("one", store=unreliable)
    unreliable.broken = {"remove_active"}
    assert await app.processor.process(delivery_of(sent)) == DeadLetter("no luck")
    assert await app.processor.process(delivery_of(sent, count=2)) == DeadLetter("no luck")
    assert world.store.active() != []
    unreliable.down = True
    assert isinstance(await app.processor.process(delivery_of(sent, count=3)), RetryLater)
    unreliable.down, unreliable.broken = False, set()
    (copy,) = world.queue.sent
    assert await app.processor.process(delivery_of(copy)) == DeadLetter("no luck")
    assert world.store.active() == []
    assert (await world.job(job.job_id)).dead_lettered


@pytest.mark.parametrize("method", ["put_active", "commit", "insert_job", "audit"])
async def test_storage_that_fails_in_the_middle_never_loses_the_job(method: str) -> None:
    world = World()
    unreliable = Unreliable(world.store)
    app = world.instance("one", store=unreliable)
    unreliable.broken = {method}
    body: object = PRODUCED if method != "audit" else b"garbage"
    assert isinstance(await app.processor.process(message(body)), RetryLater)
    unreliable.broken = set()
    world.clock.advance(120)
    outcomes = await world.work(app)
    if method == "audit":
        assert outcomes[0] == DeadLetter("not JSON: Expecting value at line 1, column 1")
    else:
        (job_id,) = world.store._rows
        await world.app.sweeper.sweep()
        await world.work(app)
        assert (await world.job(job_id)).status is JobStatus.COMPLETED


async def test_an_input_that_cannot_be_read_now_is_read_later() -> None:
    world = World()
    job = await submitted(world)
    unreliable = Unreliable(world.store)
    unreliable.broken = {"read_rows"}
    other = world.instance("two", store=unreliable)
    assert isinstance(await world.deliver(world.queue.sent.pop(), other), RetryLater)
    unreliable.broken = set()
    world.clock.advance(120)
    assert await world.work(other) == [Completed("completed")]
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_an_active_row_that_cannot_be_marked_does_not_stop_the_job() -> None:
    world = World()
    await world.submit()
    unreliable = Unreliable(world.store)
    unreliable.broken = {"put_active"}
    app = world.instance("two", store=unreliable)
    (sent,) = world.queue.sent
    assert await app.processor.process(delivery_of(sent)) == Completed("completed")
    assert world.store.active() == []


async def test_the_active_row_of_an_ended_job_is_gone_however_long_marking_it_took() -> None:
    """The row is marked while steps run; the epilogue removes it only after that."""
    world = World()
    await world.submit()
    ended, put = asyncio.Event(), world.store.put_active
    world.steps.behaviours["contentAssembler"] = lambda _: asyncio.sleep(0, ended.set())

    async def slowly(row: ActiveJob) -> None:
        await ended.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        await put(row)

    world.store.put_active = slowly  # type: ignore[method-assign]
    assert await world.work() == [Completed("completed")]
    assert world.store.active() == []


async def test_nobody_waits_for_the_input_of_a_job_that_could_not_be_claimed() -> None:
    world = World()
    job = (await world.submit()).job
    reads: list[str] = []

    async def forever(*_: object) -> bytes:
        reads.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            reads.append("given up")
        return b""

    commits = [RowConflict("changed")]
    commit = world.store.commit

    async def refused_once(row: Commit) -> str:
        if commits:
            stored = await world.store.read_job(job.job_id)
            assert stored is not None
            await commit(Commit(job=replace(stored.job, status=JobStatus.CANCELLED), etag=stored.etag))
            raise commits.pop()
        return await commit(row)

    world.store.read_rows = forever  # type: ignore[method-assign]
    world.store.commit = refused_once  # type: ignore[method-assign]
    assert await world.work(world.instance("two")) == [Completed("the job has ended")]
    assert reads == ["begun", "given up"]


def test_a_poison_message_says_why() -> None:
    assert str(PoisonMessage("reason")) == "reason"
    assert StorageUnavailable("x").retryable


async def test_origin_of_http_jobs_and_of_messages_never_collide() -> None:
    world = World()
    first = await world.submit(origin=Origin(tenant="local", key="m-1"))
    await world.app.processor.process(message(PRODUCED))
    assert len(world.store._rows) == 2
    assert first.job.job_id in world.store._rows
