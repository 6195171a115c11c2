"""What is owed after a job's terminal commit: watchers told again where needed, the active row gone.

Idempotent and in a fixed order, the active row last: whoever finds a terminal job that still has an active row
runs it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.jobs import Job
from orchestration.ports import JobStore
from orchestration.realtime import RealtimeUpdatesService


@dataclass(frozen=True, slots=True, kw_only=True)
class Epilogue:
    """Finishes terminal jobs."""

    store: JobStore
    realtime: RealtimeUpdatesService

    async def run(self, job: Job) -> None:
        """After a terminal commit by this process, whose events are already on their way."""
        await self.store.remove_active(job.tenant, job.job_id)

    async def repair(self, job: Job) -> None:
        """For a job that was found terminal with its active row: the committer died in between.

        The terminal event is published again; watchers drop what they have seen by its sequence.
        """
        last = await self.store.read_events(job.job_id, after=job.sequence - 1, limit=1)
        self.realtime.publish(job, last)
        await self.run(job)
