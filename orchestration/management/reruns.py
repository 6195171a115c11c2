"""Running a job again: what a retry changes, and what a fork takes over. Pure, but for the request's own checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from layers.catalog import CATALOG, StepDeclaration
from orchestration.errors import FieldError, InvalidRequest, RequestRefused
from orchestration.jobs import Job, JobInput, JobStatus, StepRecord, StepStatus, stamp
from orchestration.schemas import GenerateRequest, field_errors, parse_request
from orchestration.settings import Settings
from orchestration.workflows import PREDEFINED, RESULT_ARTIFACT, Workflow, in_order, workflow_for

RERUNNABLE = (JobStatus.FAILED, JobStatus.CANCELLED)

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def retried(job: Job, now: datetime, settings: Settings, *, from_scratch: bool) -> Job:
    """The failed or cancelled job as it waits to run again, with a new budget of attempts.

    Finished steps are kept, unless it starts over: then ``run`` rises, so that old checkpoints are out of reach.
    Raises :class:`RequestRefused` 409 for a job that is in any other status.
    """
    if job.status not in RERUNNABLE:
        raise RequestRefused(
            f"the job is {job.status}; only failed and cancelled jobs can be retried",
            code="job_not_retryable",
            status=409,
        )
    again = job.move(
        JobStatus.QUEUED,
        now,
        dispatch=job.dispatch + 1,
        retries=job.retries + 1,
        attempt=0,
        max_attempts=settings.job_max_retries,
        expires_at=stamp(now + timedelta(days=settings.retention_days)),
        queued_at=stamp(now),
        started_at=None,
        completed_at=None,
        error=None,
        latched_message=None,
        dead_lettered=False,
        next_attempt_at=None,
        cancel_requested_at=None,
        lease_owner=None,
        claims_without_progress=0,
        steps=tuple(s if s.status.through else _pending(s) for s in job.steps),
    )
    if not from_scratch:
        return again
    steps = tuple(_pending(s) for s in job.steps)
    return replace(again, run=job.run + 1, steps=steps, warnings=(), result_rows=0)


def _pending(step: StepRecord) -> StepRecord:
    return StepRecord(name=step.name, layer=step.layer, service=step.service)


class ForkRequest(BaseModel):
    """The body of ``POST job/{id}/fork``. ``request`` holds fields to change, ``workflow`` another workflow type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_step: _Name = Field(alias="fromStep")
    request: dict[str, Any] | None = None
    workflow: _Name | None = None


def parse_fork(value: object) -> ForkRequest:
    """Check the body. Raises :class:`InvalidRequest`."""
    try:
        return ForkRequest.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkPlan:
    """A fork before it is stored: what it runs on, and the finished steps that it takes over."""

    request: GenerateRequest
    workflow: Workflow
    input: JobInput | None
    reused: tuple[StepRecord, ...]


def plan_fork(
    source: Job,
    original: JobInput,
    fork: ForkRequest,
    *,
    now: datetime,
    languages: frozenset[str],
    catalog: Mapping[str, StepDeclaration] = CATALOG,
) -> ForkPlan:
    """What a fork of ``source`` is made of.

    ``input`` is None when the request was changed: it is made anew then. Raises :class:`InvalidRequest` for a
    request that does not hold, an unknown workflow, and a step that the workflow does not have.
    """
    request = _changed_request(original, fork, now, languages)
    workflow = _workflow(original, fork, request)
    order = [step.name for step in in_order(workflow, catalog)]
    if fork.from_step not in order:
        known = ", ".join(order)
        raise InvalidRequest(
            [FieldError(pointer="/fromStep", detail=f"{fork.from_step} is not a step; known: {known}")]
        )
    before = set(order[: order.index(fork.from_step)])
    services = {step.name: step.service for step in workflow.steps}
    reused = tuple(
        step
        for step in source.steps
        if step.name in before
        and step.status is StepStatus.COMPLETED
        and step.rows
        and services[step.name] == step.service
        and catalog[step.service].provides != RESULT_ARTIFACT
    )
    kept = (
        None
        if fork.request
        else JobInput(brief=original.brief, workflow=workflow.to_snapshot(), request=original.request)
    )
    return ForkPlan(request=request, workflow=workflow, input=kept, reused=reused)


def _changed_request(
    original: JobInput, fork: ForkRequest, now: datetime, languages: frozenset[str]
) -> GenerateRequest:
    """The original request with the changes. Its schedule is not repeated: the fork runs now, unless told."""
    given = {name: original.brief[name] for name in ("sources", "content") if original.brief.get(name)}
    merged = {**original.request, **given, "async": True, "scheduledFor": None, **(fork.request or {})}
    try:
        request = parse_request(merged, now=now, can_write=languages)
    except InvalidRequest as error:
        inside = [FieldError(pointer=f"/request{e.pointer}", detail=e.detail) for e in error.errors]
        raise InvalidRequest(inside) from error
    if request.type.value != original.brief["jobType"]:
        raise InvalidRequest(
            [FieldError(pointer="/request/type", detail="cannot differ from the job's type")]
        )
    return request


def _workflow(original: JobInput, fork: ForkRequest, request: GenerateRequest) -> Workflow:
    """The job's own workflow, unless the fork names another or changes what decides on the steps."""
    if fork.workflow is not None:
        if fork.workflow not in PREDEFINED:
            detail = f"should be one of: {', '.join(PREDEFINED)}"
            raise InvalidRequest([FieldError(pointer="/workflow", detail=detail)])
        return workflow_for(request.type, fork.workflow, request.flags)
    if {"workflowType", *request.flags} & set(fork.request or {}):
        return workflow_for(request.type, request.workflow_type, request.flags)
    return Workflow.from_snapshot(original.workflow)
