"""What callers see: the job view, the result, problem documents. Built from values, never from rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from layers.contract import JobType
from orchestration.errors import ContentArchitectError, InvalidRequest
from orchestration.events import progress_of
from orchestration.jobs import Job, JobError, JobStatus, Priority, StepRecord, moment, stamp
from orchestration.management.job_index import JobSummary

if TYPE_CHECKING:
    from orchestration.contract.answers import (
        JobErrorView,
        JobLinks,
        JobMetadata,
        JobSummaryView,
        JobView,
        Problem,
        Progress,
        StepView,
        WarningView,
    )

_MESSAGES = {
    JobStatus.QUEUED: "The job waits for its turn.",
    JobStatus.PROCESSING: "The job is being worked on.",
    JobStatus.COMPLETED: "The result is ready.",
    JobStatus.FAILED: "The job failed.",
    JobStatus.CANCELLED: "The job was cancelled.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Absolute links of a job, built from the configured public base alone."""

    base: str

    def job(self, job_id: str, rest: str = "") -> str:
        """The link to a job or to a part of it."""
        return f"{self.base.rstrip('/')}/content-architect/job/{job_id}{rest}"

    def of(self, job: Job) -> JobLinks:
        """All links of a job, as far as they make sense in its status."""
        links: JobLinks = {
            "self": self.job(job.job_id),
            "events": self.job(job.job_id, "/events"),
            "negotiate": self.job(job.job_id, "/negotiate"),
        }
        if job.status is JobStatus.COMPLETED:
            links["result"] = self.job(job.job_id, "/result")
        if not job.status.terminal:
            links["cancel"] = self.job(job.job_id, "/cancel")
        if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            links["retry"] = self.job(job.job_id, "/retry")
        return links


def job_view(job: Job, links: Links) -> JobView:
    """The body of ``GET job/{id}``, 202 and 200."""
    view: JobView = {
        "jobId": job.job_id,
        "type": JobType(job.type),
        "topic": job.topic,
        "status": job.status,
        "message": _message(job),
        "estimatedCompletionTime": None if job.status.terminal else _estimate(job),
        "progress": cast("Progress", progress_of(job)),
        "steps": [_step_view(step) for step in job.steps],
        "attempt": job.attempt,
        "maxAttempts": job.max_attempts,
        "nextAttemptAt": job.next_attempt_at,
        "priority": job.priority,
        "workflowType": job.workflow_type,
        "workflowId": job.workflow_id,
        "workflowVersion": job.workflow_version,
        "sequence": job.sequence,
        "warnings": [cast("WarningView", warning) for warning in job.warnings],
        "usage": {"tokensIn": job.tokens_in, "tokensOut": job.tokens_out, "cost": job.cost},
        "deadLettered": job.dead_lettered,
        "retries": job.retries,
        "forkedFrom": job.forked_from,
        "metadata": _metadata(job),
        "links": links.of(job),
    }
    if job.error:
        view["error"] = error_view(job.error)
    return view


def error_view(error: JobError) -> JobErrorView:
    """Why a job failed, or why there is none."""
    return {
        "code": error.code,
        "message": error.message,
        "step": error.step,
        "retryable": error.retryable,
    }


def summary_view(job: JobSummary, links: Links) -> JobSummaryView:
    """An item of a listing: the fields of the job view that lists need, under the same names."""
    view: JobSummaryView = {
        "jobId": job.job_id,
        "type": JobType(job.type),
        "topic": job.topic,
        "status": job.status,
        "priority": Priority(job.priority),
        "workflowType": job.workflow_type,
        "metadata": {
            "createdAt": job.created_at,
            "startedAt": job.started_at,
            "completedAt": job.completed_at,
            "expiresAt": job.expires_at,
            "userId": job.user_id,
            "projectId": job.project_id,
            "tags": list(job.tags),
        },
        "links": {"self": links.job(job.job_id)},
    }
    if job.error_code:
        view["error"] = {"code": job.error_code}
    return view


def _message(job: Job) -> str:
    if job.status is JobStatus.FAILED and job.error:
        return job.error.message
    if job.status is JobStatus.PROCESSING and job.cancel_requested_at:
        return "The job stops at the next step boundary."
    return _MESSAGES[job.status]


def _estimate(job: Job) -> str:
    begin = moment(job.next_attempt_at or job.started_at or job.created_at)
    return stamp(begin + timedelta(seconds=job.estimated_seconds))


def _metadata(job: Job) -> JobMetadata:
    spent = None
    if job.started_at and job.completed_at:
        spent = round((moment(job.completed_at) - moment(job.started_at)).total_seconds(), 3)
    return {
        "createdAt": job.created_at,
        "updatedAt": job.updated_at,
        "startedAt": job.started_at,
        "completedAt": job.completed_at,
        "processingTime": spent,
        "expiresAt": job.expires_at,
        "userId": job.user_id,
        "projectId": job.project_id,
        "tags": list(job.tags),
    }


def _step_view(step: StepRecord) -> StepView:
    return {
        "name": step.name,
        "layer": step.layer,
        "service": step.service,
        "status": step.status,
        "startedAt": step.started_at,
        "endedAt": step.ended_at,
        "attempt": step.attempt,
        "durationMs": step.duration_ms,
        "cached": step.cached,
    }


def entity_tag(job: Job) -> str:
    """Changes with run, status, sequence and a cancel request: all that a caller can see change."""
    seen = f"{job.job_id}:{job.run}:{job.status}:{job.sequence}:{job.cancel_requested_at or ''}"
    return f'"{hashlib.sha256(seen.encode()).hexdigest()[:24]}"'


def problem(error: ContentArchitectError, trace_id: str) -> Problem:
    """RFC 9457 problem details with our code, the wrong fields and the trace id."""
    body: Problem = {
        "type": f"urn:content-architect:problem:{error.code.replace('_', '-')}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": str(error),
        "code": error.code,
        "errors": [],
        "traceId": trace_id,
    }
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in error.errors]
    return body
