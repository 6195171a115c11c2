"""One attempt of a job: claim it, run its workflow, write down how it ended.

Every way out leaves a row that explains it: completed, failed, cancelled, or queued again for a later attempt.
Only a lost lease and unreachable storage leave without one; then the row belongs to somebody else, or the
sweeper finds it when the lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from layers.contract import ContentBrief, Tools
from orchestration.checkpoints import INPUT_KEY
from orchestration.commits import Change, JobWriter
from orchestration.engine import Run, WorkflowEngineService
from orchestration.epilogue import Epilogue
from orchestration.errors import (
    DependencyUnavailable,
    JobCancelled,
    JobFailed,
    QueueUnavailable,
    RowConflict,
    StorageUnavailable,
    Superseded,
)
from orchestration.events import ended, status_changed
from orchestration.ids import new_commit_id
from orchestration.jobs import (
    MAX_TEXT,
    ActiveJob,
    Job,
    JobError,
    JobInput,
    JobStatus,
    StepRecord,
    StepStatus,
    StoredJob,
    stamp,
)
from orchestration.messages import job_message
from orchestration.outcomes import Completed, DeadLetter, Outcome, RetryLater
from orchestration.ports import Clock, JobStore, MessageQueue
from orchestration.realtime import RealtimeUpdatesService
from orchestration.retry import ATTEMPT_RETRY
from orchestration.settings import Settings
from orchestration.step_threads import working_for
from orchestration.telemetry.entries import Attempting
from orchestration.views import Links
from orchestration.workflows import Workflow

Given = asyncio.Task[tuple[Workflow, ContentBrief]]
"""What a job runs on, as soon as it is read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Runs attempts. ``owner`` names this process in leases; ``tools`` gives the steps what they may reach."""

    store: JobStore
    queue: MessageQueue
    realtime: RealtimeUpdatesService
    engine: WorkflowEngineService
    epilogue: Epilogue
    clock: Clock
    settings: Settings
    tools: Callable[[], Tools]
    owner: str

    async def run(self, stored: StoredJob, message_id: str) -> Outcome:
        """Claim the job and run it.

        Raises :class:`RowConflict` when the row moved before the claim (decide again), and
        :class:`StorageUnavailable` when nothing could be written.
        """
        writer = JobWriter(
            store=self.store,
            clock=self.clock,
            stored=stored,
            publish=self.realtime.publish,
            new_id=new_commit_id,
            heartbeat_seconds=self.settings.lease_seconds / 3,
        )
        with working_for(stored.job.priority), Attempting(stored.job) as attempt:
            return attempt.settles(await self._run(writer, message_id, attempt))

    async def _run(self, writer: JobWriter, message_id: str, attempt: Attempting) -> Outcome:
        async with writer, self._reading(writer.stored) as given:
            try:
                attempt.claimed(await writer.apply(self._claim(attempt.open_spans)), writer.stored)
            except Superseded as error:
                raise RowConflict(str(error)) from error
            try:
                return await self._run_claimed(writer, given, message_id)
            except Superseded as error:
                _log.info("superseded", extra={"job_id": writer.job.job_id, "reason": str(error)})
                return Completed("superseded")

    @asynccontextmanager
    async def _reading(self, stored: StoredJob) -> AsyncIterator[Given]:
        """The job's input, read while the claim is on its way. Nobody waits for it when the claim fails."""
        reading = asyncio.create_task(self._input(stored))
        try:
            yield reading
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()  # whoever awaited it has seen it

    async def _run_claimed(self, writer: JobWriter, given: Given, message_id: str) -> Outcome:
        try:
            job = await self._execute(writer, given)
        except JobCancelled:
            return await self._end(writer, JobStatus.CANCELLED, None, message_id)
        except JobFailed as error:
            return await self._fail(writer, error, message_id)
        except (Superseded, DependencyUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - the outermost place of a job: a defect fails the job and is shown
            _log.exception("attempt crashed", extra={"job_id": writer.job.job_id})
            crash = JobFailed(
                f"the attempt crashed: {type(error).__name__}", code="internal_error", retryable=True
            )
            return await self._fail(writer, crash, message_id)
        await self.epilogue.run(job)
        return Completed("completed")

    async def _execute(self, writer: JobWriter, given: Given) -> Job:
        job = writer.job
        async with self._marked(job):
            workflow, brief = await given
            run = Run(
                workflow=workflow,
                brief=brief,
                writer=writer,
                tools=self.tools(),
                progress=lambda step, part, note: self.realtime.progress(writer.job, step, part, note),
                result_url=self._result_url(job),
            )
            return await self.engine.run(run)

    @asynccontextmanager
    async def _marked(self, job: Job) -> AsyncIterator[None]:
        """Say in the active row who has the job, while its first steps run already.

        The row is written by the end of the attempt, so that the epilogue, which removes it, comes after. What
        cannot be written is no reason to stop: without it the sweep looks earlier than it need.
        """
        marking = asyncio.create_task(self.store.put_active(self._active(job)))
        try:
            yield
        finally:
            try:
                await marking
            except StorageUnavailable as error:
                _log.warning("active row is late", extra={"job_id": job.job_id, "reason": str(error)})

    async def _input(self, stored: StoredJob) -> tuple[Workflow, ContentBrief]:
        job = stored.job
        try:
            data = stored.given or await self.store.read_rows(job.job_id, INPUT_KEY, job.input_rows)
            job_input = JobInput.from_bytes(data)
            brief = ContentBrief.model_validate(job_input.brief)
            return Workflow.from_snapshot(job_input.workflow), brief
        except (RowConflict, ValueError, TypeError, KeyError, zlib.error) as error:
            message = f"the job's input cannot be read: {type(error).__name__}"
            raise JobFailed(message, code="input_unreadable") from error

    def _result_url(self, job: Job) -> str:
        return Links(base=self.settings.api_url).job(job.job_id, "/result")

    def _active(self, job: Job) -> ActiveJob:
        lease_end = self.clock.now() + timedelta(seconds=job.lease_seconds)
        return ActiveJob(
            job_id=job.job_id,
            tenant=job.tenant,
            priority=job.priority.value,
            check_at=stamp(lease_end),
            owner=self.owner,
            dispatch=job.dispatch,
            created_at=job.created_at,
        )

    def _claim(self, open_spans: str | None) -> Change:
        """Take the job. A takeover of a running one is the same attempt; a queued one starts the next."""
        now = self.clock.now()

        def mutate(job: Job) -> Job:
            fresh = job.status is JobStatus.QUEUED
            return job.move(
                JobStatus.PROCESSING,
                now,
                attempt=job.attempt + 1 if fresh else job.attempt,
                lease_owner=self.owner,
                lease_epoch=job.lease_epoch + 1,
                lease_seconds=self.settings.lease_seconds,
                claims_without_progress=job.claims_without_progress + 1,
                next_attempt_at=None,
                started_at=job.started_at or stamp(now),
                open_spans=open_spans,
            )

        return Change(mutate=mutate, events=lambda job: [status_changed(job)])

    async def _fail(self, writer: JobWriter, error: JobFailed, message_id: str) -> Outcome:
        job = writer.job
        if writer.cancel_requested.is_set():
            return await self._end(writer, JobStatus.CANCELLED, None, message_id)
        if error.retryable and job.attempt < job.max_attempts:
            delay = ATTEMPT_RETRY.delay(job.attempt, chance=self.clock.chance(), hint=error.retry_after)
            if delay is not None:
                return await self._retry_later(writer, error, delay, message_id)
        return await self._end(writer, JobStatus.FAILED, _as_error(error), message_id)

    async def _retry_later(
        self, writer: JobWriter, error: JobFailed, delay: float, message_id: str
    ) -> Outcome:
        now = self.clock.now()
        at = stamp(now + timedelta(seconds=delay))
        failure = _as_error(error)

        def mutate(job: Job) -> Job:
            return job.move(
                JobStatus.QUEUED,
                now,
                next_attempt_at=at,
                dispatch=job.dispatch + 1,
                lease_owner=None,
                claims_without_progress=0,  # counts lost workers; this one came to an orderly end
                error=failure,
            )

        job = await writer.apply(
            Change(mutate=mutate, events=lambda job: [status_changed(job, failure.message)])
        )
        if job.cancel_requested_at:
            return await self._end(writer, JobStatus.CANCELLED, None, message_id)
        await self.store.put_active(replace(self._active(job), check_at=at, owner=""))
        try:
            await self.queue.send(job_message(job))
        except QueueUnavailable as problem:
            _log.warning("retry left to the sweeper", extra={"job_id": job.job_id, "reason": str(problem)})
        return RetryLater(delay)

    async def _end(
        self, writer: JobWriter, status: JobStatus, error: JobError | None, message_id: str
    ) -> Outcome:
        job = await writer.apply(
            end_change(
                status,
                error,
                latch=message_id if error else None,
                result_url=self._result_url(writer.job),
                clock=self.clock,
            )
        )
        await self.epilogue.run(job)
        return DeadLetter(error.message) if error else Completed(status.value)


def end_change(
    status: JobStatus, error: JobError | None, *, latch: str | None, result_url: str, clock: Clock
) -> Change:
    """The terminal change of a job that did not complete. ``latch`` is the message to be dead-lettered."""
    now = clock.now()

    def mutate(job: Job) -> Job:
        return job.move(
            status,
            now,
            completed_at=stamp(now),
            lease_owner=None,
            next_attempt_at=None,
            error=error,
            latched_message=latch,
            dead_lettered=latch is not None,
            steps=_with_failed(job.steps, error.step if error else None),
        )

    return Change(mutate=mutate, events=lambda job: [ended(job, result_url)])


def _with_failed(steps: tuple[StepRecord, ...], name: str | None) -> tuple[StepRecord, ...]:
    return tuple(replace(s, status=StepStatus.FAILED) if s.name == name else s for s in steps)


def _as_error(error: JobFailed) -> JobError:
    return JobError(
        code=error.code, message=str(error)[:MAX_TEXT], step=error.step, retryable=error.retryable
    )
