"""What waits to be published: in order per job, fair between jobs, bounded. Pure.

Where there is no room for all, a job keeps its newest durable message alone: a watcher sees by its ``sequence`` that
others are missing, and reads them from the event log.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message of one job, its tenant, and the user who submitted it.

    ``expires_at`` is in seconds of a clock that never goes back; ``traceparent`` names the span that its event comes
    from, and ``last`` says that the job had ended then; both are for telemetry.
    """

    job_id: str
    tenant: str
    submitter: str | None
    text: str
    durable: bool
    expires_at: float
    traceparent: str | None = None
    last: bool = False


class OutgoingQueue:
    """Lanes of messages, one a job. A lane whose message is taken gives no other one until that is done or put back.

    ``messages`` and ``jobs`` bound what is held. With ``thinning`` each lane keeps its newest durable message alone.
    """

    def __init__(self, *, messages: int, jobs: int) -> None:
        self._messages = messages
        self._jobs = jobs
        self._lanes: dict[str, deque[Outgoing]] = {}
        self._ready: deque[str] = deque()
        self._taken: set[str] = set()
        self._waiting = 0
        self.thinning = False
        self.dropped = 0

    def __len__(self) -> int:
        """Messages that wait; those taken do not count."""
        return self._waiting

    @property
    def ready(self) -> bool:
        """Whether there is one to take."""
        return bool(self._ready)

    def push(self, message: Outgoing) -> None:
        """Queue a message behind those of its job. Progress replaces the progress that waits before it."""
        lane = self._lane(message.job_id)
        if lane and not message.durable and not lane[-1].durable:
            lane[-1] = message
            return
        lane.append(message)
        self._waiting += 1
        if self.thinning or self._waiting > self._messages:
            self._thin(message.job_id)
        if len(self._lanes) > self._jobs:
            self._drop_oldest_lane()

    def take(self, now: float) -> Outgoing | None:
        """The next message that has not expired, of the job that waits longest; None where there is none."""
        while self._ready:
            job_id = self._ready.popleft()
            lane = self._lanes[job_id]
            while lane:
                message = lane.popleft()
                self._waiting -= 1
                if message.expires_at > now:
                    self._taken.add(job_id)
                    return message
                self.dropped += 1
            del self._lanes[job_id]
        return None

    def done(self, job_id: str) -> None:
        """The message that was taken from this job is through."""
        self._taken.discard(job_id)
        if self._lanes[job_id]:
            self._ready.append(job_id)
        else:
            del self._lanes[job_id]

    def put_back(self, message: Outgoing) -> None:
        """The message could not be sent: of it and those behind it, the newest durable one waits for another try."""
        self._lanes[message.job_id].appendleft(message)
        self._waiting += 1
        self._thin(message.job_id)
        self.done(message.job_id)

    def _lane(self, job_id: str) -> deque[Outgoing]:
        if job_id not in self._lanes:
            self._lanes[job_id] = deque()
            self._ready.append(job_id)
        return self._lanes[job_id]

    def _thin(self, job_id: str) -> None:
        lane = self._lanes[job_id]
        newest = next((message for message in reversed(lane) if message.durable), None)
        kept = 0 if newest is None else 1
        self.dropped += len(lane) - kept
        self._waiting -= len(lane) - kept
        lane.clear()
        if newest is not None:
            lane.append(newest)

    def _drop_oldest_lane(self) -> None:
        oldest = self._ready.popleft()
        lane = self._lanes.pop(oldest)
        self.dropped += len(lane)
        self._waiting -= len(lane)
