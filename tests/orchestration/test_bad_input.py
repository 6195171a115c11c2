"""What callers get wrong, asked over the HTTP face: each has its one answer, and nothing is lost or half done."""

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from layers.contract import StepContext
from orchestration.controller import ContentArchitectController as Controller
from orchestration.controller import Handler
from orchestration.handlers import jobs as controller_jobs
from orchestration.handlers import workflows as controller_workflows
from orchestration.http import HttpReply
from orchestration.jobs import JobStatus, stamp
from orchestration.workflows import MAX_STEPS
from tests.orchestration.support import REQUEST, START, FakeClock, World, body_of
from tests.orchestration.test_custom_workflows import STEPS, definition, step

JSON = {"content-type": "application/json"}


async def post(world: World, handler: Handler, body: object = None, **parts: Any) -> HttpReply:
    data = b"" if body is None else json.dumps(body).encode()
    return await world.call(handler, "POST", body=data, headers=JSON, **parts)


async def submitted(world: World, **changes: Any) -> str:
    reply = await post(world, Controller.generate, {**REQUEST, **changes})
    assert reply.status == 202, reply.body
    return str(body_of(reply)["jobId"])


def answer(reply: HttpReply) -> tuple[int, str, list[str]]:
    body = body_of(reply)
    return reply.status, body["code"], [error["pointer"] for error in body["errors"]]


async def while_running(world: World, job_id: str, ask: Any) -> HttpReply:
    """What is answered while the job's first step runs."""
    replies: list[HttpReply] = []

    async def look(_: StepContext) -> None:
        if not replies:
            replies.append(await ask(job_id))

    world.steps.behaviours["queryIntentAnalyzer"] = look
    await world.work()
    (reply,) = replies
    return reply


async def test_cancelling_a_running_job_twice_is_accepted_twice_and_ends_it_once() -> None:
    world = World()
    job_id = await submitted(world)

    async def twice(job_id: str) -> HttpReply:
        first = await post(world, Controller.cancel, route={"jobId": job_id})
        assert first.status == 202
        return await post(world, Controller.cancel, route={"jobId": job_id})

    assert (await while_running(world, job_id, twice)).status == 202
    assert (await world.job(job_id)).status is JobStatus.CANCELLED
    ends = [e for e in await world.events(job_id) if e["data"].get("status") == "cancelled"]
    assert len(ends) == 1
    late = await post(world, Controller.cancel, route={"jobId": job_id})
    assert answer(late) == (409, "job_ended", [])


async def test_a_running_job_is_not_retried() -> None:
    world = World()
    job_id = await submitted(world)

    async def retry(job_id: str) -> HttpReply:
        return await post(world, controller_jobs.retry_job, route={"jobId": job_id})

    reply = await while_running(world, job_id, retry)
    assert reply.status == 409
    job = await world.job(job_id)
    assert (job.status, job.retries, job.run) == (JobStatus.COMPLETED, 0, 1)


async def test_a_live_job_is_not_deleted() -> None:
    world = World()
    job_id = await submitted(world)

    async def delete(job_id: str) -> HttpReply:
        return await world.call(controller_jobs.delete_job, "DELETE", route={"jobId": job_id})

    assert answer(await delete(job_id)) == (409, "job_not_ended", [])
    assert answer(await while_running(world, job_id, delete)) == (409, "job_not_ended", [])
    assert (await world.job(job_id)).status is JobStatus.COMPLETED
    assert (await delete(job_id)).status == 204


async def test_a_cursor_from_another_listing_is_refused() -> None:
    world = World()
    for _ in range(3):
        await submitted(world)
    first = await world.call(controller_jobs.list_jobs, query={"pageSize": "2"})
    cursor = body_of(first)["nextLink"].partition("cursor=")[2]
    reply = await world.call(controller_jobs.list_jobs, query={"cursor": cursor, "status": "failed"})
    assert answer(reply) == (422, "invalid_request", ["/cursor"])


@pytest.mark.parametrize("days", [-1, 3650], ids=["in the past", "in ten years"])
async def test_a_job_is_scheduled_within_a_month_or_not_at_all(days: int) -> None:
    world = World()
    at = stamp(START + timedelta(days=days))
    reply = await post(world, Controller.generate, {**REQUEST, "scheduledFor": at})
    assert answer(reply) == (422, "invalid_request", ["/scheduledFor"])
    assert (world.store.active(), world.queue.sent) == ([], [])


async def test_a_workflow_of_ten_thousand_steps_is_refused_with_the_limit() -> None:
    world = World()
    many = [step(f"step_{number}", "queryIntentAnalyzer") for number in range(10_000)]
    reply = await post(world, controller_workflows.create_workflow, definition(*many))
    assert answer(reply)[0] in (413, 422)
    some = definition(*many[: MAX_STEPS + 1])
    reply = await post(world, controller_workflows.create_workflow, some)
    assert answer(reply) == (422, "invalid_request", ["/steps"])
    assert str(MAX_STEPS) in body_of(reply)["errors"][0]["detail"]


async def test_a_cycle_is_refused_with_its_steps_and_the_cure() -> None:
    gather, chunk, *others = STEPS
    circle = definition({**gather, "dependsOn": ["chunk"]}, chunk, *others)
    reply = await post(World(), controller_workflows.create_workflow, circle)
    assert answer(reply) == (422, "invalid_request", ["/steps/0/dependsOn/0"])
    assert (
        "gather -> chunk -> gather; remove chunk from the dependsOn of gather"
        in body_of(reply)["errors"][0]["detail"]
    )


async def test_an_artifact_over_the_limit_fails_the_job_at_once_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    job_id = await submitted(world)
    monkeypatch.setattr("orchestration.checkpoints.MAX_COMPRESSED", 2000)
    world.steps.changes["sourceCollector"] = {"text": random.Random(1).randbytes(5000).hex()}  # noqa: S311 - the same every time
    await world.work()
    view = body_of(await world.call(Controller.job, route={"jobId": job_id}))
    assert (view["status"], view["attempt"]) == ("failed", 1)
    error = view["error"]
    assert (error["code"], error["step"], error["retryable"]) == (
        "artifact_too_large",
        "gather_sources",
        False,
    )


class Skewed(FakeClock):
    """A process whose wall clock can jump; storage, and time that passes, know nothing of it."""

    skew = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.skew)

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


@pytest.mark.parametrize("jump", [-86_400, 86_400], ids=["back", "forward"])
async def test_a_clock_that_jumps_while_a_job_runs_loses_nothing_and_runs_nothing_twice(jump: float) -> None:
    """Leases go by the storage service's clock: a sweep whose own clock is a day off takes no job from its worker."""
    world = World()
    job_id = await submitted(world)
    world.clock = clock = Skewed()
    world.app = world.instance("one")
    sweeps = []

    async def jumps(_: StepContext) -> None:
        clock.skew = jump
        sweeps.append(await world.app.sweeper.sweep())

    world.steps.behaviours["contentChunker"] = jumps
    await world.work()
    job = await world.job(job_id)
    assert (job.status, job.attempt, job.lease_epoch) == (JobStatus.COMPLETED, 1, 1)
    assert set(world.steps.executions.values()) == {1}
    assert [report.sent for report in sweeps] == [0]
    assert [e["sequence"] for e in await world.events(job_id)] == list(range(1, job.sequence + 1))
    assert world.store.active() == []


async def test_a_fork_from_a_step_that_there_is_not_names_those_there_are() -> None:
    world = World()
    job_id = await submitted(world)
    await world.work()
    reply = await post(world, controller_jobs.fork_job, {"fromStep": "never"}, route={"jobId": job_id})
    assert answer(reply) == (422, "invalid_request", ["/fromStep"])
    assert "gather_sources" in body_of(reply)["errors"][0]["detail"]
