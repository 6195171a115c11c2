"""Job events: one envelope for the event log, Web PubSub messages and callbacks.

Events of a commit are durable and carry a dense ``sequence`` from 1; progress inside a step is ephemeral:
no sequence, not in the log, never a callback.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestration.jobs import Job, JobStatus, StepRecord

MAX_EVENT_BYTES = 2048
"""Web PubSub bills in units of 2 KB; an event links to what is larger."""

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_TEXT_LIMIT = 400
_TEXT_BYTES = 1200


class EventType(StrEnum):
    """What happened."""

    STATUS_CHANGE = "status_change"
    PROGRESS_UPDATE = "progress_update"
    STEP_COMPLETED = "step_completed"
    ERROR = "error"
    RESULT_READY = "result_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event before it has a place in the log."""

    type: EventType
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUpdate:
    """An event as watchers see it. ``sequence`` is None for ephemeral progress."""

    type: EventType
    job_id: str
    sequence: int | None
    timestamp: str
    data: dict[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The envelope of docs/api.md."""
        wire: dict[str, Any] = {"event": "JobUpdate", "type": self.type.value, "jobId": self.job_id}
        if self.sequence is None:
            wire["ephemeral"] = True
        else:
            wire["sequence"] = self.sequence
        return {**wire, "timestamp": self.timestamp, "data": self.data}

    def to_json(self) -> str:
        """Compact JSON, at most 2 KB."""
        return _json(self.to_wire())

    @classmethod
    def from_json(cls, text: str) -> JobUpdate:
        """The update of its JSON."""
        wire = json.loads(text)
        return cls(
            type=EventType(wire["type"]),
            job_id=wire["jobId"],
            sequence=wire.get("sequence"),
            timestamp=wire["timestamp"],
            data=wire["data"],
        )


def progress_of(job: Job) -> dict[str, Any]:
    """The progress part of job views and events."""
    waiting = [s.name for s in job.steps if s.status == "pending"]
    return {
        "currentStep": waiting[0] if waiting and job.status is JobStatus.PROCESSING else None,
        "completedSteps": [s.name for s in job.steps if s.status == "completed"],
        "totalSteps": len(job.steps),
        "percentage": job.percentage,
    }


def status_changed(job: Job, note: str | None = None) -> Event:
    """The job went to another status, or back to the queue with a delay."""
    data: dict[str, Any] = {"status": job.status.value, "attempt": job.attempt, "percentage": job.percentage}
    if job.next_attempt_at:
        data["nextAttemptAt"] = job.next_attempt_at
    if note:
        data["message"] = _short(note)
    return Event(type=EventType.STATUS_CHANGE, data=data)


def _short(text: str) -> str:
    """The text cut to what an event has room for; characters count as their JSON does, up to six bytes each."""
    text = text[:_TEXT_LIMIT]
    while len(json.dumps(text, ensure_ascii=False).encode()) > _TEXT_BYTES:
        text = text[: len(text) * 3 // 4]
    return text


def step_completed(job: Job, record: StepRecord) -> Event:
    """A step is through and its artifact is stored."""
    return Event(
        type=EventType.STEP_COMPLETED,
        data={
            "step": record.name,
            "layer": record.layer,
            "status": record.status.value,
            "durationMs": record.duration_ms,
            "completed": sum(s.status in ("completed", "skipped") for s in job.steps),
            "totalSteps": len(job.steps),
            "percentage": job.percentage,
        },
    )


def ended(job: Job, result_url: str) -> Event:
    """The terminal event: result_ready, error, or status_change for a cancelled job."""
    if job.status is JobStatus.COMPLETED:
        data: dict[str, Any] = {"status": job.status.value, "percentage": 100, "result": result_url}
        return Event(type=EventType.RESULT_READY, data=data)
    if job.status is JobStatus.FAILED and job.error:
        error = job.error
        data = {"code": error.code, "message": _short(error.message), "retryable": error.retryable}
        if error.step:
            data["step"] = error.step
        return Event(type=EventType.ERROR, data={"status": job.status.value, **data})
    return status_changed(job)
