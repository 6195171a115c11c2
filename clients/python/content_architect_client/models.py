"""Answers as types. They are plain dictionaries: what the service adds later is there too."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
ENDED = frozenset({"completed", "failed", "cancelled"})


class Progress(TypedDict):
    """How far a job is."""

    currentStep: str | None
    completedSteps: list[str]
    totalSteps: int
    percentage: int


class Job(TypedDict, total=False):
    """A job. ``result`` is there only in the answer to a submission that waited."""

    jobId: str
    type: str
    topic: str
    status: Status
    message: str
    estimatedCompletionTime: str | None
    progress: Progress
    steps: list[dict[str, Any]]
    attempt: int
    maxAttempts: int
    nextAttemptAt: str | None
    priority: str
    workflowType: str
    workflowId: str | None
    sequence: int
    warnings: list[dict[str, str]]
    usage: dict[str, float]
    deadLettered: bool
    forkedFrom: str | None
    metadata: dict[str, Any]
    links: dict[str, str]
    error: dict[str, Any]
    result: dict[str, Any]


class JobSummary(TypedDict, total=False):
    """A job in a listing."""

    jobId: str
    type: str
    topic: str
    status: Status
    priority: str
    workflowType: str
    metadata: dict[str, Any]
    links: dict[str, str]
    error: dict[str, str]


class Event(TypedDict, total=False):
    """Something that happened to a job. Ephemeral progress has no ``sequence``."""

    event: Literal["JobUpdate"]
    type: Literal["status_change", "progress_update", "step_completed", "error", "result_ready"]
    jobId: str
    sequence: int
    ephemeral: bool
    timestamp: str
    data: dict[str, Any]


class Callback(TypedDict):
    """The body of a callback."""

    type: str
    timestamp: str
    data: Event
