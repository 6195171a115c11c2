"""The engine over a small catalog: order, failure, time, cancellation, resumption."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from layers.catalog import StepDeclaration
from layers.contract import ContentBrief, ContentWarning, Layer, StepContext, StepError, Tools
from orchestration.adapters.memory import MemoryJobStore
from orchestration.checkpoints import MAX_COMPRESSED, result_key, step_key
from orchestration.commits import JobWriter
from orchestration.engine import Run, WorkflowEngineService
from orchestration.errors import JobCancelled, JobFailed, StorageUnavailable, Superseded
from orchestration.jobs import Job, JobStatus, StepRecord, StepStatus
from orchestration.ports import Commit
from orchestration.retry import RetryPolicy
from orchestration.workflows import Step, Workflow, in_order
from tests.orchestration.support import START, Behaviour, FakeClock, FakeSteps, kind_of, new_job

LIMIT = 30.0


def declare(service: str, provides: str, *requires: str, uses: tuple[str, ...] = ()) -> StepDeclaration:
    return StepDeclaration(
        service=service,
        layer=Layer.BOTTOM,
        implementation="",
        provides=provides,
        requires=requires,
        uses=uses,
    )


CATALOG = {
    d.service: d
    for d in (
        declare("left", "Left"),
        declare("right", "Right"),
        declare("join", "Joined", "Left", uses=("Right",)),
        declare("assemble", "ContentPackage", "Joined"),
        declare("extra", "Extra"),
    )
}
STEPS = tuple(Step(name=f"do_{name}", service=name) for name in ("assemble", "join", "left", "right"))
WORKFLOW = Workflow(id="small", version=1, description="", estimated_seconds=1, steps=STEPS)
NO_RETRY = RetryPolicy(max_tries=1)


def with_step(name: str, **changes: Any) -> Workflow:
    steps = tuple(replace(s, **changes) if s.name == name else s for s in STEPS)
    return replace(WORKFLOW, steps=steps)


@dataclass
class Bench:
    """Runs a workflow in this process, again and again if a test wants."""

    workflow: Workflow = WORKFLOW
    timeout: float = 60.0
    clock: FakeClock = field(default_factory=FakeClock)
    steps: FakeSteps = field(default_factory=lambda: FakeSteps(CATALOG))
    progress: list[tuple[str, float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryJobStore(self.clock)
        self.writer: JobWriter | None = None
        self._commits = 0

    async def start(self) -> None:
        records = tuple(
            StepRecord(name=s.name, layer="bottom", service=s.service)
            for s in in_order(self.workflow, CATALOG)
        )
        job = new_job(
            status=JobStatus.PROCESSING,
            lease_owner="one/1/1",
            lease_epoch=1,
            attempt=1,
            steps=records,
            timeout_seconds=self.timeout,
        )
        await self.store.insert_job(job, [])

    async def run(self) -> Job:
        if not self.store.keys(new_job().job_id):
            await self.start()
        found = await self.store.read_job(new_job().job_id)
        assert found is not None
        self.writer = JobWriter(
            store=self.store,
            clock=self.clock,
            stored=found,
            publish=lambda job, updates: None,
            new_id=self._next_id,
            heartbeat_seconds=0.005,
        )
        engine = WorkflowEngineService(self.store, self.clock, catalog=self.steps.catalog, artifacts=kind_of)
        async with asyncio.timeout(LIMIT), self.writer:
            return await engine.run(
                Run(
                    workflow=self.workflow,
                    brief=ContentBrief(topic="T", today=START.date()),
                    writer=self.writer,
                    tools=Tools(),
                    progress=lambda *values: self.progress.append(values),
                    result_url="https://api/result",
                )
            )

    def _next_id(self) -> str:
        self._commits += 1
        return f"c{self._commits}"

    async def job(self) -> Job:
        found = await self.store.read_job(new_job().job_id)
        assert found is not None
        return found.job

    async def result(self) -> bytes:
        job = await self.job()
        return await self.store.read_rows(job.job_id, result_key(job.run), job.result_rows)


def failing(times: int = 1_000, **details: Any) -> Behaviour:
    """Fails so many times, then works."""
    left = [times]

    async def fail(_: StepContext) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise StepError("it failed", **{"code": "broken", **details})

    return fail


def forever() -> Behaviour:
    async def wait(_: StepContext) -> None:
        await asyncio.Event().wait()

    return wait


async def test_steps_run_after_what_they_need_and_side_by_side_where_they_can() -> None:
    bench = Bench()
    job = await bench.run()
    assert bench.steps.order == ["left", "right", "join", "assemble"]
    assert bench.steps.most_running == 2
    assert job.status is JobStatus.COMPLETED
    assert job == await bench.job()
    assert all(s.status is StepStatus.COMPLETED and s.rows == 1 for s in job.steps)
    assert (job.lease_owner, job.result_rows) == (None, 1)
    keys = bench.store.keys(job.job_id)
    assert {step_key(1, "do_left") + "|0", result_key(1) + "|0"} <= set(keys)
    assert ("do_left", 0.0, "started") in bench.progress


async def test_the_commit_of_the_last_step_completes_the_job() -> None:
    bench = Bench()
    await bench.run()
    events = await bench.store.read_events(new_job().job_id, after=0, limit=99)
    assert [e.type.value for e in events][-2:] == ["step_completed", "result_ready"]
    assert [e.sequence for e in events] == list(range(2, 2 + len(events)))


@pytest.mark.parametrize("times", [1, 2])
async def test_a_step_that_may_work_later_is_tried_again_in_the_same_attempt(times: int) -> None:
    bench = Bench()
    bench.steps.behaviours["left"] = failing(times, retryable=True)
    job = await bench.run()
    assert job.step("do_left").attempt == times + 1
    assert len(bench.clock.slept) == times


async def test_a_hint_of_the_provider_is_waited_for() -> None:
    bench = Bench()
    bench.steps.behaviours["left"] = failing(1, retryable=True, retry_after=12.0)
    await bench.run()
    assert bench.clock.slept == [12.0]


@pytest.mark.parametrize(("retryable", "tries"), [(False, 1), (True, 3)])
async def test_a_required_step_that_fails_for_good_fails_the_job_and_is_named(
    retryable: bool, tries: int
) -> None:
    bench = Bench()
    bench.steps.behaviours["join"] = failing(retryable=retryable, retry_after=3.0)
    with pytest.raises(JobFailed) as failed:
        await bench.run()
    error = failed.value
    assert (error.code, error.step, error.retryable, error.retry_after) == (
        "broken",
        "do_join",
        retryable,
        3.0,
    )
    assert bench.steps.executions["join"] == tries
    assert (await bench.job()).step("do_left").status is StepStatus.COMPLETED


async def test_an_optional_step_that_fails_degrades_the_result_and_a_warning_names_it() -> None:
    bench = Bench(with_step("do_right", optional=True))
    bench.steps.behaviours["right"] = failing()
    job = await bench.run()
    assert job.status is JobStatus.COMPLETED
    assert job.step("do_right").status is StepStatus.SKIPPED
    assert [(w["code"], w["where"]) for w in job.warnings] == [("optional_step_failed", "do_right")]
    assert job.percentage == 100


async def test_an_optional_last_step_completes_the_job_even_when_it_fails() -> None:
    extra = Step(name="do_extra", service="extra", optional=True, depends_on=("do_assemble",))
    bench = Bench(replace(WORKFLOW, steps=(*STEPS, extra)))
    bench.steps.behaviours["extra"] = failing()
    assert (await bench.run()).status is JobStatus.COMPLETED


@pytest.mark.parametrize("optional", [False, True])
async def test_a_step_that_takes_too_long_is_stopped(optional: bool) -> None:
    bench = Bench(with_step("do_right", optional=optional, timeout=0.01, retry=NO_RETRY))
    bench.steps.behaviours["right"] = forever()
    if optional:
        assert (await bench.run()).step("do_right").status is StepStatus.SKIPPED
    else:
        with pytest.raises(JobFailed) as failed:
            await bench.run()
        assert (failed.value.code, failed.value.retryable) == ("step_timeout", True)


@pytest.mark.parametrize("optional", [False, True])
async def test_a_defect_in_a_step_fails_that_step_and_its_trace_is_logged(
    optional: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(with_step("do_right", optional=optional))

    async def crash(_: StepContext) -> None:
        raise ZeroDivisionError

    bench.steps.behaviours["right"] = crash
    if optional:
        assert (await bench.run()).step("do_right").status is StepStatus.SKIPPED
    else:
        with pytest.raises(JobFailed) as failed:
            await bench.run()
        assert (failed.value.code, failed.value.step, failed.value.retryable) == (
            "step_crashed",
            "do_right",
            True,
        )
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("optional", [False, True])
async def test_an_artifact_that_no_row_can_hold_fails_its_step_alone(optional: bool) -> None:
    bench = Bench(with_step("do_right", optional=optional))
    noise = random.Random(1).randbytes(2 * MAX_COMPRESSED).hex()  # noqa: S311
    bench.steps.changes["right"] = {"text": noise}
    if optional:
        assert (await bench.run()).warnings[0]["where"] == "do_right"
    else:
        with pytest.raises(JobFailed) as failed:
            await bench.run()
        error = failed.value
        assert (error.code, error.step, error.retryable) == ("artifact_too_large", "do_right", False)


async def test_a_job_that_takes_too_long_stops_and_may_be_tried_again() -> None:
    bench = Bench(timeout=0.02)
    bench.steps.behaviours["join"] = forever()
    with pytest.raises(JobFailed) as failed:
        await bench.run()
    assert (failed.value.code, failed.value.retryable) == ("job_timeout", True)
    assert bench.steps.running == 0


async def test_a_cancel_request_stops_the_run_and_its_steps() -> None:
    bench = Bench()
    await bench.start()

    async def asked(_: StepContext) -> None:
        await bench.store.request_cancel(new_job().job_id, "2026-11-22T12:00:00.000Z")
        await asyncio.Event().wait()

    bench.steps.behaviours["join"] = asked
    with pytest.raises(JobCancelled):
        await bench.run()
    assert bench.steps.running == 0
    assert (await bench.job()).status is JobStatus.PROCESSING


def holding_the_last_commit(bench: Bench, then: Callable[[], object]) -> None:
    """Let the commit that completes the job be under way when ``then`` happens."""
    commit = bench.store.commit

    async def held(value: Commit) -> str:
        if value.job.status is JobStatus.COMPLETED:
            then()
            await asyncio.sleep(0.05)
        return await commit(value)

    bench.store.commit = held  # type: ignore[method-assign]


async def test_a_job_whose_last_commit_is_under_way_when_time_is_up_is_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(timeout=77.0)
    made: dict[float | None, asyncio.Timeout] = {}
    timeout = asyncio.timeout

    def remembered(delay: float | None) -> asyncio.Timeout:
        return made.setdefault(delay, timeout(delay)) if delay == bench.timeout else timeout(delay)

    monkeypatch.setattr(asyncio, "timeout", remembered)
    loop = asyncio.get_running_loop()
    holding_the_last_commit(bench, lambda: made[bench.timeout].reschedule(loop.time()))
    assert (await bench.run()).status is JobStatus.COMPLETED
    assert made[bench.timeout].expired()
    assert (await bench.job()).status is JobStatus.COMPLETED


async def test_a_job_whose_last_commit_is_under_way_when_it_is_cancelled_is_completed() -> None:
    bench = Bench()

    def cancel() -> None:
        assert bench.writer
        bench.writer.cancel_requested.set()

    holding_the_last_commit(bench, cancel)
    assert (await bench.run()).status is JobStatus.COMPLETED


@pytest.mark.parametrize("error", [Superseded("gone"), StorageUnavailable("down")])
async def test_what_ends_the_writer_ends_the_run(error: Exception) -> None:
    bench = Bench()
    await bench.start()

    async def broken(_: Commit) -> str:
        raise error

    async def lose(_: StepContext) -> None:
        bench.store.commit = broken  # type: ignore[method-assign]
        await asyncio.Event().wait()

    bench.steps.behaviours["join"] = lose
    with pytest.raises(type(error)):
        await bench.run()
    assert bench.steps.running == 0


@pytest.mark.parametrize("broken", ["left", "right", "join", "assemble"])
async def test_a_resumed_run_restores_what_is_stored_and_gives_the_same_bytes(broken: str) -> None:
    whole = Bench()
    await whole.run()
    bench = Bench(with_step("do_right", retry=NO_RETRY))
    bench.steps.behaviours[broken] = failing(1)
    with pytest.raises(JobFailed):
        await bench.run()
    stored = {s.service for s in (await bench.job()).steps if s.rows}
    job = await bench.run()
    assert job.status is JobStatus.COMPLETED
    assert {name: bench.steps.executions[name] for name in stored} == dict.fromkeys(stored, 1)
    assert await bench.result() == await whole.result()


async def test_a_step_that_was_skipped_is_not_run_again() -> None:
    bench = Bench(with_step("do_right", optional=True))
    bench.steps.behaviours |= {"right": failing(1), "assemble": failing(1)}
    with pytest.raises(JobFailed):
        await bench.run()
    job = await bench.run()
    assert bench.steps.executions["right"] == 1
    assert job.step("do_right").status is StepStatus.SKIPPED


@pytest.mark.parametrize("damage", ["gone", "zlib", "json"])
async def test_a_checkpoint_that_cannot_be_read_fails_the_job_for_good_and_names_the_step(
    damage: str,
) -> None:
    bench = Bench()
    bench.steps.behaviours["assemble"] = failing(1)
    with pytest.raises(JobFailed):
        await bench.run()
    partition = bench.store._rows[new_job().job_id]
    key = step_key(1, "do_join") + "|0"
    if damage == "gone":
        del partition[key]
    else:
        import zlib

        partition[key].values = {"d0": b"?" if damage == "zlib" else zlib.compress(b'{"old":1}')}
    with pytest.raises(JobFailed) as failed:
        await bench.run()
    error = failed.value
    assert (error.code, error.step, error.retryable) == ("checkpoint_unreadable", "do_join", False)


async def test_tokens_and_warnings_of_artifacts_add_up_in_the_job() -> None:
    bench = Bench()
    warning = ContentWarning(severity="info", code="thin", where="left", fix="more sources")
    bench.steps.changes["left"] = {"tokens_in": 5, "tokens_out": 2, "warnings": (warning,)}
    bench.steps.changes["right"] = {"tokens_in": 1}
    job = await bench.run()
    assert (job.tokens_in, job.tokens_out) == (6, 2)
    assert job.warnings == (warning.model_dump(),)


async def test_a_new_step_progress_is_reported_as_the_step_says_it() -> None:
    bench = Bench()

    async def tell(context: StepContext) -> None:
        bench.clock.advance(1.5)
        context.report(0.5, "half way")

    bench.steps.behaviours["join"] = tell
    job = await bench.run()
    assert ("do_join", 0.5, "half way") in bench.progress
    assert job.step("do_join").duration_ms == 1500
    assert START + timedelta(seconds=1.5) == bench.clock.now()


async def test_a_step_sees_how_long_it_may_run_the_shorter_of_its_own_limit_and_the_jobs() -> None:
    seen: dict[str, float] = {}

    def note(service: str) -> Behaviour:
        async def run(context: StepContext) -> None:
            seen[service] = context.seconds_left()

        return run

    bench = Bench(workflow=with_step("do_left", timeout=20.0), timeout=60.0)
    bench.steps.behaviours = {"left": note("left"), "right": note("right")}
    await bench.run()

    assert {"left": 20.0, "right": 60.0} == seen


async def test_what_models_used_is_added_up_over_the_steps() -> None:
    bench = Bench()
    bench.steps.changes = {
        "left": {"tokens_in": 100, "tokens_out": 10, "cost": 0.25},
        "right": {"tokens_in": 1, "tokens_out": 2, "cost": 0.5},
    }
    job = await bench.run()

    assert (101, 12, 0.75) == (job.tokens_in, job.tokens_out, job.cost)
