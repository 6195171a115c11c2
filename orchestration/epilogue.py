"""What is owed after a job's terminal commit: listed and counted, watchers told where needed, the active row gone.

Idempotent and in a fixed order, the active row last: whoever finds a terminal job that still has an active row
runs it again.

A failed or cancelled job may be retried while an earlier epilogue of it still runs. The active row then carries a
later dispatch, or changes under the epilogue's hands, and is left alone: it belongs to the new run. A completed job
is final, so its row goes without a look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestration.errors import QueueUnavailable, RowConflict, StorageUnavailable
from orchestration.jobs import ActiveJob, Job, JobStatus
from orchestration.management.job_index import JobIndex
from orchestration.management.job_statistics import EndedJobs
from orchestration.ports import JobStore
from orchestration.realtime import RealtimeUpdatesService
from orchestration.telemetry.counts import ended
from orchestration.webhooks.dispatch import CallbackDispatcher

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epilogue:
    """Finishes terminal jobs."""

    store: JobStore
    realtime: RealtimeUpdatesService
    callbacks: CallbackDispatcher

    async def run(self, job: Job) -> None:
        """After a terminal commit by this process, whose events are already on their way.

        Storage or a queue that is down now changes nothing about the outcome: the active row stays, the sweeper
        repairs.
        """
        ended(job)
        await self._unless_down(job, self._complete if job.status is JobStatus.COMPLETED else self._finish)

    async def finish(self, job: Job) -> None:
        """For a job that was found terminal: nothing, unless something is still owed. As patient as ``run``."""
        await self._unless_down(job, self._finish)

    async def repair(self, job: Job, row: ActiveJob) -> None:
        """For a job that the sweep found terminal with its active row: the committer died in between.

        The terminal event is published again; watchers drop what they have seen by its sequence. Raises
        :class:`RowConflict` when the active row changed: the job is somebody's; and :class:`StorageUnavailable`,
        :class:`QueueUnavailable`: the row stays due.
        """
        if not job.deleted_at:
            await asyncio.gather(
                JobIndex(store=self.store).finish(job), EndedJobs(store=self.store).record_late(job)
            )
            await self.callbacks.send_owed(job)
            last = await self.store.read_events(job.job_id, after=job.sequence - 1, limit=1)
            self.realtime.publish(job, last)
        await self.store.remove_active(job.tenant, job.job_id, etag=row.etag)

    async def _unless_down(self, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
        try:
            await work(job)
        except (StorageUnavailable, QueueUnavailable) as error:
            _log.warning("epilogue left to the sweeper", extra={"job_id": job.job_id, "reason": str(error)})

    async def _complete(self, job: Job) -> None:
        await self._record(job)
        await self.callbacks.send_owed(job)
        await self.store.remove_active(job.tenant, job.job_id)

    async def _finish(self, job: Job) -> None:
        row = await self.store.read_active(job.tenant, job.job_id)
        if row is None or row.dispatch > job.dispatch:
            return
        await self._record(job)
        await self.callbacks.send_owed(job)
        try:
            await self.store.remove_active(job.tenant, job.job_id, etag=row.etag)
        except RowConflict:
            _log.info("active row changed meanwhile", extra={"job_id": job.job_id})

    async def _record(self, job: Job) -> None:
        await asyncio.gather(JobIndex(store=self.store).finish(job), EndedJobs(store=self.store).record(job))
