"""What to do with a delivery, decided from the job row alone: pure, and tested case by case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from orchestration.jobs import JobStatus, StoredJob, moment

MAX_CLAIMS_WITHOUT_PROGRESS = 5


class Verdict(Enum):
    """The ways a delivery can go."""

    LATCHED = auto()
    """The job failed on this very message: finish the epilogue, raise until it is dead-lettered."""
    ENDED = auto()
    """The job has ended: finish the epilogue if it is owed, acknowledge."""
    OWNED = auto()
    """Somebody works on it: acknowledge, schedule nothing."""
    EARLY = auto()
    """It must wait: send the current dispatch again, scheduled, and acknowledge."""
    REFRESH = auto()
    """Healthy, but this message is nearly used up: send a fresh one, then acknowledge this one."""
    LOST_WORKERS = auto()
    """Claimed again and again without progress: it kills its workers; fail it."""
    CANCEL = auto()
    """Its owner asked it to stop: end it as cancelled."""
    CLAIM = auto()
    """Claim it and run it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """The message side of the decision."""

    message_id: str
    delivery_count: int
    max_delivery_count: int


def decide(stored: StoredJob, wake: Wake, now: datetime) -> Verdict:
    """The verdict for a delivery. The order of the cases is the rule."""
    job = stored.job
    if job.status.terminal:
        return Verdict.LATCHED if job.latched_message == wake.message_id else Verdict.ENDED
    if stored.leased:
        return Verdict.OWNED
    if job.cancel_requested_at:
        return Verdict.CANCEL
    if job.status is JobStatus.QUEUED and job.next_attempt_at and moment(job.next_attempt_at) > now:
        return Verdict.EARLY
    if job.claims_without_progress >= MAX_CLAIMS_WITHOUT_PROGRESS:
        return Verdict.LOST_WORKERS
    if wake.delivery_count >= wake.max_delivery_count - 1:
        return Verdict.REFRESH
    return Verdict.CLAIM
