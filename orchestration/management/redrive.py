"""Redrive: send the jobs of dead letters back.

It is a retry: the job row first, then the message, then the dead letter is removed. Cut off anywhere, it can be
repeated: a letter whose job is not failed any more is only removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestration.errors import InvalidRequest, RequestRefused
from orchestration.ids import canonical_job_id
from orchestration.job_management import JobManagementService
from orchestration.jobs import Job, JobStatus
from orchestration.management.audit import Action, Actor, AuditTrail
from orchestration.management.letters import DeadLetter
from orchestration.ports import JobStore
from orchestration.schemas import field_errors

MAX_TAKEN = 1000


class RedriveRequest(BaseModel):
    """The body of ``POST deadletters/redrive``: exactly one of ``sequenceNumbers``, ``jobIds`` and ``all``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Literal["content-jobs-high", "content-jobs", "content-jobs-low"]
    sequence_numbers: Annotated[frozenset[int], Field(max_length=MAX_TAKEN)] | None = Field(
        None, alias="sequenceNumbers"
    )
    job_ids: Annotated[frozenset[str], Field(max_length=MAX_TAKEN)] | None = Field(None, alias="jobIds")
    all: Literal[True] | None = None
    purge_malformed: bool = Field(False, alias="purgeMalformed")

    @model_validator(mode="after")
    def _one_choice(self) -> RedriveRequest:
        given = [choice for choice in (self.sequence_numbers, self.job_ids, self.all) if choice]
        if len(given) != 1:
            raise ValueError("give exactly one of sequenceNumbers, jobIds and all")
        if any(canonical_job_id(job_id) != job_id for job_id in self.job_ids or ()):
            raise ValueError("jobIds should be ids of jobs")
        return self


def parse_redrive(value: object) -> RedriveRequest:
    """Check the body. Raises :class:`InvalidRequest`."""
    try:
        return RedriveRequest.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error


@dataclass(slots=True, kw_only=True)
class Redrive:
    """One redrive under way: decides on each letter and remembers what became of it."""

    management: JobManagementService
    store: JobStore
    audit: AuditTrail
    request: RedriveRequest
    actor: Actor
    default_tenant: str
    redriven: list[str] = field(default_factory=list)
    removed: int = 0
    purged: int = 0
    left: list[dict[str, Any]] = field(default_factory=list)
    looked: int = 0
    _missing: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Know what is asked for by number."""
        self._missing = set(self.request.sequence_numbers or ())

    @property
    def done(self) -> bool:
        """All numbers that were asked for have been seen."""
        return self.request.sequence_numbers is not None and not self._missing

    async def __call__(self, letter: DeadLetter) -> bool:
        """Send the letter's job back if it is one of those asked for."""
        self.looked += 1
        job_id = letter.job_id(self.default_tenant)
        if not self._wanted(letter, job_id):
            return False
        self._missing.discard(letter.sequence_number)
        stored = await self.store.read_job(job_id) if job_id else None
        if stored is None or not self._is_of(letter, stored.job):
            return await self._without_job(letter, job_id)
        if stored.job.status is JobStatus.FAILED and await self._run_again(stored.job):
            self.redriven.append(stored.job.job_id)
        else:
            self.removed += 1
        return True

    def _wanted(self, letter: DeadLetter, job_id: str | None) -> bool:
        if not self.actor.everywhere and letter.tenant(self.default_tenant) != self.actor.tenant:
            return False  # somebody else's: left as if it were not there
        if self.request.sequence_numbers is not None:
            return letter.sequence_number in self._missing
        return self.request.all is True or job_id in (self.request.job_ids or ())

    def _is_of(self, letter: DeadLetter, job: Job) -> bool:
        return (self.actor.everywhere or job.tenant == self.actor.tenant) and letter.belongs_to(job)

    async def _run_again(self, job: Job) -> bool:
        actor = replace(self.actor, tenant=job.tenant)
        try:
            await self.management.run_again(actor, job.job_id, from_scratch=False, action=Action.REDRIVE)
        except RequestRefused:
            return False  # retried or deleted meanwhile
        return True

    async def _without_job(self, letter: DeadLetter, job_id: str | None) -> bool:
        """The letter of a deleted job goes; one that never made a job stays, unless it is to be purged."""
        if letter.is_wake_up:
            self.removed += 1
            return True
        number = letter.sequence_number
        if not self.request.purge_malformed:
            reason = letter.description or letter.reason
            self.left.append({"sequenceNumber": number, "reason": reason})
            return False
        self.purged += 1
        await self.audit.record(self.actor, Action.PURGE, job_id or "", f"{letter.delivery.queue} {number}")
        return True
