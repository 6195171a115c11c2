"""JobManagementService: the life of jobs beyond one run: list, count, retry, fork, delete.

Order of a retry: the active row (with the dispatch to come, so that no epilogue of the old run takes it away), the job
row, the active row again, the derived rows, the message. A crash before the job row leaves an ended job with an
active row, which the sweep finishes once more; a crash after it leaves a queued job that the sweep wakes up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestration.checkpoints import INPUT_KEY, pack, step_key
from orchestration.commits import MAX_BATCH_BYTES, MAX_BATCH_ROWS, Change, commit_once
from orchestration.errors import RequestRefused, RowConflict, StorageUnavailable
from orchestration.events import status_changed
from orchestration.ids import new_commit_id
from orchestration.jobs import Job, JobInput, JobStatus, StepRecord, StoredJob, stamp
from orchestration.management.audit import Action, Actor, AuditTrail
from orchestration.management.job_index import JobIndex
from orchestration.management.job_listing import JobLister, JobPage
from orchestration.management.job_statistics import EndedJobs, Period, StatisticsService
from orchestration.management.listing import JobQuery
from orchestration.management.reruns import ForkRequest, plan_fork, retried
from orchestration.ports import Clock, JobStore
from orchestration.realtime import RealtimeUpdatesService
from orchestration.service import OrchestrationService, Origin
from orchestration.settings import Settings
from orchestration.telemetry.entries import acting, enqueueing
from orchestration.webhooks.service import CallbackService

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobManagementService:
    """Manages jobs of a tenant. ``languages`` are those that the writers command."""

    store: JobStore
    service: OrchestrationService
    realtime: RealtimeUpdatesService
    index: JobIndex
    lister: JobLister
    statistics: StatisticsService
    audit: AuditTrail
    callbacks: CallbackService
    clock: Clock
    settings: Settings
    languages: frozenset[str] = frozenset({"en"})

    async def page(self, tenant: str, query: JobQuery) -> JobPage:
        """One page of the tenant's jobs, newest first."""
        await self.store.prepare()
        return await self.lister.page(tenant, query)

    async def report(self, tenant: str, period: Period) -> dict[str, Any]:
        """Statistics over the jobs that ended in a period."""
        await self.store.prepare()
        return await self.statistics.report(tenant, period)

    async def retry(self, actor: Actor, job_id: str, *, from_scratch: bool = False) -> Job:
        """Run a failed or cancelled job again.

        Raises :class:`RequestRefused`: 404 for an unknown or foreign job, 409 for one in any other status.
        """
        return await self.run_again(actor, job_id, from_scratch=from_scratch, action=Action.RETRY)

    async def run_again(self, actor: Actor, job_id: str, *, from_scratch: bool, action: Action) -> Job:
        """The retry itself; ``action`` says what the audit row calls it."""
        while True:
            stored = await self.service.owned(actor.tenant, job_id)
            with acting(action.value, stored.job):
                try:
                    job = await self._requeue(stored, from_scratch=from_scratch)
                except RowConflict:
                    continue  # retried or deleted meanwhile: look again
                await self._derive(
                    self.store.put_active(self.service.active_row(job)),
                    self.index.requeue(job),
                    EndedJobs(store=self.store).forget(stored.job),
                    self.audit.record(actor, action, job_id),
                    self.callbacks.cancel_undelivered(job),
                )
                await self.service.send(job)
            return job

    async def _requeue(self, stored: StoredJob, *, from_scratch: bool) -> Job:
        now = self.clock.now()

        def again(job: Job) -> Job:
            return retried(job, now, self.settings, from_scratch=from_scratch)

        self.realtime.expect(stored.job)
        await self.store.put_active(self.service.active_row(again(stored.job)))
        job, updates = await commit_once(
            self.store,
            stored,
            Change(mutate=again, events=lambda job: [status_changed(job, "The job runs again.")]),
            clock=self.clock,
            commit_id=new_commit_id(),
        )
        self.realtime.publish(job, updates)
        return job

    async def fork(
        self,
        actor: Actor,
        job_id: str,
        fork: ForkRequest,
        *,
        submitter: str | None = None,
        traceparent: str | None = None,
    ) -> Job:
        """A new job that takes over the finished steps before ``fork.from_step``.

        The new job is accepted first, then takes over checkpoints, each with its step's record in one commit: a
        crash in between leaves a job that runs more steps itself. Raises :class:`RequestRefused` 404, 409 (its
        rows are gone), and :class:`InvalidRequest`.
        """
        source = (await self.service.owned(actor.tenant, job_id)).job
        now = self.clock.now()
        try:
            original = JobInput.from_bytes(await self.store.read_rows(job_id, INPUT_KEY, source.input_rows))
            plan = plan_fork(source, original, fork, now=now, languages=self.languages)
            checkpoints = await asyncio.gather(*(self._checkpoint(source, step) for step in plan.reused))
        except RowConflict as error:
            raise RequestRefused("the job's rows are gone", code="job_rows_gone", status=409) from error
        origin = Origin(tenant=actor.tenant, traceparent=traceparent, submitter=submitter)
        with enqueueing(self.service.queue_of(plan.request, origin), traceparent):
            new = self.service.new_job(plan.request, plan.workflow, origin)
            job_input = plan.input or self.service.new_input(plan.request, plan.workflow)
            job = await self.service.accept(replace(new, forked_from=source.job_id), job_input)
            job = await self._take_over(job, checkpoints)
            await asyncio.gather(
                self.index.add(job),
                self.audit.record(actor, Action.FORK, job.job_id, f"forked from {source.job_id}"),
                self.service.send(job),
            )
        return job

    async def _checkpoint(self, source: Job, step: StepRecord) -> Change:
        """The change that gives a new job this step of its source."""
        data = await self.store.read_rows(source.job_id, step_key(source.run, step.name), step.rows)
        rows = pack(step_key(1, step.name), data)
        return Change(mutate=lambda job: job.with_step(replace(step, rows=len(rows))), rows=tuple(rows))

    async def _take_over(self, job: Job, checkpoints: Sequence[Change]) -> Job:
        """Store the checkpoints. What cannot be stored now is left to the job: it runs those steps itself."""
        try:
            for changes in _batches(checkpoints):
                stored = await self.store.read_job(job.job_id)
                if stored is None or stored.job.status is not JobStatus.QUEUED:
                    return job
                job, _ = await commit_once(
                    self.store, stored, _joined(changes), clock=self.clock, commit_id=new_commit_id()
                )
        except (RowConflict, StorageUnavailable) as error:
            _log.warning("fork runs more itself", extra={"job_id": job.job_id, "reason": str(error)})
        return job

    async def delete(self, actor: Actor, job_id: str) -> None:
        """Remove a terminal job and all its rows.

        The job row is marked first and goes last, so that a deletion that was cut off can be repeated, and a
        retry cannot come in between. Raises :class:`RequestRefused` 404, or 409 for a job that is not through.
        """
        await self.store.prepare()
        while True:
            stored = await self.store.read_job(job_id)
            if stored is None or stored.job.tenant != actor.tenant:
                raise RequestRefused("there is no such job", code="job_not_found", status=404)
            if not stored.job.status.terminal:
                raise RequestRefused(
                    f"the job is {stored.job.status}; cancel it first", code="job_not_ended", status=409
                )
            try:
                await self.erase(stored)
            except RowConflict:
                continue  # retried or deleted meanwhile: look again
            await self.audit.record(actor, Action.DELETE, job_id)
            return

    async def erase(self, stored: StoredJob) -> None:
        """Remove the rows of a terminal job. Raises :class:`RowConflict` when it changed since it was read."""
        job = stored.job
        if not job.deleted_at:
            now = stamp(self.clock.now())
            mark = Change(mutate=lambda job: replace(job, deleted_at=now))
            await commit_once(self.store, stored, mark, clock=self.clock, commit_id=new_commit_id())
        await self.store.remove_active(job.tenant, job.job_id)
        await self.index.remove(job)
        await self.store.delete_rows(job.job_id)
        await EndedJobs(store=self.store).forget(job)  # last: by this row retention finds what was cut off

    async def _derive(self, *writes: Awaitable[object]) -> None:
        """Write rows that follow from the job row, which stands. What fails is mended by the job's epilogue."""
        for result in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(result, StorageUnavailable):
                _log.warning("derived rows are late", extra={"reason": str(result)})
            elif isinstance(result, BaseException):
                raise result


def _batches(changes: Sequence[Change]) -> list[list[Change]]:
    """Groups of changes that fit into one transaction each."""
    batches: list[list[Change]] = []
    size = rows = 0
    for change in changes:
        size, rows = size + change.size, rows + len(change.rows)
        if not batches or size > MAX_BATCH_BYTES or rows > MAX_BATCH_ROWS:
            batches.append([])
            size, rows = change.size, len(change.rows)
        batches[-1].append(change)
    return batches


def _joined(changes: Sequence[Change]) -> Change:
    def mutate(job: Job) -> Job:
        for change in changes:
            job = change.mutate(job)
        return job

    return Change(mutate=mutate, rows=tuple(row for change in changes for row in change.rows))
