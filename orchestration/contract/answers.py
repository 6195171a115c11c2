"""The shapes of all answers, as types: mypy holds the views to them, and the OpenAPI document is made from them.

Where calls are answered they are imported for type checking alone, so they cost nothing there. An absent member is ``NotRequired``; one that may be null
says so. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from layers.contract import JobType
from orchestration.events import EventType
from orchestration.jobs import JobStatus, Priority, StepStatus

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Link = Annotated[str, Field(json_schema_extra={"format": "uri"})]
JobId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class FieldProblem(TypedDict):
    """One wrong field or parameter."""

    pointer: Annotated[str, Field(description="JSON pointer (RFC 6901); empty for the whole.")]
    detail: Annotated[str, Field(description="What is wrong, or what would be right.")]


class Problem(TypedDict):
    """What went wrong (RFC 9457), with a stable ``code`` for programs."""

    type: Annotated[str, Field(description="urn:content-architect:problem:<code>")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: Annotated[str, Field(description="Stable; also in the header x-ms-error-code.")]
    errors: list[FieldProblem]
    traceId: Annotated[
        str, Field(description="Also in the header X-Request-Id; name it when asking for help.")
    ]


# ---------------------------------------------------------------- jobs


class Progress(TypedDict):
    """How far a job is."""

    currentStep: str | None
    completedSteps: list[str]
    totalSteps: int
    percentage: Annotated[int, Field(ge=0, le=100)]


class StepView(TypedDict):
    """One step of the job's workflow. ``cached``: its artifact came from identical work done before."""

    name: str
    layer: str
    service: str
    status: StepStatus
    startedAt: Time | None
    endedAt: Time | None
    attempt: int
    durationMs: int
    cached: bool


class JobErrorView(TypedDict):
    """Why a job failed. ``retryable``: the same job may succeed when it is tried again."""

    code: str
    message: str
    step: str | None
    retryable: bool


class WarningView(TypedDict):
    """Something worth knowing about a result: what, where, and what would cure it."""

    severity: Literal["error", "warning", "info"]
    code: str
    where: str
    fix: str


class Usage(TypedDict):
    """What language models read and wrote for a job. ``cost`` is in US dollars, by the configured prices."""

    tokensIn: int
    tokensOut: int
    cost: float


class JobMetadata(TypedDict):
    """Times and labels of a job. ``processingTime`` is in seconds."""

    createdAt: Time
    updatedAt: Time
    startedAt: Time | None
    completedAt: Time | None
    processingTime: float | None
    expiresAt: Time
    userId: str | None
    projectId: str | None
    tags: list[str]


class JobLinks(TypedDict):
    """What can be done with a job in its status, as absolute links."""

    self: Link
    events: Link
    negotiate: Link
    result: NotRequired[Link]
    cancel: NotRequired[Link]
    retry: NotRequired[Link]


class JobView(TypedDict):
    """A job. ``result`` is there in the 200 answer to a synchronous call alone; else follow ``links.result``."""

    jobId: JobId
    type: JobType
    topic: str
    status: JobStatus
    message: str
    estimatedCompletionTime: Time | None
    progress: Progress
    steps: list[StepView]
    attempt: int
    maxAttempts: int
    nextAttemptAt: Time | None
    priority: Priority
    workflowType: str
    workflowId: str | None
    workflowVersion: int | None
    sequence: Annotated[int, Field(description="Of the last event in the job's log.")]
    warnings: list[WarningView]
    usage: Usage
    deadLettered: bool
    retries: Annotated[int, Field(description="How often the job was retried by a call.")]
    forkedFrom: JobId | None
    metadata: JobMetadata
    links: JobLinks
    error: NotRequired[JobErrorView]
    result: NotRequired[Any]


class SummaryMetadata(TypedDict):
    """Times and labels of a job in a listing."""

    createdAt: Time
    startedAt: Time | None
    completedAt: Time | None
    expiresAt: Time
    userId: str | None
    projectId: str | None
    tags: list[str]


class SummaryLinks(TypedDict):
    """Where the whole job is."""

    self: Link


class SummaryError(TypedDict):
    """Why it failed."""

    code: str


class JobSummaryView(TypedDict):
    """A job in a listing."""

    jobId: JobId
    type: JobType
    topic: str
    status: JobStatus
    priority: Priority
    workflowType: str
    metadata: SummaryMetadata
    links: SummaryLinks
    error: NotRequired[SummaryError]


class JobList(TypedDict):
    """A page of jobs, newest first. ``nextLink`` is absent on the last page."""

    value: list[JobSummaryView]
    nextLink: NotRequired[Link]


class JobUpdateView(TypedDict):
    """One event: the same in the log, over the socket and in a callback's ``data``."""

    event: Literal["JobUpdate"]
    type: EventType
    jobId: JobId
    sequence: Annotated[
        NotRequired[int], Field(description="Dense from 1 per job; absent from ephemeral progress.")
    ]
    ephemeral: NotRequired[Literal[True]]
    timestamp: Time
    data: dict[str, Any]


class EventList(TypedDict):
    """A page of the event log, oldest first. ``nextLink`` is absent on the last page."""

    value: list[JobUpdateView]
    nextLink: NotRequired[Link]


# ---------------------------------------------------------------- health


class DependencyHealth(TypedDict):
    """One dependency: how the calls to it stand, and for a probed one what its probe met."""

    status: Literal["healthy", "unhealthy"]
    circuit: NotRequired[Literal["closed", "half_open", "open"]]
    reason: NotRequired[str]


class Health(TypedDict):
    """The service and what it depends on. ``degraded``: jobs are accepted, and run later."""

    status: Literal["healthy", "degraded", "unhealthy"]
    dependencies: Annotated[
        dict[str, DependencyHealth],
        Field(
            description="Each under one name: `tableStorage`, `serviceBus`, `webPubSub`, `callbacks`, `stepThreads`, "
            "and what is configured beside them."
        ),
    ]


class Liveness(TypedDict):
    """The process answers."""

    status: Literal["healthy"]
