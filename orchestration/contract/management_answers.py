"""The shapes of answers about many jobs, workflows, dead letters and callbacks. See :mod:`orchestration.contract.answers`."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from orchestration.contract.answers import FieldProblem, JobErrorView, JobId, Link, Time, Usage
from orchestration.identity import Role

# ---------------------------------------------------------------- statistics


class Durations(TypedDict):
    """Of jobs, in seconds."""

    count: int
    p50: float | None
    p95: float | None


class LayerDurations(TypedDict):
    """Of one layer's steps, in milliseconds."""

    layer: str
    count: int
    p50Ms: float | None
    p95Ms: float | None


class StepDurations(LayerDurations):
    """Of one step, in milliseconds."""

    step: str


class DayThroughput(TypedDict):
    """Jobs that ended on one day (UTC)."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    completed: int
    failed: int
    cancelled: int


class EndedByStatus(TypedDict):
    """How many ended how."""

    completed: int
    failed: int
    cancelled: int


Statistics = TypedDict(
    "Statistics",
    {
        "from": Time,
        "to": Time,
        "asOf": Time,
        "jobs": int,
        "byStatus": EndedByStatus,
        "byType": dict[str, int],
        "byWorkflow": dict[str, int],
        "successRate": float | None,
        "processingSeconds": Durations,
        "queueSeconds": Durations,
        "layers": list[LayerDurations],
        "steps": list[StepDurations],
        "throughput": list[DayThroughput],
        "usage": Usage,
    },
)
"""Figures over the jobs that ended in whole hours from ``from`` to before ``to`` (a word that Python keeps)."""


# ---------------------------------------------------------------- workflows


class RetryView(TypedDict):
    """How a step is tried again within an attempt. Seconds."""

    maxTries: int
    baseSeconds: float
    factor: float
    capSeconds: float


class WorkflowStepView(TypedDict):
    """A step in the very shape that is sent in."""

    name: str
    service: str
    optional: bool
    dependsOn: list[str]
    timeoutSeconds: float
    retry: RetryView
    onlyIf: str | None


class WorkflowPlan(TypedDict):
    """In which order the steps run: those of one wave side by side."""

    order: list[str]
    waves: list[list[str]]
    criticalPath: list[str]
    estimatedSeconds: float


class WorkflowLinks(TypedDict):
    """Where it is, and how another version becomes the active one."""

    self: Link
    activate: NotRequired[Link]


class WorkflowItem(TypedDict):
    """A workflow in a listing."""

    id: str
    name: str
    description: str
    predefined: bool
    activeVersion: int
    latestVersion: int
    createdAt: NotRequired[Time]
    updatedAt: NotRequired[Time]
    links: WorkflowLinks


class WorkflowView(WorkflowItem):
    """A workflow with its steps and its plan."""

    version: int
    steps: list[WorkflowStepView]
    plan: WorkflowPlan


class WorkflowList(TypedDict):
    """The predefined workflows, then the tenant's own."""

    value: list[WorkflowItem]


class WorkflowCheck(TypedDict):
    """Whether a definition is valid: what is wrong, or else the plan."""

    valid: bool
    errors: list[FieldProblem]
    plan: NotRequired[WorkflowPlan]


# ---------------------------------------------------------------- dead letters, callbacks


class LetterLinks(TypedDict):
    """The letter's job, where it names one."""

    job: NotRequired[Link]


class LetterView(TypedDict):
    """A message in a dead-letter queue. ``body`` is its beginning, as base64 where it is no text."""

    queue: str
    sequenceNumber: int
    messageId: str
    jobId: JobId | None
    reason: Annotated[str, Field(description="The broker's word, such as `MaxDeliveryCountExceeded`.")]
    description: Annotated[str, Field(description="The broker's explanation.")]
    deliveryCount: int
    enqueuedAt: Time | None
    body: str
    links: LetterLinks
    error: NotRequired[
        Annotated[
            JobErrorView,
            Field(
                description="Why the message died: the error of its job, or `message_refused` with what was wrong with a "
                "message that made no job. Absent where neither is known."
            ),
        ]
    ]


class LetterList(TypedDict):
    """A page of dead letters, oldest first. ``nextLink`` is absent on the last page."""

    value: list[LetterView]
    nextLink: NotRequired[Link]


class LeftLetter(TypedDict):
    """A letter that made no job and stays."""

    sequenceNumber: int
    reason: str


class RedriveReport(TypedDict):
    """What became of the letters that were asked for."""

    redriven: Annotated[list[JobId], Field(description="Jobs that run again.")]
    removed: int
    purged: int
    left: list[LeftLetter]
    more: Annotated[bool, Field(description="There may be letters that were not looked at: call again.")]


class AttemptView(TypedDict):
    """One try of a callback."""

    number: int
    at: Time
    status: Annotated[int | None, Field(description="HTTP status of the answer; null where there was none.")]
    error: str | None
    durationMs: int


class DeliveryLinks(TypedDict):
    """How to call again."""

    redeliver: Link


class DeliveryView(TypedDict):
    """A callback of a job with its tries."""

    id: str
    webhookId: Annotated[str, Field(description="The header webhook-id, the same on every try.")]
    type: str
    url: str | None
    status: Literal["pending", "delivered", "failed", "cancelled"]
    createdAt: Time
    nextAttemptAt: Time | None
    endedAt: Time | None
    attempts: list[AttemptView]
    links: DeliveryLinks


class DeliveryList(TypedDict):
    """The callbacks of a job."""

    value: list[DeliveryView]


class NewSecret(TypedDict):
    """The secret that signs callbacks from now on, shown this once; the one before signs too until then."""

    secret: str
    createdAt: Time
    previousSignsUntil: Time | None


class TestCallReport(TypedDict):
    """What came of one signed call."""

    delivered: bool
    status: int | None
    error: str | None
    durationMs: int


# ---------------------------------------------------------------- keys


class KeyView(TypedDict):
    """An API key without its secret. ``revokedAt`` is null while it is live."""

    id: str
    name: str
    role: Role
    createdAt: Time
    createdBy: str
    expiresAt: Time
    revokedAt: Time | None


class KeyList(TypedDict):
    """The tenant's keys, oldest first."""

    value: list[KeyView]


class NewKey(KeyView):
    """A key that was just issued; ``key`` is shown this once."""

    key: str


class AuditEntry(TypedDict):
    """One thing that was done, or refused. ``address`` is a keyed hash of the caller's address."""

    at: Time
    action: str
    actor: str
    jobId: str | None
    address: str | None
    result: str
    traceId: str


class AuditList(TypedDict):
    """A page of the audit log, newest first."""

    value: list[AuditEntry]
    nextLink: NotRequired[str]
