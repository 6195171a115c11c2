"""OrchestrationService: accept a job, wait for its end, cancel it.

Order at submission: the active row first (it is deleted last), then the job with its input and first event in
one transaction, then the message. Once the job row is durable the job is accepted, also when the message could
not be sent: the sweeper sends it. So nobody waits for the broker: the answer waits for the rows, and for the job to
be listed, while the message and the audit row are on their way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from layers.catalog import CATALOG
from orchestration.callbacks import Callback, CallbackSender, is_owed
from orchestration.checkpoints import INPUT_KEY, Row, pack
from orchestration.commits import Change, commit_once
from orchestration.epilogue import Epilogue
from orchestration.errors import (
    AddressRefused,
    FieldError,
    InvalidRequest,
    QueueUnavailable,
    RequestRefused,
    RowConflict,
    RowExists,
    StorageUnavailable,
)
from orchestration.event_log import event_rows
from orchestration.events import JobUpdate, ended, status_changed
from orchestration.follow_ups import FollowUps
from orchestration.fresh_jobs import FreshJobs
from orchestration.ids import derived_job_id, new_commit_id, new_job_id
from orchestration.jobs import ActiveJob, Job, JobInput, JobStatus, Priority, StepRecord, StoredJob, stamp
from orchestration.management.audit import Action, Actor, AuditTrail
from orchestration.management.job_index import JobIndex
from orchestration.messages import job_message
from orchestration.ports import Clock, JobStore, MessageQueue
from orchestration.realtime import RealtimeUpdatesService
from orchestration.retry import SUBMIT_RETRY
from orchestration.schemas import GenerateRequest
from orchestration.settings import Settings
from orchestration.telemetry.counts import submitted
from orchestration.telemetry.entries import about, acting, enqueueing
from orchestration.telemetry.spans import annotate
from orchestration.telemetry.trace_context import current_traceparent, new_traceparent
from orchestration.telemetry.work import committing
from orchestration.workflow.service import WorkflowService
from orchestration.workflows import BUILT_IN, Workflow, in_order

QUEUED_SILENT_SECONDS = 60
_EMBEDDED_ESTIMATE = 10.0
_POLL = (0.05, 0.1, 0.2, 0.25)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request comes from. ``key`` makes repeats one job; ``job_id`` is a producer's own choice.

    ``queue`` is set when the request itself is a message: the job stays in that queue and no message is sent.
    ``submitter`` is the digest of the identity of an HTTP caller.
    ``actor`` is who called; a producer has none.
    """

    tenant: str
    key: str | None = None
    job_id: str | None = None
    queue: str | None = None
    traceparent: str | None = None
    submitter: str | None = None
    actor: Actor | None = None

    @property
    def known_id(self) -> str | None:
        """The id that a repeated request has again; None for one that is always new."""
        kind = "message" if self.queue else "request"
        return self.job_id or (derived_job_id(kind, self.tenant, self.key) if self.key else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The accepted job, and whether it had been accepted before."""

    job: Job
    replayed: bool


class OrchestrationService:
    """Submits, awaits and cancels jobs."""

    def __init__(
        self,
        store: JobStore,
        queue: MessageQueue,
        realtime: RealtimeUpdatesService,
        clock: Clock,
        settings: Settings,
        *,
        epilogue: Epilogue,
        sender: CallbackSender,
        workflows: WorkflowService,
        fresh: FreshJobs,
        has_llm: bool = False,
    ) -> None:
        self._store = store
        self._queue = queue
        self._realtime = realtime
        self._clock = clock
        self._settings = settings
        self._has_llm = has_llm
        self._epilogue = epilogue
        self._sender = sender
        self._workflows = workflows
        self._fresh = fresh
        self._index = JobIndex(store=store)
        self._audit = AuditTrail(store=store, clock=clock)
        self._follow_ups = FollowUps()

    async def submit(self, request: GenerateRequest, origin: Origin) -> Submission:
        """Accept a request.

        Raises :class:`InvalidRequest` (also for a key that was used with another request), and
        :class:`StorageUnavailable` when the rows could not be written: nothing was accepted then.
        """
        await self._store.prepare()
        workflow = await self._workflows.chosen(request, origin.tenant)
        with enqueueing(self.queue_of(request, origin), origin.traceparent):
            job = self.new_job(request, workflow, origin)
            try:
                job = await self.accept(job, self.new_input(request, workflow))
            except RowExists:
                return await self._replay(job, send=origin.queue is None)
            await self._follow_ups.begin(
                *([self.send(job)] if origin.queue is None else []),
                self._audit.record(origin.actor or producer_of(job), Action.SUBMIT, job.job_id),
            )
            await self._index.add(job)
        annotate(about(job))
        return Submission(job=job, replayed=False)

    async def accept(self, job: Job, job_input: JobInput) -> Job:
        """Write the rows that make a job durable: the active row, then the job with its input and first event.

        Raises :class:`RowExists` when there is a job of this id, :class:`InvalidRequest` when its callback's
        address may not be called, :class:`StorageUnavailable`.
        """
        self._realtime.expect(job)
        await self._check_callback(job)
        given = job_input.to_bytes()
        packed = pack(INPUT_KEY, given)
        job = replace(job, input_rows=len(packed))
        first = _first_event(job)
        owed = [Callback.of(job, first).to_row()] if is_owed(job, first) else []
        await self._store.put_active(self.active_row(job))
        rows = [*packed, *event_rows([first]), *owed]
        with committing(rows, what="insert"):
            etag = await self._insert(job, rows)
        now = self._clock.now()
        self._fresh.remember(StoredJob(job=job, etag=etag, modified=now, read_at=now, given=given))
        submitted(job)
        annotate(about(job))
        self._realtime.publish(job, [first])
        return job

    async def _check_callback(self, job: Job) -> None:
        if job.callback_url is None:
            return
        try:
            await self._sender.check(job.callback_url)
        except AddressRefused as error:
            raise InvalidRequest([FieldError(pointer="/callbackUrl", detail=str(error))]) from error

    async def _insert(self, job: Job, rows: Sequence[Row]) -> str:
        """Insert, return the ETag, and try again when the answer was lost: an insert that landed then shows as existing."""
        failures = 0
        while True:
            try:
                return await self._store.insert_job(job, rows)
            except StorageUnavailable:
                failures += 1
                delay = SUBMIT_RETRY.delay(failures, chance=self._clock.chance())
                if delay is None:
                    raise
                await self._clock.sleep(delay)

    def new_job(self, request: GenerateRequest, workflow: Workflow, origin: Origin) -> Job:
        """The job that a request makes, before anything is stored."""
        now = self._clock.now()
        priority = _priority(request)
        budget = self._settings.job_timeout_minutes * 60
        scheduled = request.scheduled_for
        custom = workflow.id not in BUILT_IN
        return Job(
            job_id=_job_id(origin, now),
            tenant=origin.tenant,
            type=request.type.value,
            topic=request.effective_topic,
            status=JobStatus.QUEUED,
            priority=priority,
            queue=self.queue_of(request, origin),
            workflow_type="custom" if custom else workflow.id,
            workflow_id=workflow.id if custom else None,
            workflow_version=workflow.version if custom else None,
            callback_url=request.callback_url,
            callback_events=request.webhook_events,
            created_at=stamp(now),
            updated_at=stamp(now),
            fingerprint=request.fingerprint(),
            max_attempts=self._settings.job_max_retries,
            timeout_seconds=min(budget, request.deadline_seconds or budget),
            expires_at=stamp(now + timedelta(days=self._settings.retention_days)),
            estimated_seconds=self._estimated(workflow, origin.tenant),
            sequence=1,
            lease_seconds=self._settings.lease_seconds,
            next_attempt_at=stamp(scheduled) if scheduled and scheduled > now else None,
            queued_at=stamp(scheduled) if scheduled and scheduled > now else None,
            submitter=origin.submitter,
            user_id=request.user_id,
            project_id=request.project_id,
            tags=request.tags,
            traceparent=current_traceparent() or origin.traceparent or new_traceparent(),
            steps=tuple(
                StepRecord(name=s.name, layer=CATALOG[s.service].layer.value, service=s.service)
                for s in in_order(workflow)
            ),
        )

    @staticmethod
    def queue_of(request: GenerateRequest, origin: Origin) -> str:
        """The queue of the job that a request makes."""
        return origin.queue or _priority(request).queue

    def _estimated(self, workflow: Workflow, tenant: str) -> float:
        """What this workflow took this tenant lately, else what is declared."""
        declared = workflow.estimated_seconds if self._has_llm else _EMBEDDED_ESTIMATE
        return self._workflows.estimates.known(tenant).workflows.get(workflow.id, declared)

    def new_input(self, request: GenerateRequest, workflow: Workflow) -> JobInput:
        """What that job runs on."""
        brief = request.to_brief(self._clock.now().date())
        return JobInput(
            brief=brief.model_dump(mode="json", by_alias=True),
            workflow=workflow.to_snapshot(),
            request=request.model_dump(
                mode="json", by_alias=True, exclude={"sources", "content"}, exclude_none=True
            ),
        )

    def active_row(self, job: Job) -> ActiveJob:
        """The active row of a queued job: the sweep looks at it when it was silent for a minute."""
        due = self._clock.now() + timedelta(seconds=QUEUED_SILENT_SECONDS)
        return ActiveJob(
            job_id=job.job_id,
            tenant=job.tenant,
            priority=job.priority.value,
            check_at=max(stamp(due), job.next_attempt_at or ""),
            dispatch=job.dispatch,
            created_at=job.created_at,
        )

    async def _replay(self, wanted: Job, *, send: bool) -> Submission:
        """The id exists: the same request again (or the answer to its insert was lost), or another one."""
        stored = await self._store.read_job(wanted.job_id)
        if stored is None or stored.job.deleted_at:
            raise RequestRefused(
                "the job was deleted just now; send the request again", code="gone", status=409
            )
        job = stored.job
        await self._take_back(wanted, job)
        if job.tenant != wanted.tenant or job.fingerprint != wanted.fingerprint:
            raise InvalidRequest(
                [
                    FieldError(
                        pointer="", detail="this Idempotency-Key or job id was used with another request"
                    )
                ]
            )
        if job.status is JobStatus.QUEUED and send:
            await self.send(job)  # the same message id: only a message that was never sent gets through
        return Submission(job=job, replayed=job.created_at != wanted.created_at)

    async def _take_back(self, wanted: Job, job: Job) -> None:
        """See to the active row that was put for a job that exists: it may have no use, or rows may be missing."""
        if job.tenant != wanted.tenant:
            await self._store.remove_active(wanted.tenant, wanted.job_id)
        elif job.status.terminal:
            await self._epilogue.finish(job)
        else:
            await self._index.add(job)

    async def send(self, job: Job) -> None:
        """Send the wake-up of the current dispatch. A failure is the sweeper's to mend, not the caller's."""
        try:
            await self._queue.send(job_message(job))
        except QueueUnavailable as error:
            _log.warning("message left to the sweeper", extra={"job_id": job.job_id, "reason": str(error)})

    async def wait_for_end(
        self, job_id: str, seconds: float, *, until: int | None = None
    ) -> StoredJob | None:
        """The job once it is terminal, or (with ``until``) beyond that sequence, or as it is after ``seconds``."""
        deadline = self._clock.monotonic() + seconds
        number = 0
        while True:
            stored = await self._store.read_job(job_id)
            done = stored is None or stored.job.status.terminal
            if stored is not None and until is not None:
                done = done or stored.job.sequence > until
            left = deadline - self._clock.monotonic()
            if done or left <= 0:
                return stored
            await self._clock.sleep(min(left, _POLL[min(number, len(_POLL) - 1)]))
            number += 1

    async def cancel(self, tenant: str, job_id: str) -> Job:
        """Ask a job to stop: at once when queued, at the next step boundary when running.

        Raises :class:`RequestRefused` 404 for an unknown or foreign job, 409 for one that has ended.
        """
        while True:
            stored = await self.owned(tenant, job_id)
            job = stored.job
            if job.status.terminal:
                raise RequestRefused(f"the job is {job.status} already", code="job_ended", status=409)
            if job.status is JobStatus.PROCESSING:
                if job.cancel_requested_at:
                    return job  # every write to the row would prolong the lease of a worker that is dead
                asked = stamp(self._clock.now())
                with acting("cancel", job):
                    await self._store.request_cancel(job_id, asked)
                return replace(job, cancel_requested_at=asked)
            with acting("cancel", job):
                try:
                    job, updates = await commit_once(
                        self._store, stored, self._cancelled(), clock=self._clock, commit_id=new_commit_id()
                    )
                except RowConflict:
                    continue  # claimed or cancelled meanwhile: look again
                self._realtime.publish(job, updates)
                await self._epilogue.run(job)
            return job

    def _cancelled(self) -> Change:
        now = self._clock.now()
        return Change(
            mutate=lambda job: job.move(
                JobStatus.CANCELLED, now, completed_at=stamp(now), cancel_requested_at=stamp(now)
            ),
            events=lambda job: [ended(job, "")],
        )

    async def owned(self, tenant: str, job_id: str) -> StoredJob:
        """The job, if it is this tenant's. Unknown and foreign jobs give the same 404."""
        await self._store.prepare()
        stored = await self._store.read_job(job_id)
        if stored is None or stored.job.tenant != tenant or stored.job.deleted_at:
            raise RequestRefused("there is no such job", code="job_not_found", status=404)
        return stored


def _priority(request: GenerateRequest) -> Priority:
    urgent = not request.run_async and request.priority in (Priority.NORMAL, Priority.LOW)
    return Priority.HIGH if urgent else request.priority


def _job_id(origin: Origin, now: datetime) -> str:
    return origin.known_id or new_job_id(now)


def producer_of(job: Job) -> Actor:
    """Who submitted by message: whoever may send to the queue."""
    trace = (job.traceparent or "").split("-")
    return Actor(tenant=job.tenant, user="producer", trace_id=trace[1] if len(trace) > 1 else "")


def _first_event(job: Job) -> JobUpdate:
    event = status_changed(job)
    return JobUpdate(
        type=event.type, job_id=job.job_id, sequence=1, timestamp=job.created_at, data=event.data
    )
