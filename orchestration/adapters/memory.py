"""In-memory twins of the ports: the same contract as the Azure adapters, proven by the same suite.

Used by unit tests and by whoever wants to try the services without a single socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice

from orchestration.adapters.memory_rows import Entry, MemoryRows, Partitions
from orchestration.checkpoints import JOB_KEY, Row, event_key, row_keys, unpack
from orchestration.errors import RowConflict, RowExists
from orchestration.event_log import updates_of
from orchestration.events import JobUpdate
from orchestration.jobs import ActiveJob, Job, RowValue, StoredJob
from orchestration.ports import Clock, Commit, OutgoingMessage


class MemoryJobStore:
    """Tables as dictionaries. Times of the "server" come from the injected clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: Partitions = {}
        self._active: dict[tuple[str, str], ActiveJob] = {}
        self.audits: dict[tuple[str, str], dict[str, RowValue]] = {}
        self._tables = {"jobs": MemoryRows(self._rows, self._entry)}
        self._etags = count(1)

    async def prepare(self) -> None:
        """Dictionaries need no preparation."""

    async def insert_job(self, job: Job, rows: Sequence[Row]) -> str:
        """Create the partition."""
        if JOB_KEY in self._rows.get(job.job_id, {}):
            raise RowExists("the row exists")
        return self._write(job, rows)

    async def read_job(self, job_id: str) -> StoredJob | None:
        """The job row."""
        entry = self._rows.get(job_id, {}).get(JOB_KEY)
        if entry is None:
            return None
        now = self._clock.now()
        modified = now.fromtimestamp(entry.modified, now.tzinfo)
        return StoredJob(job=Job.from_row(entry.values), etag=entry.etag, modified=modified, read_at=now)

    async def commit(self, commit: Commit) -> str:
        """Write if unchanged."""
        entry = self._rows.get(commit.job.job_id, {}).get(JOB_KEY)
        if entry is None or entry.etag != commit.etag:
            raise RowConflict("the row changed since it was read, or is gone")
        return self._write(commit.job, commit.rows)

    async def request_cancel(self, job_id: str, at: str) -> bool:
        """Merge one property."""
        entry = self._rows.get(job_id, {}).get(JOB_KEY)
        if entry is None:
            return False
        entry.values["cancelRequestedAt"] = at
        entry.etag, entry.modified = self._etag(), self._clock.now().timestamp()
        return True

    async def read_rows(self, job_id: str, prefix: str, rows: int) -> bytes:
        """Unpack known keys."""
        partition = self._rows.get(job_id, {})
        missing = [key for key in row_keys(prefix, rows) if key not in partition]
        if missing:
            raise RowConflict(f"{missing[0]} is gone")
        return unpack([partition[key].values for key in row_keys(prefix, rows)])

    async def read_events(self, job_id: str, *, after: int, limit: int) -> list[JobUpdate]:
        """Events in order."""
        partition = self._rows.get(job_id, {})
        keys = sorted(key for key in partition if event_key(after) < key < "event}")
        updates = (update for key in keys for update in updates_of(partition[key].values, after=after))
        return list(islice(updates, limit))

    async def delete_rows(self, job_id: str) -> None:
        """Drop the partition."""
        self._rows.pop(job_id, None)

    async def put_active(self, row: ActiveJob) -> None:
        """Create or replace."""
        self._active[row.tenant, row.job_id] = replace(row, etag=self._etag())

    async def move_active(self, row: ActiveJob) -> str:
        """Replace if unchanged."""
        current = self._active.get((row.tenant, row.job_id))
        if current is None or current.etag != row.etag:
            raise RowConflict("the row changed since it was read, or is gone")
        await self.put_active(row)
        return self._active[row.tenant, row.job_id].etag

    async def read_active(self, tenant: str, job_id: str) -> ActiveJob | None:
        """The row, or None."""
        return self._active.get((tenant, job_id))

    async def remove_active(self, tenant: str, job_id: str, *, etag: str | None = None) -> None:
        """Delete; gone is as good."""
        current = self._active.get((tenant, job_id))
        if current is not None and etag not in (None, current.etag):
            raise RowConflict("the row changed since it was read")
        self._active.pop((tenant, job_id), None)

    async def active_of(self, tenant: str, *, limit: int) -> list[ActiveJob]:
        """Rows of a tenant."""
        return [row for row in self._active.values() if row.tenant == tenant][:limit]

    def table(self, name: str) -> MemoryRows:
        """Derived rows."""
        return self._tables.setdefault(name, MemoryRows())

    async def due_active(self, now: str, *, limit: int) -> list[ActiveJob]:
        """Rows that are due."""
        return [row for row in self._active.values() if row.check_at <= now][:limit]

    async def active_owned_by(self, instance_id: str) -> list[ActiveJob]:
        """Rows of one instance."""
        return [row for row in self._active.values() if row.owner.startswith(f"{instance_id}/")]

    async def audit(self, partition: str, key: str, values: dict[str, RowValue]) -> bool:
        """Insert once."""
        if (partition, key) in self.audits:
            return False
        self.audits[partition, key] = dict(values)
        return True

    async def read_audit(self, partition: str, key: str) -> Mapping[str, RowValue] | None:
        """What was written."""
        return self.audits.get((partition, key))

    def keys(self, job_id: str) -> list[str]:
        """Row keys of a job's partition, sorted."""
        return sorted(self._rows.get(job_id, {}))

    def active(self) -> list[ActiveJob]:
        """All active rows."""
        return list(self._active.values())

    def _write(self, job: Job, rows: Sequence[Row]) -> str:
        partition = self._rows.setdefault(job.job_id, {})
        for row in (Row(key=JOB_KEY, values=job.to_row()), *rows):
            partition[row.key] = self._entry(row)
        return partition[JOB_KEY].etag

    def _entry(self, row: Row) -> Entry:
        return Entry(dict(row.values), self._etag(), self._clock.now().timestamp())

    def _etag(self) -> str:
        return f'W/"{next(self._etags)}"'


@dataclass
class MemoryQueue:
    """Keeps what was sent; a repeated message id is dropped, as the broker does within its window."""

    sent: list[OutgoingMessage] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    async def send(self, message: OutgoingMessage) -> None:
        """Accept the message once."""
        if (message.queue, message.message_id) not in self._seen:
            self._seen.add((message.queue, message.message_id))
            self.sent.append(message)

    def take(self) -> OutgoingMessage | None:
        """The oldest message, or None."""
        return self.sent.pop(0) if self.sent else None


@dataclass
class MemoryPublisher:
    """Keeps what was published, in order, and which connection is in which group.

    A test opens a connection by adding it to ``members``.
    """

    published: list[tuple[str, str]] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=dict)

    async def publish(self, group: str, message: str) -> None:
        """Remember the message."""
        self.published.append((group, message))

    async def client_url(self, *, user_id: str, group: str, minutes: int) -> str:
        """A URL that says what it is for."""
        return f"memory://{user_id}/{group}?minutes={minutes}"

    async def join(self, connection_id: str, group: str) -> bool:
        """Add to the set of a connection that is there."""
        if connection_id not in self.members:
            return False
        self.members[connection_id].add(group)
        return True

    async def leave(self, connection_id: str, group: str) -> None:
        """Take out of the set."""
        self.members.get(connection_id, set()).discard(group)

    async def exists(self, connection_id: str) -> bool:
        """Whether there is a set."""
        return connection_id in self.members
