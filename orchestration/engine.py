"""Runs a workflow over checkpoints: knows steps and artifacts, not what a layer does.

A finished step is stored before anything that depends on it starts; a step whose checkpoint exists is restored,
never run again. Steps that are ready run side by side.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from layers.catalog import CATALOG, StepDeclaration, StepFunction, artifact_type
from layers.contract import Artifact, ContentBrief, StepContext, StepError, Tools
from orchestration.checkpoints import pack, result_key, step_key
from orchestration.commits import Change, JobWriter
from orchestration.errors import (
    CheckpointTooLarge,
    ContentArchitectError,
    JobCancelled,
    JobFailed,
    RowConflict,
)
from orchestration.events import Event, ended, step_completed
from orchestration.jobs import Job, JobStatus, StepRecord, StepStatus, limited_warnings, stamp
from orchestration.ports import Clock, JobStore
from orchestration.step_cache import Place, StepCache, place_of, seen_by, worth_keeping
from orchestration.telemetry.counts import step_ended
from orchestration.telemetry.work import restoring, reused, stepping
from orchestration.workflows import RESULT_ARTIFACT, Step, Workflow, dependencies

Progress = Callable[[str, float, str], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What one try-until-done of a step gave: an artifact, or the error it ended with."""

    step: Step
    started_at: str
    duration_ms: int
    tries: int
    artifact: Artifact | None = None
    error: JobFailed | None = None
    cached: bool = False


@dataclass(kw_only=True)
class Run:
    """One run of one job: which steps are through, which are running, which artifacts there are.

    ``digests`` are the artifacts' SHA-256 sums, by name. ``ends`` is when the job is out of time, in seconds of the
    monotonic clock.
    """

    workflow: Workflow
    brief: ContentBrief
    writer: JobWriter
    tools: Tools
    progress: Progress
    result_url: str
    artifacts: dict[type[Artifact], Artifact] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    through: set[str] = field(default_factory=set)
    tasks: dict[asyncio.Task[None], str] = field(default_factory=dict)
    ends: float = math.inf


class WorkflowEngineService:
    """Executes workflows. One instance serves all jobs of a process."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        *,
        catalog: Mapping[str, StepDeclaration] = CATALOG,
        artifacts: Callable[[str], type[Artifact]] = artifact_type,
        cache: StepCache | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._functions: dict[str, StepFunction] = {}
        self._artifact_type = artifacts
        self._cache = cache

    async def run(self, run: Run) -> Job:
        """Run until the job is completed and return it.

        Raises :class:`JobFailed` (with the step and whether another attempt may help), :class:`JobCancelled`,
        or what interrupted the writer (:class:`Superseded`, :class:`StorageUnavailable`).
        """
        await self._load(run.workflow)
        await self._restore(run)
        try:
            await self._run_steps(run)
        except (JobCancelled, JobFailed):
            # The last step's commit may have been on its way when the run was told to stop: it counts.
            if not (await run.writer.settled()).status.terminal:
                raise
        return run.writer.job

    async def _run_steps(self, run: Run) -> None:
        needs = dependencies(run.workflow, self._catalog)
        run.ends = self._clock.monotonic() + run.writer.job.timeout_seconds
        try:
            async with asyncio.timeout(run.writer.job.timeout_seconds):
                while len(run.through) < len(run.workflow.steps):
                    self._start_ready(run, needs)
                    await self._next(run)
        except TimeoutError as error:
            seconds = run.writer.job.timeout_seconds
            raise JobFailed(f"not done within {seconds:g} s", code="job_timeout", retryable=True) from error
        finally:
            await _stop(run.tasks)

    async def _restore(self, run: Run) -> None:
        done = {
            s.name: s for s in run.writer.job.steps if s.status in (StepStatus.COMPLETED, StepStatus.SKIPPED)
        }
        run.through.update(done)
        stored = [s for s in run.workflow.steps if s.name in done and done[s.name].rows]
        for artifact in await asyncio.gather(*(self._read(run, step, done[step.name]) for step in stored)):
            run.artifacts[type(artifact)] = artifact

    async def _read(self, run: Run, step: Step, record: StepRecord) -> Artifact:
        kind = self._artifact_type(self._catalog[step.service].provides)
        try:
            with restoring(step.name, layer=record.layer, service=step.service):
                data = await self._store.read_rows(run.writer.job.job_id, self._key(run, step), record.rows)
                run.digests[kind.__name__] = hashlib.sha256(data).hexdigest()
                return kind.model_validate_json(data)
        except (RowConflict, ValueError, zlib.error) as error:
            message = f"the checkpoint of {step.name} cannot be read: {type(error).__name__}"
            raise JobFailed(message, code="checkpoint_unreadable", step=step.name) from error

    def _key(self, run: Run, step: Step) -> str:
        number = run.writer.job.run
        if self._catalog[step.service].provides == RESULT_ARTIFACT:
            return result_key(number)
        return step_key(number, step.name)

    def _start_ready(self, run: Run, needs: Mapping[str, set[str]]) -> None:
        running = set(run.tasks.values())
        for step in run.workflow.steps:
            if step.name not in run.through and step.name not in running and needs[step.name] <= run.through:
                run.tasks[asyncio.create_task(self._step(run, step), name=step.name)] = step.name

    async def _next(self, run: Run) -> None:
        """Wait until a step is through or the run must stop."""
        cancelled = asyncio.ensure_future(run.writer.cancel_requested.wait())
        waited: set[asyncio.Future[Any]] = {*run.tasks, cancelled, run.writer.interrupted}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
        if run.writer.interrupted.done():
            raise run.writer.interrupted.result()
        if run.writer.cancel_requested.is_set():
            raise JobCancelled("the job was cancelled")
        for task in [t for t in run.tasks if t.done()]:
            name = run.tasks.pop(task)
            if error := task.exception():
                await self._crashed(run, name, error)
            run.through.add(name)

    async def _crashed(self, run: Run, name: str, error: BaseException) -> None:
        """A step task ended with an error: the job's own, or a defect in the step."""
        if isinstance(error, ContentArchitectError):
            raise error
        failure = JobFailed(
            f"{name} crashed: {type(error).__name__}", code="step_crashed", step=name, retryable=True
        )
        step = next(s for s in run.workflow.steps if s.name == name)
        _log.error("step crashed", exc_info=error, extra={"step": name, "job_id": run.writer.job.job_id})
        if not step.optional:
            raise failure from error
        now = self._now()
        await run.writer.apply(
            self._degraded(run, Finished(step=step, started_at=now, duration_ms=0, tries=1, error=failure))
        )

    async def _step(self, run: Run, step: Step) -> None:
        """Run a step and store what came of it; the step is through when this returns."""
        finished = await self._taken_again(run, step) or await self._try_until_done(run, step)
        error = finished.error
        if finished.artifact is not None:
            try:
                await self._store_artifact(run, finished, finished.artifact)
            except CheckpointTooLarge as too_large:
                error = JobFailed(str(too_large), code=too_large.code, step=step.name)
        self._measure(run.writer.job, finished, error)
        if error is not None:
            if not step.optional:
                raise error
            await run.writer.apply(self._degraded(run, replace(finished, artifact=None, error=error)))

    def _measure(self, job: Job, finished: Finished, error: JobFailed | None) -> None:
        step = finished.step
        step_ended(
            job,
            step=step.name,
            layer=self._catalog[step.service].layer.value,
            outcome="completed" if error is None else "skipped" if step.optional else "failed",
            code=error.code if error else "",
            duration_ms=finished.duration_ms,
            tries=finished.tries,
        )

    async def _store_artifact(self, run: Run, finished: Finished, artifact: Artifact) -> None:
        """Commit it. Raises :class:`CheckpointTooLarge`."""
        data = artifact.model_dump_json(by_alias=True).encode()
        change = self._stored(run, finished, artifact, data)
        place = None if finished.cached else self._place(run, finished.step)
        if self._cache is not None and place is not None and worth_keeping(artifact, run.tools):
            await asyncio.gather(run.writer.apply(change), self._cache.keep(place, data))
        else:
            await run.writer.apply(change)
        run.artifacts[type(artifact)] = artifact
        run.digests[type(artifact).__name__] = hashlib.sha256(data).hexdigest()

    def _place(self, run: Run, step: Step) -> Place | None:
        """Where the step's result lies in the cache; None for a step that is always run."""
        declaration = self._catalog[step.service]
        if self._cache is None or declaration.cached_for <= 0:
            return None
        return place_of(run.writer.job.tenant, declaration, run.brief, run.digests, run.tools)

    async def _taken_again(self, run: Run, step: Step) -> Finished | None:
        """The result of identical work, where there is one. A job that starts over, or a fork, wants its own."""
        place, job = self._place(run, step), run.writer.job
        if self._cache is None or place is None or job.run > 1 or job.forked_from:
            return None
        declaration = self._catalog[step.service]
        started = self._now()
        data = await self._cache.find(place, max_age=declaration.cached_for)
        if data is None:
            return None
        try:
            artifact = self._artifact_type(declaration.provides).model_validate_json(data)
        except ValueError:
            return None  # of another shape than today's: a miss
        reused(step.name, layer=declaration.layer.value, service=step.service)
        return Finished(step=step, started_at=started, duration_ms=0, tries=0, artifact=artifact, cached=True)

    async def _try_until_done(self, run: Run, step: Step) -> Finished:
        started, began, tries = stamp(self._clock.now()), self._clock.monotonic(), 0
        run.progress(step.name, 0.0, "started")
        outcome = partial(Finished, step=step, started_at=started)
        while True:
            tries += 1
            result = await self._try(run, step, tries)
            duration = round((self._clock.monotonic() - began) * 1000)
            if isinstance(result, Artifact):
                return outcome(duration_ms=duration, tries=tries, artifact=result)
            delay = step.retry.delay(tries, chance=self._clock.chance(), hint=result.retry_after)
            if not result.retryable or delay is None:
                return outcome(duration_ms=duration, tries=tries, error=result)
            await self._clock.sleep(delay)

    async def _load(self, workflow: Workflow) -> None:
        """The steps' code. First imports happen in a thread: they take longer than the loop can wait."""
        missing = [s.service for s in workflow.steps if s.service not in self._functions]
        if missing:
            loaded = await asyncio.to_thread(lambda: [self._catalog[name].load() for name in missing])
            self._functions.update(zip(missing, loaded, strict=True))

    async def _try(self, run: Run, step: Step, number: int) -> Artifact | JobFailed:
        ends = min(run.ends, self._clock.monotonic() + step.timeout)
        context = StepContext(
            brief=run.brief,
            artifacts=seen_by(self._catalog[step.service], run.artifacts),
            tools=run.tools,
            report=partial(run.progress, step.name),
            seconds_left=lambda: ends - self._clock.monotonic(),
        )
        function = self._functions[step.service]
        layer = self._catalog[step.service].layer.value
        with stepping(step.name, layer=layer, service=step.service, number=number) as span:
            result = await self._called(function, context, step)
            if isinstance(result, JobFailed):
                span.fail(result.code, shown=True)
            return result

    @staticmethod
    async def _called(function: StepFunction, context: StepContext, step: Step) -> Artifact | JobFailed:
        try:
            async with asyncio.timeout(step.timeout):
                return await function(context)
        except StepError as error:
            return JobFailed(
                str(error),
                code=error.code,
                step=step.name,
                retryable=error.retryable,
                retry_after=error.retry_after,
            )
        except TimeoutError:
            return JobFailed(
                f"{step.name} was not done within {step.timeout:g} s",
                code="step_timeout",
                step=step.name,
                retryable=True,
            )

    def _stored(self, run: Run, finished: Finished, artifact: Artifact, data: bytes) -> Change:
        step = finished.step
        rows = tuple(pack(self._key(run, step), data))
        spent = None if finished.cached else artifact  # by the job that made it
        is_result = self._catalog[step.service].provides == RESULT_ARTIFACT
        warnings = tuple(w.model_dump() for w in artifact.warnings)

        def mutate(job: Job) -> Job:
            record = _record(job, finished, StepStatus.COMPLETED, self._now(), rows=len(rows))
            job = job.with_step(
                record,
                claims_without_progress=0,
                warnings=limited_warnings((*job.warnings, *warnings)),
                tokens_in=job.tokens_in + getattr(spent, "tokens_in", 0),
                tokens_out=job.tokens_out + getattr(spent, "tokens_out", 0),
                cost=job.cost + getattr(spent, "cost", 0.0),
                result_rows=len(rows) if is_result else job.result_rows,
            )
            return self._completed_if_through(job)

        return Change(mutate=mutate, rows=rows, events=self._step_events(run, step))

    def _degraded(self, run: Run, finished: Finished) -> Change:
        """The job goes on without an optional step; a warning names it."""
        warning = {
            "severity": "warning",
            "code": "optional_step_failed",
            "where": finished.step.name,
            "fix": f"The result was made without it: {finished.error}",
        }

        def mutate(job: Job) -> Job:
            record = _record(job, finished, StepStatus.SKIPPED, self._now(), rows=0)
            job = job.with_step(record, warnings=limited_warnings((*job.warnings, warning)))
            return self._completed_if_through(job)

        return Change(mutate=mutate, events=self._step_events(run, finished.step))

    def _step_events(self, run: Run, step: Step) -> Callable[[Job], Sequence[Event]]:
        def events(job: Job) -> Sequence[Event]:
            done = step_completed(job, job.step(step.name))
            return [done, ended(job, run.result_url)] if job.status.terminal else [done]

        return events

    def _completed_if_through(self, job: Job) -> Job:
        """The last step's commit also completes the job: one write, no state between the two."""
        if any(s.status not in (StepStatus.COMPLETED, StepStatus.SKIPPED) for s in job.steps):
            return job
        now = self._clock.now()
        return job.move(JobStatus.COMPLETED, now, completed_at=stamp(now), lease_owner=None, error=None)

    def _now(self) -> str:
        return stamp(self._clock.now())


def _record(job: Job, finished: Finished, status: StepStatus, ended_at: str, *, rows: int) -> StepRecord:
    return replace(
        job.step(finished.step.name),
        status=status,
        started_at=finished.started_at,
        ended_at=ended_at,
        attempt=finished.tries,
        duration_ms=finished.duration_ms,
        rows=rows,
        cached=finished.cached,
    )


async def _stop(tasks: Mapping[asyncio.Task[None], str]) -> None:
    """Cancel what still runs and wait for it; errors of steps that were told to stop are not news."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
