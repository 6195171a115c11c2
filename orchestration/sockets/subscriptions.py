"""SubscribeToJob and UnsubscribeFromJob: which sockets get the updates of which jobs.

Updates go to two groups, the job's and its submitter's. A connection is never in both: one whose token is in the
submitter's group is not put into the group of that submitter's job. So each connection gets each update once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from orchestration.access.rate_limits import RateLimits
from orchestration.errors import (
    ContentArchitectError,
    DependencyUnavailable,
    EventRefused,
    RequestRefused,
)
from orchestration.events import progress_of
from orchestration.ids import canonical_job_id
from orchestration.jobs import Job, JobStatus
from orchestration.ports import RealtimePublisher
from orchestration.service import OrchestrationService
from orchestration.sockets.connection_registry import MAX_JOBS, ConnectionRegistry, OpenConnection
from orchestration.sockets.groups import Watcher, job_group
from orchestration.sockets.upstream import UpstreamEvent, parse_job_id
from orchestration.views import Links

if TYPE_CHECKING:
    from orchestration.contract.realtime_answers import EventReply, ReplyError, Snapshot

EventName = Literal["SubscribeToJob", "UnsubscribeFromJob"]
SUBSCRIBE: Final = "SubscribeToJob"
UNSUBSCRIBE: Final = "UnsubscribeFromJob"

_STEP_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionService:
    """Answers the events that clients send. Every answer is a reply for the client, errors too.

    An event counts against the tenant's ``rates`` as a call of the API does.
    """

    registry: ConnectionRegistry
    publisher: RealtimePublisher
    service: OrchestrationService
    links: Links
    rates: RateLimits

    async def answer(self, event: UpstreamEvent, watcher: Watcher) -> EventReply:
        """The reply to one event of a client. What is wrong with it, or cannot be done now, is told in the reply.

        Raises :class:`RequestRefused` 403 for a connection that is bound to somebody else.
        """
        name: EventName
        if event.name == SUBSCRIBE:
            name, handler = SUBSCRIBE, self._subscribe
        elif event.name == UNSUBSCRIBE:
            name, handler = UNSUBSCRIBE, self._unsubscribe
        else:
            known = f"there is no such event; known: {SUBSCRIBE}, {UNSUBSCRIBE}"
            return _failed(None, None, EventRefused(known, code="unknown_event"))
        asked: str | None = None
        try:
            connection = await self.registry.bound(event.connection_id, watcher)
            await self.rates.spend(watcher.tenant)
            asked = parse_job_id(event)[:_STEP_NAME]
            return await handler(connection, asked)
        except (EventRefused, RequestRefused, DependencyUnavailable) as error:
            if error.code == "forbidden":
                raise
            return _failed(name, asked, error)

    async def _subscribe(self, connection: OpenConnection, asked: str) -> EventReply:
        """Join first, then look: what is committed after the look arrives over the socket."""
        job = await self._owned(connection, asked)
        group = _group_that_has(connection, job)
        if group is None:
            group, connection_id = job_group(job.job_id), connection.connection_id
            await self.registry.change(connection_id, connection.watcher, lambda c: _with(c, job.job_id))
            if not await self.publisher.join(connection_id, group):
                raise EventRefused("the connection has ended", code="connection_gone")
            job = await self._owned(connection, asked)
        return {
            "event": SUBSCRIBE,
            "jobId": job.job_id,
            "subscribed": True,
            "group": group,
            "lastSequence": job.sequence,
            "job": _snapshot(job),
            "links": self.links.of(job),
        }

    async def _unsubscribe(self, connection: OpenConnection, asked: str) -> EventReply:
        """Leaving is for everybody, so that no answer tells whether a job of somebody else exists."""
        job_id = canonical_job_id(asked)
        reply: EventReply = {"event": UNSUBSCRIBE, "jobId": asked, "subscribed": False}
        if job_id is None:
            return reply
        connection_id = connection.connection_id
        await self.registry.change(connection_id, connection.watcher, lambda c: _without(c, job_id))
        await self.publisher.leave(connection_id, job_group(job_id))
        if not connection.has_own_jobs:
            return reply
        try:
            job = await self._owned(connection, job_id)
        except RequestRefused:
            return reply
        return {**reply, "subscribed": job.submitter == connection.watcher.user}

    async def _owned(self, connection: OpenConnection, asked: str) -> Job:
        """The job, if it is of the tenant of who is connected; what is no id is an unknown job."""
        return (await self.service.owned(connection.watcher.tenant, canonical_job_id(asked) or "")).job


def _group_that_has(connection: OpenConnection, job: Job) -> str | None:
    """The group of its token, where that brings the job's updates already."""
    if connection.has_own_jobs and job.submitter == connection.watcher.user:
        return connection.group
    return None


def _with(connection: OpenConnection, job_id: str) -> OpenConnection:
    if job_id in connection.jobs:
        return connection
    if len(connection.jobs) >= MAX_JOBS:
        detail = f"one connection subscribes to at most {MAX_JOBS} jobs; unsubscribe or open another one"
        raise EventRefused(detail, code="too_many_subscriptions")
    return replace(connection, jobs=(*connection.jobs, job_id))


def _without(connection: OpenConnection, job_id: str) -> OpenConnection:
    return replace(connection, jobs=tuple(job for job in connection.jobs if job != job_id))


def _snapshot(job: Job) -> Snapshot:
    """Where the job stands, in the fields of its events; short, since a message is billed in units of 2 KB."""
    progress = progress_of(job)
    step = progress["currentStep"]
    snapshot: Snapshot = {
        "status": job.status.value,
        "attempt": job.attempt,
        "percentage": progress["percentage"],
        "completed": sum(step.status.through for step in job.steps),
        "totalSteps": progress["totalSteps"],
        "currentStep": step[:_STEP_NAME] if step else None,
        "updatedAt": job.updated_at,
    }
    if job.status is JobStatus.FAILED and job.error:
        snapshot["error"] = {"code": job.error.code, "retryable": job.error.retryable}
    return snapshot


def _failed(name: EventName | None, job_id: str | None, error: ContentArchitectError) -> EventReply:
    later = error.retryable or error.code == "rate_limited"
    detail: ReplyError = {"code": error.code, "message": str(error), "retryable": later}
    return {"event": name, "jobId": job_id, "error": detail}
