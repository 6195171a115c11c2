"""ContentJobProcessor: one delivery in, one outcome out.

The guarantee: every accepted job ends in exactly one terminal status, and no message is settled before the row
that explains it is written. The order is always row, then send, then settle. (One exception: when storage itself
cannot be read or written, a scheduled copy of the message is the explanation.)

Running and settling are different things: ``process`` returns what to do with the message; the function that
called it settles, by returning or by raising.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

from orchestration.attempts import AttemptRunner, end_change
from orchestration.commits import Change, commit_once
from orchestration.decisions import Verdict, Wake, decide
from orchestration.errors import FieldError, InvalidRequest, QueueUnavailable, RowConflict, StorageUnavailable
from orchestration.fresh_jobs import FreshJobs
from orchestration.http import valid_traceparent
from orchestration.ids import canonical_job_id, new_commit_id
from orchestration.jobs import Job, JobError, JobStatus, StoredJob, stamp
from orchestration.management.refused import keep_refusal
from orchestration.messages import Delivery, Malformed, job_message, read_message
from orchestration.outcomes import Completed, DeadLetter, Outcome
from orchestration.redelivery import copy_later
from orchestration.schemas import ProducerMessage, parse_request
from orchestration.service import OrchestrationService, Origin
from orchestration.settings import TENANT
from orchestration.telemetry.entries import Consumption
from orchestration.telemetry.lost import close_lost
from orchestration.telemetry.metrics import record
from orchestration.telemetry.switch import recording
from orchestration.views import Links

_LOOKS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentJobProcessor:
    """Processes deliveries of the three job queues.

    ``fresh`` has the jobs that ``service`` accepted; ``languages`` are those that the writers command.
    """

    runner: AttemptRunner
    service: OrchestrationService
    fresh: FreshJobs
    languages: frozenset[str] = frozenset({"en"})

    async def process(self, delivery: Delivery) -> Outcome:
        """Do what a delivery asks for and say what becomes of the message."""
        with Consumption(delivery) as consumption:
            return consumption.settles(await self._process(delivery, consumption))

    async def _process(self, delivery: Delivery, consumption: Consumption) -> Outcome:
        message = read_message(delivery)
        try:
            await self.runner.store.prepare()
            if isinstance(message, Malformed):
                return await self._refuse(delivery, message.reason)
            if isinstance(message, ProducerMessage):
                return await self._process_producer(delivery, message, consumption)
            return await self._process_job(delivery, message.job_id, consumption)
        except StorageUnavailable as error:
            _log.warning("storage is down", extra={"queue": delivery.queue, "reason": str(error)})
            return await self._copy_later(delivery)

    async def _refuse(self, delivery: Delivery, reason: str) -> Outcome:
        """Dead-letter a message from outside, with one audit row however often it is delivered."""
        tenant, now = delivery.tenant(self._default_tenant), stamp(self.runner.clock.now())
        written = await keep_refusal(self.runner.store, delivery, reason, tenant=tenant, at=now)
        if written:
            record("content.deadletter", 1, {"queue": delivery.queue, "error.type": "malformed"})
            _log.warning("message refused", extra={"queue": delivery.queue, "reason": reason[:1000]})
        return DeadLetter(reason)

    async def _process_producer(
        self, delivery: Delivery, message: ProducerMessage, consumption: Consumption
    ) -> Outcome:
        try:
            request = parse_request(
                message.merged_request(), now=self.runner.clock.now(), can_write=self.languages
            )
            origin = await self._continued(self._origin(delivery, message), delivery)
            submission = await self.service.submit(request, origin)
        except InvalidRequest as error:
            fields = "; ".join(f"{e.pointer or '/'} {e.detail}" for e in error.errors)
            return await self._refuse(delivery, fields)
        return await self._process_job(delivery, submission.job.job_id, consumption)

    async def _continued(self, origin: Origin, delivery: Delivery) -> Origin:
        """A message that is handed over again goes on in the trace of the job that it made the first time."""
        if not recording() or (delivery.delivery_count == 1 and delivery.identity == delivery.message_id):
            return origin
        stored = await self.runner.store.read_job(origin.known_id or "")
        return replace(origin, traceparent=stored.job.traceparent) if stored else origin

    @property
    def _default_tenant(self) -> str:
        return self.runner.settings.producer_default_tenant

    def _origin(self, delivery: Delivery, message: ProducerMessage) -> Origin:
        tenant = delivery.tenant(self._default_tenant)
        if not TENANT.fullmatch(tenant):
            wrong = FieldError(pointer="/tenantId", detail=f"should match {TENANT.pattern}")
            raise InvalidRequest([wrong])
        return Origin(
            tenant=tenant,
            key=delivery.identity,
            job_id=canonical_job_id(message.job_id) if message.job_id else None,
            queue=delivery.queue,
            traceparent=valid_traceparent(str(delivery.properties.get("traceparent", ""))),
        )

    async def _process_job(self, delivery: Delivery, job_id: str, consumption: Consumption) -> Outcome:
        wake = Wake(
            message_id=delivery.identity,
            delivery_count=delivery.delivery_count,
            max_delivery_count=self.runner.settings.max_delivery_count,
        )
        for _ in range(_LOOKS):
            stored = self._claimable(job_id, wake) or await self.runner.store.read_job(job_id)
            if stored is None:
                return await self._no_job(delivery, job_id)
            consumption.of(stored.job)
            try:
                return await self._follow(decide(stored, wake, self.runner.clock.now()), stored, wake)
            except RowConflict:
                continue  # the row moved between reading and writing: look again
        return await self._copy_later(delivery)

    def _claimable(self, job_id: str, wake: Wake) -> StoredJob | None:
        """The job as this process accepted it, if that is to be claimed: no other verdict asks the row itself."""
        stored = self.fresh.take(job_id)
        claims = stored is not None and decide(stored, wake, self.runner.clock.now()) is Verdict.CLAIM
        return stored if claims else None

    async def _follow(self, verdict: Verdict, stored: StoredJob, wake: Wake) -> Outcome:
        job = stored.job
        match verdict:
            case Verdict.CLAIM:
                return await self.runner.run(stored, wake.message_id)
            case Verdict.LATCHED:
                await self.runner.epilogue.finish(job)
                return DeadLetter(job.error.message if job.error else "the job failed")
            case Verdict.ENDED:
                await self.runner.epilogue.finish(job)
                return Completed("the job has ended")
            case Verdict.OWNED:
                return Completed("another worker has it")
            case Verdict.EARLY:
                return await self._send_again(job, _waiting_id(job, wake))
            case Verdict.REFRESH:
                raised = await self._commit(stored, Change(mutate=_next_dispatch))
                return await self._send_again(raised, raised.message_id)
            case Verdict.CANCEL:
                return await self._end(stored, JobStatus.CANCELLED, None, wake)
            case Verdict.LOST_WORKERS:
                lost = JobError(code="worker_lost", message="its workers were lost again and again")
                return await self._end(stored, JobStatus.FAILED, lost, wake)

    async def _no_job(self, delivery: Delivery, job_id: str) -> Outcome:
        await self.runner.store.audit(
            "message:no-job",
            f"{job_id}:{delivery.message_id}",
            {"action": "ignore", "queue": delivery.queue, "at": stamp(self.runner.clock.now())},
        )
        return Completed("no such job")

    async def _send_again(self, job: Job, message_id: str) -> Outcome:
        """Send the job's current dispatch. When the queue refuses, the sweeper does it: the row is there."""
        try:
            await self.runner.queue.send(job_message(job, message_id=message_id))
        except QueueUnavailable as error:
            _log.warning("message left to the sweeper", extra={"job_id": job.job_id, "reason": str(error)})
        return Completed("sent again")

    async def _end(self, stored: StoredJob, status: JobStatus, error: JobError | None, wake: Wake) -> Outcome:
        """End a job without running it: cancelled, or failed for good."""
        url = Links(base=self.runner.settings.api_url).job(stored.job.job_id, "/result")
        latch = wake.message_id if error else None
        change = end_change(status, error, latch=latch, result_url=url, clock=self.runner.clock)
        job = await self._commit(stored, change)
        close_lost(stored.job, stored.modified)
        await self.runner.epilogue.run(job)
        return DeadLetter(error.message) if error else Completed("cancelled")

    async def _commit(self, stored: StoredJob, change: Change) -> Job:
        job, updates = await commit_once(
            self.runner.store, stored, change, clock=self.runner.clock, commit_id=new_commit_id()
        )
        self.runner.realtime.publish(job, updates)
        return job

    async def _copy_later(self, delivery: Delivery) -> Outcome:
        return await copy_later(self.runner.queue, self.runner.clock, delivery)


def _next_dispatch(job: Job) -> Job:
    return replace(job, dispatch=job.dispatch + 1)


def _waiting_id(job: Job, wake: Wake) -> str:
    """The same for every delivery of one message, so that a crash sends once, yet new for each in a chain."""
    return f"{job.message_id}:{hashlib.sha256(wake.message_id.encode()).hexdigest()[:16]}"
