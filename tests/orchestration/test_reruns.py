"""Retry, fork, delete, retention: what they keep, whom they refuse, and what is left when they are cut off."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from layers.contract import StepContext, StepError
from orchestration.controller import ContentArchitectController
from orchestration.handlers import jobs as controller_jobs
from orchestration.jobs import Job, JobStatus, StepStatus
from orchestration.management.audit import Actor
from tests.orchestration.crashing import Died, Fuse, Mortal
from tests.orchestration.support import World, body_of

ME = Actor(tenant="local")
WRITER = "llmContentOptimizer"


async def broken(_: StepContext) -> None:
    raise StepError("the writer broke", code="broken", retryable=False)


async def failed_job(world: World, **changes: Any) -> Job:
    """A job that failed at its writer, its message in the dead-letter queue."""
    world.steps.behaviours[WRITER] = broken
    job = (await world.submit(**changes)).job
    await world.work()
    world.steps.behaviours.clear()
    return await world.job(job.job_id)


def finished(job: Job) -> set[str]:
    return {step.name for step in job.steps if step.status is StepStatus.COMPLETED}


async def until_quiet(world: World, sweeps: int = 4) -> None:
    """Let time pass: the sweep finds what was left, the broker delivers what was sent."""
    for _ in range(sweeps):
        world.clock.advance(61)
        await world.app.sweeper.sweep()
        await world.work()


async def call(world: World, handler: Any, job_id: str, method: str = "POST", **parts: Any) -> Any:
    return await world.call(handler, method, route={"jobId": job_id}, **parts)


def rows_of(world: World, job_id: str) -> list[str]:
    """Everything in any derived table that names this job, the audit apart."""
    tables = {name: table for name, table in world.store._tables.items() if name != "audit"}
    return [
        f"{name} {partition} {row.key}"
        for name, table in tables.items()
        for partition, row in table.all()
        if job_id in f"{row.key} {row.values}"
    ]


def audited(world: World) -> list[tuple[str, str]]:
    found = [(row.values["action"], row.values["jobId"]) for _, row in world.store.table("audit").all()]
    return [(str(action), str(job_id)) for action, job_id in found]


# ---------------------------------------------------------------- retry


async def test_a_retry_keeps_finished_steps_and_starts_a_new_budget() -> None:
    world = World()
    job = await failed_job(world)
    before = world.steps.executions.copy()
    reply = await call(world, controller_jobs.retry_job, job.job_id)
    assert (reply.status, body_of(reply)["status"]) == (202, "queued")
    again = await world.job(job.job_id)
    assert (again.attempt, again.dispatch, again.retries) == (0, job.dispatch + 1, 1)
    assert (again.error, again.latched_message, again.dead_lettered) == (None, None, False)
    assert finished(again) == finished(job) != set()
    await world.work()
    done = await world.job(job.job_id)
    assert (done.status, done.run) == (JobStatus.COMPLETED, 1)
    kept = {step.service for step in job.steps if step.status is StepStatus.COMPLETED}
    assert all(world.steps.executions[service] == before[service] for service in kept)
    assert world.store.active() == []
    assert [event["sequence"] for event in await world.events(job.job_id)] == list(
        range(1, done.sequence + 1)
    )


async def test_a_retry_from_scratch_runs_every_step_again() -> None:
    world = World()
    job = await failed_job(world)
    world.steps.executions.clear()
    reply = await call(world, controller_jobs.retry_job, job.job_id, query={"fromScratch": "true"})
    assert reply.status == 202
    await world.work()
    done = await world.job(job.job_id)
    assert (done.status, done.run) == (JobStatus.COMPLETED, 2)
    assert all(world.steps.executions[step.service] == 1 for step in done.steps)


async def test_a_cancelled_job_can_be_retried() -> None:
    world = World()
    job = (await world.submit()).job
    await world.app.service.cancel("local", job.job_id)
    await world.work()
    await world.app.jobs.management.retry(ME, job.job_id)
    await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_only_ended_and_unsuccessful_jobs_can_be_retried() -> None:
    world = World()
    job = (await world.submit()).job
    replies = [await call(world, controller_jobs.retry_job, job.job_id)]
    seen: list[Any] = []

    async def retry_myself(_: StepContext) -> None:
        seen.append(await call(world, controller_jobs.retry_job, job.job_id))

    world.steps.behaviours[WRITER] = retry_myself
    await world.work()
    replies += [*seen, await call(world, controller_jobs.retry_job, job.job_id)]
    assert [(r.status, body_of(r)["code"]) for r in replies] == [(409, "job_not_retryable")] * 3
    details = [body_of(r)["detail"].split(";")[0] for r in replies]
    assert details == [f"the job is {status}" for status in ("queued", "processing", "completed")]


async def test_retry_refuses_unknown_jobs_and_wrong_parameters() -> None:
    world = World()
    unknown = await call(world, controller_jobs.retry_job, "018f3c5e-0000-7000-8000-00000000ffff")
    assert unknown.status == 404
    job = await failed_job(world)
    wrong = await call(world, controller_jobs.retry_job, job.job_id, query={"fromScratch": "maybe"})
    assert (wrong.status, body_of(wrong)["errors"][0]["pointer"]) == (422, "/fromScratch")


async def test_the_old_message_of_a_retried_job_does_not_end_it() -> None:
    """The latch belongs to the failed run; a late redelivery of its message must leave the new run alone."""
    world = World()
    job = await failed_job(world)
    await world.app.jobs.management.retry(ME, job.job_id)
    await world.app.processor.runner.epilogue.finish(job)
    assert len(world.store.active()) == 1
    await world.app.processor.process(world.dead[0])
    await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_a_retried_job_is_listed_and_counted_once_as_it_ended() -> None:
    world = World()
    job = await failed_job(world)
    await world.app.jobs.management.retry(ME, job.job_id)
    failed = await world.call(controller_jobs.list_jobs, query={"status": "failed"})
    assert body_of(failed)["value"] == []
    world.clock.advance(3600)
    await until_quiet(world, 1)
    listed = await world.call(controller_jobs.list_jobs)
    assert [item["status"] for item in body_of(listed)["value"]] == ["completed"]
    figures = body_of(await world.call(controller_jobs.job_statistics))
    assert (figures["jobs"], figures["successRate"]) == (1, 1.0)
    assert ("retry", job.job_id) in audited(world)


# ---------------------------------------------------------------- crash gaps

Operation = Callable[[World, str], Awaitable[object]]


async def retry_it(world: World, job_id: str) -> None:
    await world.app.jobs.management.retry(ME, job_id)


async def delete_it(world: World, job_id: str) -> None:
    await world.app.jobs.management.delete(ME, job_id)


async def cut_off(operation: Operation, writes: int) -> tuple[World, Job, bool]:
    """A world where this operation on a failed job died before that write, and whether it did."""
    fuse = Fuse()
    world = World()
    world.app = world.instance("one", store=Mortal(world.store, fuse), queue=Mortal(world.queue, fuse))
    job = await failed_job(world)
    fuse.light(writes)
    try:
        await operation(world, job.job_id)
    except Died:
        died = True
    else:
        died = False
    fuse.put_out()
    return world, job, died


async def test_a_retry_cut_off_anywhere_either_did_not_happen_or_is_carried_through() -> None:
    outcomes = []
    for writes in range(40):
        world, job, died = await cut_off(retry_it, writes)
        queued = (await world.job(job.job_id)).status is JobStatus.QUEUED
        await until_quiet(world)
        ended = await world.job(job.job_id)
        assert ended.status is (JobStatus.COMPLETED if queued else JobStatus.FAILED), f"write {writes}"
        assert world.store.active() == [], f"write {writes}"
        listed = body_of(await world.call(controller_jobs.list_jobs, query={"status": ended.status.value}))
        assert [item["jobId"] for item in listed["value"]] == [job.job_id]
        outcomes.append(queued)
        if not died:
            break
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert len(outcomes) > 5


async def test_a_deletion_cut_off_anywhere_can_be_repeated_and_leaves_nothing() -> None:
    for writes in range(40):
        world, job, died = await cut_off(delete_it, writes)
        if died:
            again = await call(world, controller_jobs.delete_job, job.job_id, "DELETE")
            assert again.status in (204, 404), f"write {writes}"
        await until_quiet(world, 2)
        assert world.store.keys(job.job_id) == []
        assert world.store.active() == []
        assert not [row for row in rows_of(world, job.job_id) if "jobindex" in row]
        world.clock.advance(timedelta(days=31).total_seconds())
        await world.app.jobs.retention.clean()
        assert rows_of(world, job.job_id) == [], f"write {writes}"
        if not died:
            return
    pytest.fail("the deletion has more than 40 writes")


# ---------------------------------------------------------------- delete and retention


async def test_deleting_removes_every_row_of_the_job_and_leaves_an_audit_row() -> None:
    world = World()
    job = (await world.submit(userId="ann")).job
    other = (await world.submit()).job
    await world.work()
    reply = await call(world, controller_jobs.delete_job, job.job_id, "DELETE")
    assert (reply.status, reply.body) == (204, b"")
    assert (world.store.keys(job.job_id), rows_of(world, job.job_id)) == ([], [])
    assert ("delete", job.job_id) in audited(world)
    shown = await call(world, ContentArchitectController.job, job.job_id, "GET")
    assert shown.status == 404
    again = await call(world, controller_jobs.delete_job, job.job_id, "DELETE")
    assert again.status == 404
    assert (await world.job(other.job_id)).status is JobStatus.COMPLETED


async def test_a_live_job_is_not_deleted() -> None:
    world = World()
    job = (await world.submit()).job
    reply = await call(world, controller_jobs.delete_job, job.job_id, "DELETE")
    assert (reply.status, body_of(reply)["code"]) == (409, "job_not_ended")
    await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_retention_removes_expired_jobs_and_keeps_the_rest() -> None:
    world = World(environment={"RETENTION_DAYS": "2"})
    old = await failed_job(world)
    kept = await failed_job(world, topic="Another topic")
    world.clock.advance(timedelta(days=1).total_seconds())
    await world.app.jobs.management.retry(ME, kept.job_id)
    await world.work()
    world.clock.advance(timedelta(days=1, hours=2).total_seconds())
    assert await world.app.jobs.retention.clean() == 1
    assert rows_of(world, old.job_id) == []
    assert (await world.job(kept.job_id)).status is JobStatus.COMPLETED
    assert await world.app.jobs.retention.clean() == 0
    world.clock.advance(timedelta(days=1).total_seconds())
    assert await world.app.jobs.retention.clean() == 1


# ---------------------------------------------------------------- fork


async def fork(world: World, job_id: str, body: dict[str, Any]) -> Any:
    import json

    return await call(world, controller_jobs.fork_job, job_id, body=json.dumps(body).encode())


async def test_a_fork_reuses_the_steps_before_its_first_and_runs_the_rest() -> None:
    world = World()
    source = (await world.submit(userId="ann")).job
    await world.work()
    world.steps.executions.clear()
    reply = await fork(world, source.job_id, {"fromStep": "structure_content"})
    assert reply.status == 202
    made = await world.job(body_of(reply)["jobId"])
    assert (made.forked_from, made.user_id, made.status) == (source.job_id, "ann", JobStatus.QUEUED)
    names = [step.name for step in made.steps]
    before = set(names[: names.index("structure_content")])
    assert finished(made) == before != set()
    await world.work()
    done = await world.job(made.job_id)
    assert done.status is JobStatus.COMPLETED
    ran = {step.name for step in done.steps if world.steps.executions[step.service]}
    assert ran == set(names) - before
    source_after = await world.job(source.job_id)
    results = [await world.store.read_rows(j.job_id, "result|1", j.result_rows) for j in (done, source_after)]
    assert results[0] == results[1]
    assert ("fork", made.job_id) in audited(world)


async def test_a_fork_can_change_the_request_and_the_workflow() -> None:
    world = World()
    source = (await world.submit(tags=["old"])).job
    await world.work()
    body = {"fromStep": "optimize_content", "request": {"tags": ["new"]}, "workflow": "citation_heavy"}
    made = await world.job(body_of(await fork(world, source.job_id, body))["jobId"])
    assert (made.tags, made.workflow_type) == (("new",), "citation_heavy")
    assert "verify_citations" in {step.name for step in made.steps}
    await world.work()
    assert (await world.job(made.job_id)).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"fromStep": "no_such_step"}, "/fromStep"),
        ({}, "/fromStep"),
        ({"fromStep": "optimize_content", "workflow": "none"}, "/workflow"),
        ({"fromStep": "optimize_content", "request": {"topic": "x"}}, "/request/topic"),
        ({"fromStep": "optimize_content", "request": {"type": "research_generation"}}, "/request/type"),
        ({"fromStep": "optimize_content", "step": 1}, "/step"),
    ],
)
async def test_a_fork_that_does_not_hold_names_what_is_wrong(body: dict[str, Any], pointer: str) -> None:
    world = World()
    source = await failed_job(world)
    reply = await fork(world, source.job_id, body)
    errors = body_of(reply)["errors"]
    assert (reply.status, [e["pointer"] for e in errors]) == (422, [pointer])
    if body.get("fromStep") == "no_such_step":
        assert "no_such_step" in errors[0]["detail"]
        assert all(step.name in errors[0]["detail"] for step in source.steps)


async def test_a_fork_cut_off_anywhere_gives_a_job_that_completes_or_none() -> None:
    async def fork_it(world: World, job_id: str) -> None:
        from orchestration.management.reruns import parse_fork

        await world.app.jobs.management.fork(ME, job_id, parse_fork({"fromStep": "optimize_content"}))

    for writes in range(40):
        world, source, died = await cut_off(fork_it, writes)
        await until_quiet(world)
        made = [job for job in world.store._rows if job != source.job_id]
        assert all([(await world.job(job)).status is JobStatus.COMPLETED for job in made]), f"write {writes}"
        assert world.store.active() == []
        if not died:
            assert len(made) == 1
            return
    pytest.fail("the fork has more than 40 writes")
