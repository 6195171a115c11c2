"""What the client does, without doing any I/O: generators that say what they need and are told what came of it.

The synchronous and the asynchronous client run the very same flows; tests run them against made-up answers.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, quote, urlsplit

from content_architect_client.errors import JobNotDone, NoAnswer, TookTooLong, error_of
from content_architect_client.models import ENDED, Event, Job, JobSummary
from content_architect_client.policy import Answer, RetryPolicy

LONG_POLL = 20
POLL_PAUSE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a request; answered with an :class:`Answer`. ``repeatable``: it may be sent again."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Answered with a monotonic time in seconds."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a socket; answered with whether it is open."""

    url: str


@dataclass(frozen=True, slots=True)
class Receive:
    """Answered with an event, with None after so many quiet seconds, or with False when the socket is gone."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand something to the caller."""

    value: Any


Effect: TypeAlias = Send | Sleep | Now | Open | Receive | Close | Emit
T = TypeVar("T")
Flow: TypeAlias = Generator[Effect, Any, T]


def quoted(name: str) -> str:
    """A name as one segment of a path, whatever is in it."""
    return quote(name, safe="")


def call(request: Send, policy: RetryPolicy) -> Flow[Answer]:
    """Send a request, again where that may help. Raises :class:`ApiError` and :class:`NoAnswer`."""
    made = 0
    while True:
        answer: Answer = yield request
        made += 1
        delay = policy.delay(answer, made, repeatable=request.repeatable)
        if delay is None:
            break
        yield Sleep(delay)
    if answer.status == 0:
        raise NoAnswer(answer.text)
    if (
        not 200 <= answer.status < 300 and answer.status != 304
    ):  # a redirect leads to no answer of this service
        raise error_of(answer.status, answer.problem, answer.retry_after())
    return answer


def fetch(request: Send, policy: RetryPolicy) -> Flow[dict[str, Any]]:
    """The JSON object of an answer. Raises :class:`ApiError` for anything else, such as a proxy's page."""
    answer = yield from call(request, policy)
    try:
        value = json.loads(answer.text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise error_of(answer.status, answer.problem, None)
    return value


def submit(request: Mapping[str, Any], key: str, wait: float | None, policy: RetryPolicy) -> Flow[Job]:
    """Submit under a key: sent however often, it is one job."""
    headers = {"Idempotency-Key": key}
    if wait is not None:
        headers["Prefer"] = f"wait={wait:.0f}"
    sent = Send(method="POST", path="generate", headers=headers, body=dict(request))
    return cast("Job", (yield from fetch(sent, policy)))


def get_job(job_id: str, policy: RetryPolicy) -> Flow[Job]:
    """The job as it is."""
    return cast("Job", (yield from fetch(Send(method="GET", path=f"job/{quoted(job_id)}"), policy)))


@dataclass(slots=True, kw_only=True)
class JobPoll:
    """Long polls of one job: each answers at the first news."""

    job_id: str
    policy: RetryPolicy
    tag: str = ""
    job: Job | None = None

    def next(self, seconds: int = LONG_POLL) -> Flow[Job]:
        """The job after the next news, or as it was when nothing happened; waits as long as the service asks."""
        headers = {"If-None-Match": self.tag} if self.tag else {}
        path, query = f"job/{quoted(self.job_id)}", {"wait": str(seconds)}
        request = Send(method="GET", path=path, query=query, headers=headers)
        answer = yield from call(request, self.policy)
        self.tag = answer.headers.get("etag", "")
        if answer.status == 200:
            self.job = cast("Job", json.loads(answer.text))
        if self.job is None:
            raise error_of(answer.status, answer.problem, None)
        if self.job["status"] not in ENDED:
            yield Sleep(self.policy.pause(answer, POLL_PAUSE))
        return self.job


def wait(job_id: str, seconds: float | None, policy: RetryPolicy) -> Flow[Job]:
    """The job once it has ended. Raises :class:`TookTooLong` after so many seconds."""
    began: float = yield Now()
    poll = JobPoll(job_id=job_id, policy=policy)
    job = yield from get_job(job_id, policy)
    while job["status"] not in ENDED:
        now: float = yield Now()
        left = None if seconds is None else seconds - (now - began)
        if left is not None and left <= 0:
            raise TookTooLong(job)
        job = yield from poll.next(LONG_POLL if left is None else min(LONG_POLL, max(1, int(left))))
    return job


def finished(job_id: str, seconds: float | None, policy: RetryPolicy) -> Flow[Job]:
    """The same, for whoever wants a result. Raises :class:`JobNotDone`."""
    job = yield from wait(job_id, seconds, policy)
    if job["status"] != "completed":
        raise JobNotDone(cast("Mapping[str, Any]", job))
    return job


def pages(query: Mapping[str, str], policy: RetryPolicy) -> Flow[None]:
    """Emit all jobs of a listing, page after page.

    Of ``nextLink`` only the cursor is taken: credentials go nowhere but to the configured address.
    """
    asked = dict(query)
    while True:
        page = yield from fetch(Send(method="GET", path="jobs", query=asked), policy)
        for item in page["value"]:
            yield Emit(cast("JobSummary", item))
        cursor = parse_qs(urlsplit(page.get("nextLink", "")).query).get("cursor")
        if not cursor:
            return
        asked = {**query, "cursor": cursor[0]}


def event_pages(job_id: str, after: int, policy: RetryPolicy) -> Flow[list[Event]]:
    """The events of a job's log behind ``after``, one page."""
    request = Send(method="GET", path=f"job/{quoted(job_id)}/events", query={"after": str(after)})
    return list((yield from fetch(request, policy))["value"])
