"""The ports: what the services need from the outside.

Each has an Azure adapter and an in-memory twin, and one contract suite runs both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from orchestration.checkpoints import Row
from orchestration.events import JobUpdate
from orchestration.jobs import ActiveJob, Job, RowValue, StoredJob


class Clock(Protocol):
    """Time and chance, so that tests own both."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def chance(self) -> float:
        """Uniform in [0, 1), for jitter."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One atomic write to a job's partition: the job row (if unchanged since ``etag``) and other rows."""

    job: Job
    etag: str
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedRow:
    """A row as it was read, with the ETag that lets it be replaced."""

    row: Row
    etag: str


class RowTable(Protocol):
    """A table of small rows, found by partition and a range of sorted keys.

    All methods raise :class:`StorageUnavailable` when the service does not answer. Keys and partitions are made
    by us; :func:`orchestration.ids.key_part` turns foreign text into one.
    """

    async def insert(self, partition: str, rows: Sequence[Row]) -> None:
        """Create all rows or none. Raises RowExists when one is there."""
        ...

    async def put(self, partition: str, rows: Sequence[Row]) -> None:
        """Create or replace all rows or none."""
        ...

    async def replace(self, partition: str, row: Row, *, etag: str, also: Sequence[Row] = ()) -> None:
        """Replace the row if it is unchanged, and put the others with it. Raises RowConflict when it is not."""
        ...

    async def delete(self, partition: str, key: str) -> None:
        """Delete; gone is as good."""
        ...

    async def read(self, partition: str, key: str) -> Row | None:
        """One row, or None."""
        ...

    async def read_tagged(self, partition: str, key: str) -> TaggedRow | None:
        """One row with its ETag, or None."""
        ...

    async def between(self, partition: str, *, after: str, before: str, limit: int) -> list[Row]:
        """Rows with ``after < key < before``, in key order, at most ``limit``."""
        ...

    async def partitions(self, *, first: str, before: str, limit: int) -> list[tuple[str, str]]:
        """Partition and key of rows with ``first <= partition < before``, in order, at most ``limit``."""
        ...


class JobStore(Protocol):
    """Rows of jobs. All methods raise :class:`StorageUnavailable` when the service does not answer."""

    async def prepare(self) -> None:
        """Make sure that the tables exist; cheap once they do. Every entry point awaits it first."""
        ...

    async def insert_job(self, job: Job, rows: Sequence[Row]) -> str:
        """Create the job row with its first rows, atomically. Returns the ETag. Raises RowExists."""
        ...

    async def read_job(self, job_id: str) -> StoredJob | None:
        """The job row, or None."""
        ...

    async def commit(self, commit: Commit) -> str:
        """Write atomically. Returns the new ETag. Raises RowConflict when the job row changed or is gone."""
        ...

    async def request_cancel(self, job_id: str, at: str) -> bool:
        """Merge ``cancelRequestedAt`` into the row, whatever its ETag. False when there is no such job."""
        ...

    async def read_rows(self, job_id: str, prefix: str, rows: int) -> bytes:
        """What was packed under this prefix. Raises RowConflict when a row is missing."""
        ...

    async def read_events(self, job_id: str, *, after: int, limit: int) -> list[JobUpdate]:
        """Durable events with a sequence above ``after``, in order."""
        ...

    async def delete_rows(self, job_id: str) -> None:
        """Remove every row of the job's partition, the job row last."""
        ...

    async def put_active(self, row: ActiveJob) -> None:
        """Create or replace the active row."""
        ...

    async def move_active(self, row: ActiveJob) -> str:
        """Replace the active row if it is unchanged. Returns the new ETag. Raises RowConflict."""
        ...

    async def read_active(self, tenant: str, job_id: str) -> ActiveJob | None:
        """The active row, or None."""
        ...

    async def remove_active(self, tenant: str, job_id: str, *, etag: str | None = None) -> None:
        """Delete the active row; no error when it is gone. Raises RowConflict when it is not at ``etag``."""
        ...

    async def active_of(self, tenant: str, *, limit: int) -> list[ActiveJob]:
        """Active rows of a tenant."""
        ...

    async def due_active(self, now: str, *, limit: int) -> list[ActiveJob]:
        """Active rows whose ``check_at`` is not after ``now``, most overdue first as far as storage orders."""
        ...

    async def active_owned_by(self, instance_id: str) -> list[ActiveJob]:
        """Active rows whose owner is a process of this instance."""
        ...

    def table(self, name: str) -> RowTable:
        """A table as rows, by name: ``jobs`` itself, or one of those for derived and other small rows.

        Rows of ``jobs`` lie in the partition of their job; the job row is for the methods above alone.
        """
        ...

    async def audit(self, partition: str, key: str, values: dict[str, RowValue]) -> bool:
        """Append an audit row. False when that very row exists (one poison message, one row)."""
        ...

    async def read_audit(self, partition: str, key: str) -> Mapping[str, RowValue] | None:
        """What :meth:`audit` wrote under this key, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message to send. ``not_before`` makes it a scheduled one."""

    queue: str
    message_id: str
    body: str
    properties: dict[str, str | int] = field(default_factory=dict)
    not_before: datetime | None = None


class MessageQueue(Protocol):
    """Sends messages. A message id that is sent again within the duplicate window is dropped silently."""

    async def send(self, message: OutgoingMessage) -> None:
        """Hand the message over. Raises :class:`QueueUnavailable`."""
        ...


class RealtimePublisher(Protocol):
    """Web PubSub as far as this app uses it. All methods raise :class:`DependencyUnavailable`."""

    async def publish(self, group: str, message: str) -> None:
        """Send one JSON message to a group."""
        ...

    async def client_url(self, *, user_id: str, group: str, minutes: int) -> str:
        """A socket URL with a receive-only token that is in the group from the start."""
        ...

    async def join(self, connection_id: str, group: str) -> bool:
        """Put a connection into a group; once is as good as twice. False when there is no such connection."""
        ...

    async def leave(self, connection_id: str, group: str) -> None:
        """Take a connection out of a group; it need not be in."""
        ...

    async def exists(self, connection_id: str) -> bool:
        """Whether the connection is open, or may still be recovered by its client."""
        ...


class TokenVerifier(Protocol):
    """Checks access tokens of the identity provider (JSON Web Tokens, RFC 7519)."""

    async def verify(self, token: str, *, audience: str) -> Mapping[str, Any]:
        """The claims of a token that is genuine, current, for ``audience`` and of a directory that we serve.

        ``api://<id>`` and ``<id>`` are one audience: the two versions of Entra's tokens differ in this. Raises
        :class:`TokenRefused` for any other token, :class:`IdentityUnavailable` when that cannot be told now.
        """
        ...
