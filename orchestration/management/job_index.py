"""The job index: where listings find jobs, newest first.

A tenant's rows lie in one partition, so that everything that is written about a job at one moment is one
transaction. The kind of a listing is the beginning of the key: ``all``, ``user|<user>`` and ``status|<terminal
status>``; then comes the time of creation, counted down, so that storage order is newest first. Keys take
``createdAt``, never the id's own time, since ids may be a caller's.

The index is derived: the row of a job that runs shows how it was at submission (readers look at the job row), and
the epilogue writes every row of the job anew, also those that a crash left out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from orchestration.checkpoints import Row
from orchestration.errors import RowExists, StorageUnavailable
from orchestration.ids import key_part
from orchestration.jobs import Job, JobStatus, RowValue, moment
from orchestration.ports import JobStore, RowTable

INDEX = "jobindex"
ALL = "all|"
_LAST_MILLISECOND = 9_999_999_999_999
TERMINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """What listings show of a job, and what they filter by."""

    job_id: str
    type: str
    topic: str
    status: JobStatus
    priority: str
    workflow_type: str
    created_at: str
    expires_at: str
    started_at: str | None = None
    completed_at: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    tags: tuple[str, ...] = ()
    error_code: str | None = None

    @classmethod
    def of(cls, job: Job) -> JobSummary:
        """The summary of a job row."""
        return cls(
            job_id=job.job_id,
            type=job.type,
            topic=job.topic,
            status=job.status,
            priority=job.priority.value,
            workflow_type=job.workflow_type,
            created_at=job.created_at,
            expires_at=job.expires_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            user_id=job.user_id,
            project_id=job.project_id,
            tags=job.tags,
            error_code=job.error.code if job.error else None,
        )

    @property
    def position(self) -> str:
        """Where the job stands in a listing: sorts newest first, equal times by id."""
        return position(self.created_at, self.job_id)

    def to_values(self) -> dict[str, RowValue]:
        """Columns of an index row."""
        values: dict[str, RowValue] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value not in (None, ()):
                values[item.name] = json.dumps(value) if isinstance(value, tuple) else str(value)
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> JobSummary:
        """The summary of an index row; unknown columns are ignored, so that a newer row still reads."""
        found = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        found["tags"] = tuple(json.loads(found.get("tags", "[]")))
        return cls(**{**found, "status": JobStatus(found["status"])})


def position(created_at: str, job_id: str = "") -> str:
    """The sortable part of a key: milliseconds counted down from the end of the 13-digit range, then the id."""
    milliseconds = round(moment(created_at).timestamp() * 1000)
    return f"{_LAST_MILLISECOND - milliseconds:013d}-{job_id}"


def user_prefix(user_id: str) -> str:
    """Keys of a user's jobs begin so."""
    return f"user|{key_part(user_id)}|"


def status_prefix(status: JobStatus) -> str:
    """Keys of the jobs that ended so begin so."""
    return f"status|{status.value}|"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIndex:
    """Keeps the index rows of jobs in step with the job rows."""

    store: JobStore

    @property
    def table(self) -> RowTable:
        """The rows themselves, for readers."""
        return self.store.table(INDEX)

    async def add(self, job: Job) -> None:
        """List a new job.

        Inserts, never replaces: if the rows exist, the job's epilogue was faster and has the final word. Never
        raises for storage that does not answer: the job is accepted already, and its epilogue lists it.
        """
        try:
            await self.table.insert(key_part(job.tenant), _rows(job))
        except RowExists:
            return
        except StorageUnavailable as error:
            _log.warning("listed when it ends", extra={"job_id": job.job_id, "reason": str(error)})

    async def requeue(self, job: Job) -> None:
        """The job runs again: it is listed as queued, and under no terminal status."""
        await self.table.put(key_part(job.tenant), _rows(job))
        await self._unlist(job, TERMINAL)

    async def finish(self, job: Job) -> None:
        """List a job that has ended under its status, with its final values."""
        await self.table.put(key_part(job.tenant), _rows(job))
        if job.retries:
            await self._unlist(job, [status for status in TERMINAL if status is not job.status])

    async def remove(self, job: Job) -> None:
        """Forget the job."""
        partition, place = key_part(job.tenant), position(job.created_at, job.job_id)
        keys = [f"{ALL}{place}", *(f"{status_prefix(status)}{place}" for status in TERMINAL)]
        if job.user_id:
            keys.append(f"{user_prefix(job.user_id)}{place}")
        await asyncio.gather(*(self.table.delete(partition, key) for key in keys))

    async def _unlist(self, job: Job, statuses: tuple[JobStatus, ...] | list[JobStatus]) -> None:
        partition, place = key_part(job.tenant), position(job.created_at, job.job_id)
        keys = [f"{status_prefix(status)}{place}" for status in statuses]
        await asyncio.gather(*(self.table.delete(partition, key) for key in keys))


def _rows(job: Job) -> list[Row]:
    summary = JobSummary.of(job)
    values = summary.to_values()
    prefixes = [ALL]
    if job.user_id:
        prefixes.append(user_prefix(job.user_id))
    if job.status.terminal:
        prefixes.append(status_prefix(job.status))
    return [Row(key=f"{prefix}{summary.position}", values=values) for prefix in prefixes]
