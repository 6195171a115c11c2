"""Live updates: publishing off the job's path, in order, best effort; and sockets for those who watch.

The event log is the truth; a watcher that missed a message reads ``events?after=``. So a slow or absent Web
PubSub never delays or fails a job: messages wait in a bounded queue, at most 16 are on their way, and those of one job
one after the other.

While Web PubSub does not work (the breaker is open) each job keeps its newest durable event alone, and one message
at a time probes. Once it works again, that event tells every watcher that it missed some.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from orchestration.breaker import SLOW_TO_FAIL, Breaker, BreakerOpen, BreakerState
from orchestration.circuits import CircuitState
from orchestration.errors import DependencyUnavailable
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import Job, stamp
from orchestration.ports import Clock, RealtimePublisher
from orchestration.sockets.groups import Watcher, job_group, user_group
from orchestration.sockets.interest import tenant_name, user_name
from orchestration.sockets.outgoing import Outgoing, OutgoingQueue
from orchestration.telemetry.trace_context import current_traceparent
from orchestration.telemetry.work import publishing

MESSAGE_LIMIT = 5000
JOB_LIMIT = 2000
MOST_AT_ONCE = 16
SEND_SECONDS = 5.0
KEEP_SECONDS = 600.0
PROGRESS_INTERVAL = 0.5
TOKEN_MINUTES = 5

Listener = Callable[[Job, Sequence[JobUpdate]], None]

_log = logging.getLogger(__name__)


def _nobody(job: Job, updates: Sequence[JobUpdate]) -> None:
    del job, updates  # nobody else listens


class Watchers(Protocol):
    """Who may be watching: :class:`orchestration.sockets.interest.Interest`."""

    def known(self, name: str) -> bool | None:
        """What is known without looking."""
        ...

    async def has(self, name: str) -> bool:
        """Whether this tenant or user may be watching."""
        ...

    def look(self, name: str) -> object:
        """Begin to find out."""
        ...


class Everybody:
    """The watchers of whoever knows no better."""

    def known(self, _: str) -> bool:
        """Yes."""
        return True

    async def has(self, _: str) -> bool:
        """Yes."""
        return True

    def look(self, _: str) -> None:
        """There is nothing to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A URL to connect to, the group that its token is in, and until when the token admits."""

    url: str
    group: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingFigures:
    """How publishing goes in this process. ``dropped`` messages are in the event log all the same."""

    state: str
    published: int
    failed: int
    dropped: int
    waiting: int


class RealtimeUpdatesService:
    """Publishes job updates and hands out sockets.

    An update goes to the group of its job and to that of whoever submitted it. No connection is in both
    (:mod:`orchestration.sockets.subscriptions`), so each gets it once. ``also`` is told of the same durable events; it must not
    wait or raise. Where none of the ``watchers`` may be, nothing is sent.
    """

    def __init__(
        self,
        publisher: RealtimePublisher,
        clock: Clock,
        *,
        also: Listener = _nobody,
        watchers: Watchers | None = None,
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._also = also
        self._watchers = watchers or Everybody()
        self._queue = OutgoingQueue(messages=MESSAGE_LIMIT, jobs=JOB_LIMIT)
        self._breaker = Breaker("Web PubSub", clock.monotonic, policy=SLOW_TO_FAIL)
        self._workers: set[asyncio.Task[None]] = set()
        self._last_progress: dict[str, float] = {}
        self._published = self._failed = 0

    def expect(self, job: Job) -> None:
        """Updates of this job are about to come: find out who watches, or another process publishes its next one first."""
        names = [tenant_name(job.tenant), *([user_name(job.submitter)] if job.submitter else [])]
        for name in names:
            if self._watchers.known(name) is None:
                self._watchers.look(name)

    def publish(self, job: Job, updates: Sequence[JobUpdate]) -> None:
        """Queue the durable events of one commit for the job's watchers. Never waits, never raises."""
        trace = current_traceparent()
        if self._watchers.known(tenant_name(job.tenant)) is not False:
            for update in updates:
                self._enqueue(job, update, trace)
        self._also(job, updates)
        if job.status.terminal:
            self._last_progress.pop(job.job_id, None)

    def progress(self, job: Job, step: str, fraction: float, note: str) -> None:
        """Queue ephemeral progress inside a step, at most one message per half second and job: each costs a call."""
        now = self._clock.monotonic()
        degraded = self._breaker.state is not BreakerState.CLOSED
        if degraded or now - self._last_progress.get(job.job_id, -1.0) < PROGRESS_INTERVAL:
            return
        if self._watchers.known(tenant_name(job.tenant)) is False:
            return
        self._last_progress[job.job_id] = now
        update = JobUpdate(
            type=EventType.PROGRESS_UPDATE,
            job_id=job.job_id,
            sequence=None,
            timestamp=stamp(self._clock.now()),
            data={
                "step": step,
                "fraction": round(fraction, 3),
                "message": note[:200],
                "percentage": job.percentage,
            },
        )
        self._enqueue(job, update, None)

    def circuit(self) -> CircuitState:
        """Where the breaker stands: publishing is degraded while it is not closed."""
        return self._breaker.state.value

    async def job_socket(self, job: Job, watcher: Watcher) -> Socket:
        """A socket on one job, that is in the job's group from the start.

        Raises :class:`DependencyUnavailable`.
        """
        return await self._socket(watcher, job_group(job.job_id))

    async def user_socket(self, watcher: Watcher) -> Socket:
        """A socket on all jobs that this user submits; others are subscribed to over it.

        Raises :class:`DependencyUnavailable`.
        """
        return await self._socket(watcher, watcher.group)

    def figures(self) -> PublishingFigures:
        """What was published since the process began."""
        return PublishingFigures(
            state=self._breaker.state.value,
            published=self._published,
            failed=self._failed,
            dropped=self._queue.dropped,
            waiting=len(self._queue),
        )

    async def drain(self) -> None:
        """Wait until everything queued so far was sent or dropped."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _socket(self, watcher: Watcher, group: str) -> Socket:
        expires_at = self._clock.now() + timedelta(minutes=TOKEN_MINUTES)
        url = await self._publisher.client_url(user_id=watcher.user_id, group=group, minutes=TOKEN_MINUTES)
        return Socket(url=url, group=group, expires_at=expires_at)

    def _enqueue(self, job: Job, update: JobUpdate, trace: str | None) -> None:
        outgoing = Outgoing(
            job_id=job.job_id,
            tenant=job.tenant,
            submitter=job.submitter,
            text=update.to_json(),
            durable=update.sequence is not None,
            expires_at=self._clock.monotonic() + KEEP_SECONDS,
            traceparent=trace,
            last=job.status.terminal,
        )
        self._queue.thinning = self._breaker.state is not BreakerState.CLOSED
        self._queue.push(outgoing)
        if len(self._workers) < MOST_AT_ONCE and self._queue.ready:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        while (outgoing := self._queue.take(self._clock.monotonic())) is not None:
            sent = False
            try:
                unwatched = not await self._watchers.has(tenant_name(outgoing.tenant))
                sent = unwatched or await self._try(outgoing)
            finally:
                if sent:
                    self._queue.done(outgoing.job_id)
                else:
                    self._queue.put_back(outgoing)

    async def _try(self, outgoing: Outgoing) -> bool:
        """Send if the breaker lets it; else wait until it may."""
        try:
            with self._breaker.call() as outcome:
                outcome.worked = await self._send(outgoing)
        except BreakerOpen as refused:
            await self._clock.sleep(refused.retry_after)
            return False
        self._published += outcome.worked
        self._failed += not outcome.worked
        return outcome.worked

    async def _send(self, outgoing: Outgoing) -> bool:
        """Whether every group got it. One that got it before a failure gets it again: watchers know the sequence."""
        try:
            await self._call(job_group(outgoing.job_id), outgoing)
            if outgoing.submitter and await self._watchers.has(user_name(outgoing.submitter)):
                await self._call(user_group(outgoing.submitter), outgoing)
        except DependencyUnavailable as error:
            _log.warning("an update was not published", extra={"reason": str(error)})
            return False
        return True

    async def _call(self, group: str, outgoing: Outgoing) -> None:
        """One call, that ends in time. Raises :class:`DependencyUnavailable`."""
        with publishing(outgoing.traceparent, shown=outgoing.last):
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._publisher.publish(group, outgoing.text)
            except TimeoutError as error:
                raise DependencyUnavailable("no answer in time", code="realtime_unavailable") from error
