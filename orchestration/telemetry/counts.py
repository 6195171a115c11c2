"""What jobs and steps add to the metrics, and the one log record of every job that ends."""

from __future__ import annotations

import logging
from datetime import datetime

from orchestration.jobs import Job, JobStatus, moment
from orchestration.telemetry.metrics import record
from orchestration.telemetry.switch import SWITCH

_log = logging.getLogger(__name__)


def submitted(job: Job) -> None:
    """A job was accepted."""
    record("content.jobs.submitted", 1, _kind(job))


def first_claim(job: Job) -> None:
    """A job's first claim since it was queued: how long it waited."""
    seconds = _since_queued(job, moment(job.updated_at))
    record("content.job.queue_time", seconds, {**_kind(job), "queue": job.queue})


def ended(job: Job) -> None:
    """A terminal commit of this process: counted, measured, and written down with its figures."""
    if SWITCH.tracer is None:
        return
    now = moment(job.completed_at or job.updated_at)
    outcome, code = job.status.value, job.error.code if job.error else ""
    record("content.jobs.completed", 1, {**_kind(job), "outcome": outcome, "error.type": code})
    seconds = _since_queued(job, now)
    record("content.job.duration", seconds, {**_kind(job), "outcome": outcome})
    if job.dead_lettered:
        record("content.deadletter", 1, {"queue": job.queue, "error.type": code})
    level = logging.WARNING if job.status is JobStatus.FAILED else logging.INFO
    extra = {
        "outcome": outcome,
        "workflowType": job.workflow_type,
        "contentType": job.type,
        "content.error.code": code,
        "content.duration_s": round(seconds, 3),
        "content.attempts": job.attempt,
        "content.tokens_in": job.tokens_in,
        "content.tokens_out": job.tokens_out,
        "content.cost_usd": job.cost,
        "job_id": job.job_id,
    }
    _log.log(level, "job ended", extra=extra)


def step_ended(
    job: Job, *, step: str, layer: str, outcome: str, code: str, duration_ms: int, tries: int
) -> None:
    """A step is through, or has failed for good."""
    where = {"workflowType": job.workflow_type, "layer": layer, "step": step}
    record("content.step.duration", duration_ms / 1000, {**where, "outcome": outcome, "error.type": code})
    if tries > 1:
        record("content.step.retries", tries - 1, where)


def callback_tried(outcome: str, number: int) -> None:
    """One try of a callback, its number counted up to ten."""
    record("content.webhook.delivery", 1, {"outcome": outcome, "attempt": str(min(number, 10))})


def _kind(job: Job) -> dict[str, str]:
    return {"contentType": job.type, "workflowType": job.workflow_type}


def _since_queued(job: Job, now: datetime) -> float:
    return max(0.0, (now - moment(job.queued_at or job.created_at)).total_seconds())
