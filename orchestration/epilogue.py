"""What is owed after a job's terminal commit: watchers told again where needed, the active row gone.

Idempotent and in a fixed order, the active row last: whoever finds a terminal job that still has an active row
runs it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from orchestration.errors import StorageUnavailable
from orchestration.jobs import Job
from orchestration.ports import JobStore
from orchestration.realtime import RealtimeUpdatesService

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epilogue:
    """Finishes terminal jobs."""

    store: JobStore
    realtime: RealtimeUpdatesService

    async def run(self, job: Job) -> None:
        """After a terminal commit by this process, whose events are already on their way.

        Storage that is down now changes nothing about the outcome: the active row stays, the sweeper repairs.
        """
        try:
            await self.store.remove_active(job.tenant, job.job_id)
        except StorageUnavailable as error:
            _log.warning("epilogue left to the sweeper", extra={"job_id": job.job_id, "reason": str(error)})

    async def repair(self, job: Job) -> None:
        """For a job that was found terminal with its active row: the committer died in between.

        The terminal event is published again; watchers drop what they have seen by its sequence.
        Raises :class:`StorageUnavailable`.
        """
        last = await self.store.read_events(job.job_id, after=job.sequence - 1, limit=1)
        self.realtime.publish(job, last)
        await self.store.remove_active(job.tenant, job.job_id)
