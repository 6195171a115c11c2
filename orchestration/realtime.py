"""Live updates: publishing off the job's path, in order, best effort.

The event log is the truth; a watcher that missed a message reads ``events?after=``. So a slow or absent Web
PubSub never delays or fails a job: messages wait in a bounded queue, and what cannot be sent is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestration.circuits import CircuitState
from orchestration.errors import DependencyUnavailable
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import Job, stamp
from orchestration.ports import Clock, RealtimePublisher
from orchestration.telemetry.trace_context import current_traceparent
from orchestration.telemetry.work import publishing

QUEUE_LIMIT = 5000
PAUSE_AFTER_FAILURE = 5.0
PROGRESS_INTERVAL = 0.5
TOKEN_MINUTES = 5

Listener = Callable[[Job, Sequence[JobUpdate]], None]

_log = logging.getLogger(__name__)


def _nobody(job: Job, updates: Sequence[JobUpdate]) -> None:
    del job, updates  # nobody else listens


def job_group(job_id: str) -> str:
    """The group of a job's watchers."""
    return f"job:{job_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outgoing:
    group: str
    message: str
    traceparent: str | None = None
    shown: bool = False


class RealtimeUpdatesService:
    """Publishes job updates and hands out sockets.

    One task per process sends what waits, in order. After a failure it pauses and drops instead of piling up.
    ``also`` is told of the same durable events; it must not wait or raise.
    """

    def __init__(self, publisher: RealtimePublisher, clock: Clock, *, also: Listener = _nobody) -> None:
        self._publisher = publisher
        self._clock = clock
        self._also = also
        self._waiting: deque[_Outgoing] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed_until = 0.0
        self._last_progress: dict[str, float] = {}
        self.dropped = 0

    def publish(self, job: Job, updates: Sequence[JobUpdate]) -> None:
        """Queue the durable events of one commit for the job's watchers. Never waits, never raises."""
        trace = current_traceparent()
        for update in updates:
            outgoing = _Outgoing(
                group=job_group(job.job_id),
                message=update.to_json(),
                traceparent=trace,
                shown=job.status.terminal,
            )
            self._enqueue(outgoing)
        self._also(job, updates)
        if job.status.terminal:
            self._last_progress.pop(job.job_id, None)

    def progress(self, job: Job, step: str, fraction: float, note: str) -> None:
        """Queue ephemeral progress inside a step, at most one message per half second and job: each costs a call."""
        now = self._clock.monotonic()
        if now - self._last_progress.get(job.job_id, -1.0) < PROGRESS_INTERVAL:
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
        self._enqueue(_Outgoing(group=job_group(job.job_id), message=update.to_json()))

    def circuit(self) -> CircuitState:
        """``open`` while publishing pauses after a failure."""
        return "open" if self._clock.monotonic() < self._closed_until else "closed"

    async def job_socket(self, job: Job, user_id: str) -> tuple[str, str]:
        """A socket URL that is in the job's group from the start, and that group.

        Raises :class:`DependencyUnavailable`.
        """
        group = job_group(job.job_id)
        return await self._publisher.client_url(user_id=user_id, group=group, minutes=TOKEN_MINUTES), group

    async def drain(self) -> None:
        """Wait until everything queued so far was sent or dropped."""
        if self._task is not None:
            await self._task

    def _enqueue(self, outgoing: _Outgoing) -> None:
        if len(self._waiting) >= QUEUE_LIMIT or self._clock.monotonic() < self._closed_until:
            self.dropped += 1
            return
        self._waiting.append(outgoing)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._waiting:
            outgoing = self._waiting.popleft()
            try:
                with publishing(outgoing.traceparent, shown=outgoing.shown):
                    await self._publisher.publish(outgoing.group, outgoing.message)
            except DependencyUnavailable as error:
                self._closed_until = self._clock.monotonic() + PAUSE_AFTER_FAILURE
                self.dropped += 1 + len(self._waiting)
                self._waiting.clear()
                _log.warning("realtime publishing pauses", extra={"reason": str(error)})
