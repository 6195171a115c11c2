"""Examples for the contract, made by the very code that answers calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestration.contract.answers import JobView, Problem
from orchestration.errors import FieldError, InvalidRequest
from orchestration.jobs import Job, JobStatus, Priority, StepRecord, StepStatus, stamp
from orchestration.views import Links, job_view, problem

_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_LINKS = Links(base="https://api.example.com")
_STEPS = (
    StepRecord(name="analyze_intent", layer="bottom", service="queryIntentAnalyzer"),
    StepRecord(name="optimize_content", layer="top", service="llmContentOptimizer"),
)


def _job(status: JobStatus, steps: tuple[StepRecord, ...], sequence: int, after: float) -> Job:
    started = stamp(_AT + timedelta(seconds=0.2)) if status is not JobStatus.QUEUED else None
    return Job(
        job_id="0193a1b2-7c4d-7e5f-8a9b-0c1d2e3f4a5b",
        tenant="example",
        type="content_generation",
        topic="How much sleep do adults need?",
        status=status,
        priority=Priority.NORMAL,
        queue="content-jobs",
        workflow_type="standard",
        created_at=stamp(_AT),
        updated_at=stamp(_AT + timedelta(seconds=after)),
        started_at=started,
        attempt=1 if started else 0,
        fingerprint="",
        max_attempts=3,
        timeout_seconds=900.0,
        expires_at=stamp(_AT + timedelta(days=30)),
        estimated_seconds=10.0,
        sequence=sequence,
        steps=steps,
    )


def queued_job() -> JobView:
    """A job that was just accepted."""
    return job_view(_job(JobStatus.QUEUED, _STEPS, 1, 0), _LINKS)


def running_job() -> JobView:
    """A job whose first step is through."""
    done = StepRecord(
        name="analyze_intent",
        layer="bottom",
        service="queryIntentAnalyzer",
        status=StepStatus.COMPLETED,
        started_at=stamp(_AT + timedelta(seconds=0.2)),
        ended_at=stamp(_AT + timedelta(seconds=0.5)),
        attempt=1,
        duration_ms=300,
    )
    return job_view(_job(JobStatus.PROCESSING, (done, _STEPS[1]), 3, 0.5), _LINKS)


def wrong_request() -> Problem:
    """A request with a wrong field."""
    error = InvalidRequest([FieldError(pointer="/contentType", detail="should be one of the known types")])
    return problem(error, "0af7651916cd43dd8448eb211c80319c")
