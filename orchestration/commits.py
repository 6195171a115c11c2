"""The one writer of a running job: group commits, heartbeats and fencing.

Changes that arrive while a commit is in flight go out together in the next one, as one atomic write. Every
commit names itself (``last_commit_id``) and goes with the ETag of the row before it; when the row is not as
expected, the row itself says which of three things happened: my write landed and the answer was lost; someone
touched another field (a cancel request); or another claim owns the job and this one must stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from orchestration.callbacks import Callback, is_owed
from orchestration.checkpoints import Row
from orchestration.errors import ContentArchitectError, RowConflict, StorageUnavailable, Superseded
from orchestration.event_log import event_rows
from orchestration.events import Event, JobUpdate
from orchestration.jobs import Job, JobStatus, StoredJob, stamp
from orchestration.ports import Clock, Commit, JobStore
from orchestration.retry import STORAGE_RETRY, RetryPolicy
from orchestration.telemetry.work import committing

MAX_BATCH_BYTES = 3_500_000
MAX_BATCH_ROWS = 90
_EVENT_ROWS = 4
"""A change causes up to two events, each of which may owe a callback."""

Publish = Callable[[Job, Sequence[JobUpdate]], None]


def _no_events(_: Job) -> Sequence[Event]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the job: a pure function of the row, rows that go with it, and the events it causes."""

    mutate: Callable[[Job], Job]
    rows: tuple[Row, ...] = ()
    events: Callable[[Job], Sequence[Event]] = _no_events

    @property
    def size(self) -> int:
        """Encoded bytes of its rows."""
        return sum(row.encoded_size for row in self.rows)


@dataclass(slots=True, kw_only=True)
class _Entry:
    change: Change
    landed: asyncio.Future[Job]


@dataclass(kw_only=True)
class JobWriter:
    """Writes one job while this process holds its lease. Use as an async context manager.

    ``apply`` returns when the change is durable. ``interrupted`` is resolved with the error that ends the run
    (lost lease, storage down for longer than the retries), ``cancel_requested`` is set when the owner asked to stop.
    """

    store: JobStore
    clock: Clock
    stored: StoredJob
    publish: Publish
    new_id: Callable[[], str]
    heartbeat_seconds: float
    retry: RetryPolicy = STORAGE_RETRY
    cancel_requested: asyncio.Event = field(default_factory=asyncio.Event)
    commits: int = 0
    _pending: deque[_Entry] = field(default_factory=deque)
    _in_flight: list[_Entry] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _closing: bool = False
    _task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        """Start from the row as it was read."""
        self.job = self.stored.job
        self._etag = self.stored.etag
        self.interrupted: asyncio.Future[ContentArchitectError] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._stopped)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is pending, then stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def apply(self, change: Change) -> Job:
        """Make the change durable and return the job after it. Raises what interrupted the writer."""
        if self.interrupted.done():
            raise self.interrupted.result()
        if self._closing:
            raise RuntimeError("the writer is closed")
        entry = _Entry(change=change, landed=asyncio.get_running_loop().create_future())
        self._pending.append(entry)
        self._wake.set()
        return await asyncio.shield(entry.landed)

    async def settled(self) -> Job:
        """Wait until every change given so far is durable or has failed; returns the job as it is then."""
        if waited := [entry.landed for entry in (*self._in_flight, *self._pending)]:
            await asyncio.wait(waited)
        return self.job

    async def _run(self) -> None:
        while not self.interrupted.done():
            if not self._pending:
                if self._closing:
                    return
                await self._idle()
            if self._closing and not self._pending:
                return
            self._in_flight = self._take()
            try:
                await self._commit(self._in_flight)
            except ContentArchitectError as error:
                self._interrupt(error)
            self._in_flight = []

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A defect ended the writing: nobody may be left waiting for a commit that never comes."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.interrupted.done():
            failure = ContentArchitectError(f"the job's writer failed: {type(error).__name__}")
            failure.__cause__ = error
            self._interrupt(failure)

    async def _idle(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(self.heartbeat_seconds):
                await self._wake.wait()
        except TimeoutError:
            return  # an empty commit is the heartbeat

    def _take(self) -> list[_Entry]:
        taken: list[_Entry] = []
        size = rows = 0
        while self._pending:
            change = self._pending[0].change
            size += change.size
            rows += len(change.rows) + _EVENT_ROWS
            if taken and (size > MAX_BATCH_BYTES or rows > MAX_BATCH_ROWS):
                break
            taken.append(self._pending.popleft())
        return taken

    async def _commit(self, entries: Sequence[_Entry]) -> None:
        changes = [entry.change for entry in entries]
        job, rows, updates = fold(self.job, changes, now=stamp(self.clock.now()), commit_id=self.new_id())
        with committing(rows):
            await self._write(Commit(job=job, etag=self._etag, rows=rows))
        for entry in entries:
            if not entry.landed.done():
                entry.landed.set_result(self.job)
        if updates:
            self.publish(self.job, updates)  # last: whoever waits for the commit goes first

    async def _write(self, commit: Commit) -> None:
        failures = 0
        pending: Commit | None = commit
        while pending is not None:
            try:
                pending = await self._attempt(pending)
            except StorageUnavailable:
                failures += 1
                delay = self.retry.delay(failures, chance=self.clock.chance())
                if delay is None:
                    raise
                await self.clock.sleep(delay)
        self.commits += 1

    async def _attempt(self, commit: Commit) -> Commit | None:
        """Try once. Returns what to try next, or None when the commit is in."""
        try:
            self._etag = await self.store.commit(commit)
        except RowConflict:
            return await self._reconcile(commit)
        self.job = commit.job
        return None

    async def _reconcile(self, commit: Commit) -> Commit | None:
        stored = await self.store.read_job(commit.job.job_id)
        if stored is None:
            raise Superseded(f"job {commit.job.job_id} was deleted")
        if stored.job.last_commit_id == commit.job.last_commit_id:
            self._etag, self.job = stored.etag, commit.job
            return None
        # The epoch before this commit: a claim raises it, and two claims of the same row raise it to the same number.
        if stored.job.lease_epoch != self.job.lease_epoch:
            raise Superseded(f"job {commit.job.job_id} is at lease epoch {stored.job.lease_epoch}")
        if stored.job.status is not JobStatus.PROCESSING:
            # Only this writer ends its own claim: a commit of it landed unheard, and others have gone on from there.
            raise Superseded(f"job {commit.job.job_id} is {stored.job.status} by now")
        if stored.job.cancel_requested_at:
            self.cancel_requested.set()
        job = replace(
            commit.job,
            cancel_requested_at=stored.job.cancel_requested_at,
            dispatch=max(commit.job.dispatch, stored.job.dispatch),
        )
        return replace(commit, job=job, etag=stored.etag)

    def _interrupt(self, error: ContentArchitectError) -> None:
        self.interrupted.set_result(error)
        for entry in (*self._in_flight, *self._pending):
            if not entry.landed.done():
                entry.landed.set_exception(error)
                entry.landed.exception()  # the waiter may be gone by now; the error stands in `interrupted`
        self._pending.clear()


def fold(
    job: Job, changes: Sequence[Change], *, now: str, commit_id: str
) -> tuple[Job, tuple[Row, ...], list[JobUpdate]]:
    """The job after these changes, the rows to write with it (owed callbacks too), and its new events with their sequence."""
    rows: list[Row] = []
    updates: list[JobUpdate] = []
    for change in changes:
        job = change.mutate(job)
        rows += change.rows
        for event in change.events(job):
            update = _update(job, event, now, job.sequence + len(updates) + 1)
            updates.append(update)
            if is_owed(job, update):
                rows.append(Callback.of(job, update).to_row())
    rows += event_rows(updates)
    sequence = job.sequence + len(updates)
    return replace(job, sequence=sequence, last_commit_id=commit_id, updated_at=now), tuple(rows), updates


async def commit_once(
    store: JobStore, stored: StoredJob, change: Change, *, clock: Clock, commit_id: str
) -> tuple[Job, list[JobUpdate]]:
    """Make one change of a job that nobody runs, if its row is as it was read.

    Returns the job and its new events, to be published. Raises :class:`RowConflict` when someone was faster;
    a lost answer is told from that by the commit id.
    """
    job, rows, updates = fold(stored.job, [change], now=stamp(clock.now()), commit_id=commit_id)
    with committing(rows, within=job.traceparent):
        try:
            await store.commit(Commit(job=job, etag=stored.etag, rows=rows))
        except RowConflict:
            again = await store.read_job(job.job_id)
            if again is None or again.job.last_commit_id != commit_id:
                raise
    return job, updates


def _update(job: Job, event: Event, now: str, sequence: int) -> JobUpdate:
    return JobUpdate(type=event.type, job_id=job.job_id, sequence=sequence, timestamp=now, data=event.data)
