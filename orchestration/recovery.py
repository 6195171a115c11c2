"""RecoverySweeper: finds jobs that nobody works on and wakes somebody up.

Correct with none, one or many sweepers at a time: each takes an active row by its ETag before it sends, and what it
sends is a wake-up that only the job row gives meaning to. It never runs a job itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from orchestration.commits import Change, commit_once
from orchestration.epilogue import Epilogue
from orchestration.errors import QueueUnavailable, RowConflict
from orchestration.ids import new_commit_id
from orchestration.jobs import ActiveJob, Job, JobStatus, StoredJob, moment, stamp
from orchestration.messages import job_message
from orchestration.ports import Clock, JobStore, MessageQueue

MAX_SENDS = 200
SILENT_SECONDS = 60.0
MAX_SILENT_SECONDS = 1800.0
ORPHAN_SECONDS = 60.0
_SAME_DISPATCH_SENDS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What one sweep did."""

    looked: int = 0
    sent: int = 0
    finished: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySweeper:
    """Looks at active rows that are due. ``is_alive`` tells whether an owner of this instance still runs."""

    store: JobStore
    queue: MessageQueue
    epilogue: Epilogue
    clock: Clock
    instance_id: str
    is_alive: Callable[[str], bool]

    async def sweep(self) -> SweepReport:
        """Look at every due row once.

        Raises :class:`StorageUnavailable`; a queue that refuses ends the sweep, the rows stay due.
        """
        await self.store.prepare()
        now = stamp(self.clock.now())
        rows = await self.store.due_active(now, limit=MAX_SENDS)
        report = SweepReport(looked=len(rows))
        for row in rows:
            try:
                report = await self._look(row, report)
            except RowConflict:
                continue  # another sweeper or a worker was faster: the row is theirs
            except QueueUnavailable as error:
                _log.warning("sweep ends: queue is down", extra={"reason": str(error)})
                break
        return report

    async def expire_predecessor(self) -> int:
        """Free the jobs of dead processes of this very instance, without waiting for their leases.

        Returns how many were freed. Called once at start.
        """
        await self.store.prepare()
        freed = 0
        for row in await self.store.active_owned_by(self.instance_id):
            if self.is_alive(row.owner):
                continue
            stored = await self.store.read_job(row.job_id)
            if stored is None or stored.job.lease_owner != row.owner or stored.job.status.terminal:
                continue
            try:
                await self._dispatch(row, stored)
            except (RowConflict, QueueUnavailable) as error:
                _log.info("left to the sweep", extra={"job_id": row.job_id, "reason": str(error)})
            else:
                freed += 1
        return freed

    async def _look(self, row: ActiveJob, report: SweepReport) -> SweepReport:
        stored = await self.store.read_job(row.job_id)
        if stored is None or stored.job.tenant != row.tenant:
            return await self._orphan(row, report)
        job = stored.job
        if job.status.terminal:
            await self.epilogue.repair(job, row)
            return replace(report, finished=report.finished + 1)
        if stored.leased:
            left = (stored.lease_end - stored.read_at).total_seconds()
            await self._move(row, max(left, 1.0))
            return report
        if job.status is JobStatus.QUEUED and self._waits(job):
            await self._move(row, (moment(job.next_attempt_at or "") - self.clock.now()).total_seconds() + 5)
            return report
        if job.status is JobStatus.PROCESSING or row.sends >= _SAME_DISPATCH_SENDS:
            await self._dispatch(row, stored)
        else:
            await self._send(row, job)
        return replace(report, sent=report.sent + 1)

    async def _orphan(self, row: ActiveJob, report: SweepReport) -> SweepReport:
        """An active row without a job: the submission was refused or died before its job was accepted, or is on its way."""
        if (self.clock.now() - moment(row.created_at)).total_seconds() < ORPHAN_SECONDS:
            return report
        await self.store.remove_active(row.tenant, row.job_id)
        return replace(report, finished=report.finished + 1)

    def _waits(self, job: Job) -> bool:
        return job.next_attempt_at is not None and moment(job.next_attempt_at) > self.clock.now()

    async def _dispatch(self, row: ActiveJob, stored: StoredJob) -> None:
        """Make the job runnable again under a new message id. A dead worker's lease ends with it."""

        def mutate(job: Job) -> Job:
            return replace(job, dispatch=job.dispatch + 1, lease_owner=None)

        job, _ = await commit_once(
            self.store, stored, Change(mutate=mutate), clock=self.clock, commit_id=new_commit_id()
        )
        await self._send(row, job)

    async def _send(self, row: ActiveJob, job: Job) -> None:
        """Take the row first, then send: at most one sweeper sends for it."""
        await self._move(replace(row, sends=row.sends + 1), self._patience(row))
        await self.queue.send(job_message(job))
        _log.info("woken up", extra={"job_id": job.job_id, "dispatch": job.dispatch})

    def _patience(self, row: ActiveJob) -> float:
        """Seconds until the next look: doubling, so that a backlog causes no storm."""
        return float(min(SILENT_SECONDS * 2**row.sends, MAX_SILENT_SECONDS))

    async def _move(self, row: ActiveJob, seconds: float) -> None:
        check_at = stamp(self.clock.now() + timedelta(seconds=seconds))
        await self.store.move_active(replace(row, check_at=check_at))
