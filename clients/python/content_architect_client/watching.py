"""Watching a job: over a socket where there is one, by polling where there is none; each event once and in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from content_architect_client.errors import ApiError, NoAnswer
from content_architect_client.flows import (
    Close,
    Emit,
    Flow,
    JobPoll,
    Open,
    Receive,
    Send,
    Sleep,
    event_pages,
    fetch,
    get_job,
    quoted,
)
from content_architect_client.inbox import Inbox, ends
from content_architect_client.models import ENDED, Event, Job
from content_architect_client.policy import RetryPolicy

QUIET_SECONDS = 15.0
"""A socket can be dead without saying so; after so long the log is asked."""
POLLS_BETWEEN_SOCKETS = 3
MAX_PAGE = 500


@dataclass(slots=True, kw_only=True)
class Watch:
    """One watcher. ``run`` emits events and returns the job once it has ended."""

    job_id: str
    policy: RetryPolicy
    socket: bool = True
    inbox: Inbox = field(default_factory=Inbox)
    _lost: int = 0

    def run(self) -> Flow[Job]:
        """Until the job has ended and all its events were handed on.

        Raises what the log and the job raise: :class:`NotFound`, and :class:`NoAnswer` when nobody answers any more.
        """
        while True:
            url = (yield from self._negotiate()) if self.socket else None
            job = (yield from self._over_socket(url)) if url else (yield from self._by_polling())
            if job is not None:
                return job

    def _negotiate(self) -> Flow[str | None]:
        """A new address each time: the token in it is short-lived. None where there is no socket to be had now."""
        once = RetryPolicy(retries=0)
        try:
            given = yield from fetch(Send(method="POST", path=f"job/{quoted(self.job_id)}/negotiate"), once)
        except NoAnswer:
            return None
        except ApiError as error:
            if error.status in (401, 403, 404):
                raise
            return None
        return str(given["url"])

    def _over_socket(self, url: str) -> Flow[Job | None]:
        """None when the socket is gone."""
        if not (yield Open(url)):
            return (yield from self._by_polling())
        # What happened before the socket was open is in the log alone.
        job = yield from self._catch_up(look=True)
        while job is None:
            event: Event | bool | None = yield Receive(QUIET_SECONDS)
            if event is False or event is True:
                self._lost += 1
                yield Close()
                yield Sleep(self.policy.backoff(min(self._lost, 6)))
                return None
            job = yield from (self._catch_up(look=True) if event is None else self._receive(event))
        yield Close()
        return job

    def _receive(self, event: Event) -> Flow[Job | None]:
        if event.get("event") != "JobUpdate" or event.get("jobId") != self.job_id:
            return None  # an answer of the service to something else
        handed = self.inbox.offer(event)
        if handed is None:
            return (yield from self._catch_up(look=False))
        if handed:
            self._lost = 0
            yield Emit(event)
            if ends(event):
                return (yield from self._ended())
        return None

    def _by_polling(self) -> Flow[Job | None]:
        """Some polls, then the socket is tried again."""
        poll = JobPoll(job_id=self.job_id, policy=self.policy)
        for _ in range(POLLS_BETWEEN_SOCKETS):
            if job := (yield from self._catch_up(look=True)):
                return job
            yield from poll.next()
        return None

    def _catch_up(self, *, look: bool) -> Flow[Job | None]:
        """Emit what the log has beyond what was handed on; the job if it has ended with that.

        ``look``: look at the job in any case, since its last event may have been handed on before.
        """
        full = True
        while full:
            page = yield from event_pages(self.job_id, self.inbox.last, self.policy)
            full = len(page) >= MAX_PAGE
            for event in page:
                if self.inbox.take(event):
                    look = look or ends(event)
                    yield Emit(event)
        return (yield from self._ended()) if look else None

    def _ended(self) -> Flow[Job | None]:
        """The job, if it has ended and nothing of it is missing: a retried one has more than one last event."""
        job = yield from get_job(self.job_id, self.policy)
        return job if job["status"] in ENDED and job["sequence"] <= self.inbox.last else None
