"""Jobs as values: what a job is, which moves it may make, how it is a table row.

Every move is a pure function from one job to the next, so that each can be tested without storage; nobody
changes a job in any other way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

RowValue = str | int | bool | float | bytes

MAX_WARNINGS = 40
MAX_TEXT = 300
"""Characters of a message or warning in the job row, whose properties Table Storage limits to 32 Ki characters."""


class JobStatus(StrEnum):
    """Where a job stands. ``terminal`` statuses are final unless the job is retried by its owner."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True when no delivery may run the job any more."""
        return self not in (JobStatus.QUEUED, JobStatus.PROCESSING)


TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.PROCESSING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset(
        {
            JobStatus.PROCESSING,
            JobStatus.QUEUED,
            JobStatus.COMPLETED,
            JobStatus.FAILED,
            JobStatus.CANCELLED,
        }
    ),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}
"""The one table of moves; a property test walks it."""


class StepStatus(StrEnum):
    """Where a step stands within the current run."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def through(self) -> bool:
        """True when the step is done with: its artifact is stored, or the job goes on without it."""
        return self in (StepStatus.COMPLETED, StepStatus.SKIPPED)


class Priority(StrEnum):
    """How urgent a job is; each value maps to one of three queues."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def queue(self) -> str:
        """The queue that carries jobs of this priority."""
        if self in (Priority.HIGH, Priority.URGENT):
            return "content-jobs-high"
        return "content-jobs-low" if self is Priority.LOW else "content-jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What the job row keeps of a step.

    ``rows`` is the number of checkpoint rows (0 = no checkpoint); ``cached`` says that its artifact was not made for
    this job but taken from the step cache.
    """

    name: str
    layer: str
    service: str
    status: StepStatus = StepStatus.PENDING
    started_at: str | None = None
    ended_at: str | None = None
    attempt: int = 0
    duration_ms: int = 0
    rows: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed, as callers see it."""

    code: str
    message: str
    step: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job row. Times are RFC 3339 UTC strings, as they are stored and shown.

    ``queued_at`` is when waiting began where that is not ``created_at`` (a retry, a scheduled job); ``deleted_at``
    marks a job whose rows are being removed: it is gone for everybody but the one who removes it.

    ``callback_events`` are those that its caller asked for; none means the last one. ``workflow_id`` and
    ``workflow_version`` name a custom workflow.

    ``submitter`` is the digest of the identity that submitted it; a producer's message has none.

    ``run`` rises when a job starts over, ``dispatch`` with every write that makes it runnable again,
    ``lease_epoch`` with every claim; ``last_commit_id`` tells a lost answer from a lost request. ``open_spans``
    names the spans of the running attempt, for whoever takes it over from a dead worker.
    """

    job_id: str
    tenant: str
    type: str
    topic: str
    status: JobStatus
    priority: Priority
    queue: str
    workflow_type: str
    created_at: str
    updated_at: str
    fingerprint: str
    max_attempts: int
    timeout_seconds: float
    expires_at: str
    estimated_seconds: float
    run: int = 1
    dispatch: int = 1
    attempt: int = 0
    sequence: int = 0
    lease_owner: str | None = None
    lease_epoch: int = 0
    lease_seconds: float = 30.0
    last_commit_id: str | None = None
    claims_without_progress: int = 0
    next_attempt_at: str | None = None
    cancel_requested_at: str | None = None
    queued_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    deleted_at: str | None = None
    retries: int = 0
    forked_from: str | None = None
    latched_message: str | None = None
    dead_lettered: bool = False
    result_rows: int = 0
    input_rows: int = 1
    submitter: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    tags: tuple[str, ...] = ()
    traceparent: str | None = None
    callback_url: str | None = None
    callback_events: tuple[str, ...] = ()
    workflow_id: str | None = None
    workflow_version: int | None = None
    error: JobError | None = None
    steps: tuple[StepRecord, ...] = ()
    warnings: tuple[dict[str, str], ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    open_spans: str | None = None

    @property
    def message_id(self) -> str:
        """The Service Bus message id of the current dispatch; the broker drops a repeated one."""
        return f"{self.job_id}:{self.dispatch}"

    @property
    def percentage(self) -> int:
        """Share of steps that are through, 0..100; 100 only when completed."""
        if self.status is JobStatus.COMPLETED:
            return 100
        through = sum(s.status in (StepStatus.COMPLETED, StepStatus.SKIPPED) for s in self.steps)
        return min(99, round(100 * through / len(self.steps))) if self.steps else 0

    def step(self, name: str) -> StepRecord:
        """The record of this step. Raises KeyError."""
        for record in self.steps:
            if record.name == name:
                return record
        raise KeyError(name)

    def move(self, status: JobStatus, now: datetime, **changes: Any) -> Job:
        """Go to another status. Raises ValueError for a move that the table does not allow."""
        if status not in TRANSITIONS[self.status]:
            raise ValueError(f"a {self.status} job cannot become {status}")
        return replace(self, status=status, updated_at=stamp(now), **changes)

    def with_step(self, record: StepRecord, **changes: Any) -> Job:
        """The same job with this step's record replaced, and what else changes with it."""
        steps = tuple(record if s.name == record.name else s for s in self.steps)
        return replace(self, steps=steps, **changes)

    def to_row(self) -> dict[str, RowValue]:
        """Properties of the table row: flat, absent values left out, structures as JSON."""
        row: dict[str, RowValue] = {}
        for name, column in _COLUMNS.items():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            row[column] = _json(value) if isinstance(value, (tuple, JobError)) else value
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Job:
        """The job of a table row. Unknown columns are ignored, so that a newer row still reads."""
        values: dict[str, Any] = {}
        for name, column in _COLUMNS.items():
            if (value := row.get(column)) is not None:
                values[name] = _DECODERS.get(name, _same)(value)
        return cls(**values)


def limited_warnings(warnings: Sequence[dict[str, str]]) -> tuple[dict[str, str], ...]:
    """As many warnings as the job row can hold, the first ones; a result carries all of its own."""
    return tuple({name: text[:MAX_TEXT] for name, text in w.items()} for w in warnings[:MAX_WARNINGS])


def _same(value: Any) -> Any:
    return value


_DECODERS: dict[str, Any] = {
    "status": JobStatus,
    "priority": Priority,
    "tags": lambda v: tuple(json.loads(v)),
    "callback_events": lambda v: tuple(json.loads(v)),
    "error": lambda v: JobError(**json.loads(v)),
    "warnings": lambda v: tuple(json.loads(v)),
    "steps": lambda v: tuple(StepRecord(**{**s, "status": StepStatus(s["status"])}) for s in json.loads(v)),
    "timeout_seconds": float,
    "lease_seconds": float,
    "estimated_seconds": float,
    "cost": float,
}


def _plain(value: StepRecord | JobError) -> dict[str, object]:
    """Shallow, where ``asdict`` would copy deeply: rows are built on the hottest path there is."""
    return {name: getattr(value, name) for name in value.__slots__}


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain).encode
"""Made once: ``json.dumps`` with options makes an encoder at every call."""


def _column(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


_COLUMNS = {item.name: _column(item.name) for item in fields(Job)}


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as everywhere on the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: str) -> datetime:
    """The time of a stamp."""
    return datetime.fromisoformat(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job with what storage says of its row: ETag, server time of the last write and of this read.

    Both times come from the storage service, so that no local clock decides whether a lease is live. ``given`` is the
    job's input (:class:`JobInput` in bytes) where it is at hand.
    """

    job: Job
    etag: str
    modified: datetime
    read_at: datetime
    given: bytes | None = None

    @property
    def lease_end(self) -> datetime:
        """When the lease runs out, by the storage service's clock."""
        return self.modified + timedelta(seconds=self.job.lease_seconds)

    @property
    def leased(self) -> bool:
        """True while the owner may be alive."""
        return self.job.lease_owner is not None and self.read_at < self.lease_end


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveJob:
    """A row of ``activejobs``: this job is not finished; look at it again at ``check_at``.

    ``dispatch`` is the job's when the row was put: an epilogue of an earlier dispatch leaves the row alone.
    """

    job_id: str
    tenant: str
    priority: str
    check_at: str
    owner: str = ""
    sends: int = 0
    dispatch: int = 1
    created_at: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """What a job runs on: the brief and the workflow as they were at submission."""

    brief: dict[str, Any]
    workflow: dict[str, Any]
    request: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        whole = {"brief": self.brief, "workflow": self.workflow, "request": self.request}
        return json.dumps(whole, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> JobInput:
        """The input of its JSON."""
        return cls(**json.loads(data))
