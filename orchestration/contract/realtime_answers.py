"""The shapes of realtime's answers: sockets, replies to a client's events, connections. See :mod:`orchestration.contract.answers`."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from orchestration.contract.answers import JobId, JobLinks, Link, Time

_Url = Annotated[str, Field(description="wss address with a short-lived token; treat it as a secret.")]


class SocketAddress(TypedDict):
    """A Web PubSub address that receives, and whose token admits for five minutes."""

    url: _Url
    group: str
    expiresInSeconds: int
    expiresAt: Time


class Socket(SocketAddress):
    """A Web PubSub address whose token receives one job's events, and nothing else."""

    lastSequence: Annotated[int, Field(description="Events up to here are in the log already.")]
    events: Link


class UserSocket(SocketAddress):
    """A Web PubSub address that receives the events of all jobs that its caller submits."""

    jobs: Annotated[Link, Field(description="The listing of jobs.")]


class SnapshotError(TypedDict):
    """Why the job failed."""

    code: str
    retryable: bool


class Snapshot(TypedDict):
    """Where a job stands, in the fields of its events."""

    status: Literal["queued", "processing", "completed", "failed", "cancelled"]
    attempt: int
    percentage: int
    completed: int
    totalSteps: int
    currentStep: str | None
    updatedAt: Time
    error: NotRequired[SnapshotError]


class ReplyError(TypedDict):
    """What is wrong with a client's event, or cannot be done now."""

    code: Annotated[
        str,
        Field(
            description="`job_not_found`, `bad_event`, `unknown_event`, `too_many_subscriptions`, `connection_gone`, "
            "`rate_limited`, `storage_unavailable` or `realtime_unavailable`."
        ),
    ]
    message: str
    retryable: bool


class EventReply(TypedDict):
    """The reply to ``SubscribeToJob`` or ``UnsubscribeFromJob``; ``event`` is null for any other event."""

    event: Literal["SubscribeToJob", "UnsubscribeFromJob"] | None
    jobId: str | None
    subscribed: NotRequired[bool]
    group: NotRequired[str]
    lastSequence: NotRequired[int]
    job: NotRequired[Snapshot]
    links: NotRequired[JobLinks]
    error: NotRequired[ReplyError]


class UpstreamReply(TypedDict):
    """The reply to a client's event as in :class:`EventReply`, or ``userId`` and ``subprotocol`` for one that connects."""

    userId: NotRequired[str]
    subprotocol: NotRequired[str]
    event: NotRequired[Literal["SubscribeToJob", "UnsubscribeFromJob"] | None]
    jobId: NotRequired[str | None]
    subscribed: NotRequired[bool]
    group: NotRequired[str]
    lastSequence: NotRequired[int]
    job: NotRequired[Snapshot]
    links: NotRequired[JobLinks]
    error: NotRequired[ReplyError]


class ConnectionView(TypedDict):
    """An open socket. ``user`` is a digest of whose it is; ``jobs`` are those that it subscribed to."""

    connectionId: str
    user: str
    group: str
    jobs: list[JobId]
    since: Time
    lastSeen: Time


class Publishing(TypedDict):
    """What this process published. Updates that were dropped are in the event log all the same."""

    state: Annotated[str, Field(description="Of the breaker: closed, open or half_open.")]
    published: int
    failed: int
    dropped: int
    waiting: int


class ConnectionList(TypedDict):
    """The tenant's open sockets. ``partial``: there are more than are shown or counted.

    ``publishing`` is there for the operator of the whole installation alone.
    """

    value: list[ConnectionView]
    connections: int
    users: int
    byJob: dict[str, int]
    partial: bool
    publishing: NotRequired[Publishing]
