"""RetentionService: removes jobs whose time is over, a bounded number in one run.

Every ended job has a statistics row in the partition of its hour, so the oldest partitions name the jobs to look at;
no further index is needed. The job row decides: a job that ran again later, or is kept longer, stays.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from orchestration.errors import RowConflict
from orchestration.job_management import JobManagementService
from orchestration.jobs import moment
from orchestration.management.job_statistics import ENDED, STATS, hour_of
from orchestration.ports import Clock, JobStore
from orchestration.settings import Settings
from orchestration.step_cache import StepCache

MAX_LOOKED = 1000
MAX_DELETED = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionService:
    """Cleans up after ``RETENTION_DAYS``."""

    store: JobStore
    management: JobManagementService
    clock: Clock
    settings: Settings

    async def clean(self) -> int:
        """Remove expired jobs and return how many, and what the step cache has outlived.

        Raises :class:`StorageUnavailable`; the next run goes on.
        """
        await StepCache(store=self.store, clock=self.clock).clean()
        cutoff = hour_of(self.clock.now() - timedelta(days=self.settings.retention_days))
        rows = self.store.table(STATS)
        deleted = 0
        for partition, key in await rows.partitions(first=ENDED, before=f"{ENDED}{cutoff}", limit=MAX_LOOKED):
            if deleted == MAX_DELETED:
                break
            if await self._clean(partition, key):
                deleted += 1
        if deleted:
            _log.info("expired jobs deleted", extra={"jobs": deleted})
        return deleted

    async def _clean(self, partition: str, key: str) -> bool:
        stored = await self.store.read_job(key.rpartition("|")[2])
        job = stored.job if stored else None
        if stored is None or job is None or f"{ENDED}{(job.completed_at or '')[:13]}" != partition:
            await self.store.table(STATS).delete(partition, key)  # of a deleted job, or of an earlier run
            return False
        if not job.deleted_at and moment(job.expires_at) > self.clock.now():
            return False
        try:
            await self.management.erase(stored)
        except RowConflict:
            return False  # retried just now
        return True
