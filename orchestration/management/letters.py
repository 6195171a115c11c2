"""Dead letters as values: what a message in ``$DeadLetterQueue`` says, and what its death means for its job. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from orchestration.ids import canonical_job_id, derived_job_id
from orchestration.jobs import Job, StoredJob
from orchestration.messages import Delivery, Malformed, WakeUp, read_message

QUEUES = ("content-jobs-high", "content-jobs", "content-jobs-low")
EXPIRED = "TTLExpiredException"
"""The broker's reason for a message that nobody took within its time to live."""

_DISPATCH = re.compile(r"^[0-9a-f-]{36}:(\d{1,9})(?::|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message in the dead-letter queue of ``delivery.queue``."""

    sequence_number: int
    delivery: Delivery
    reason: str = ""
    description: str = ""
    enqueued_at: datetime | None = None

    @property
    def is_wake_up(self) -> bool:
        """True for one of our own messages: there was a job."""
        return isinstance(read_message(self.delivery), WakeUp)

    def job_id(self, default_tenant: str) -> str | None:
        """The job that the message is about; None when nobody can read it."""
        message = read_message(self.delivery)
        if isinstance(message, Malformed):
            return None
        if isinstance(message, WakeUp):
            return message.job_id
        if message.job_id:
            return canonical_job_id(message.job_id)
        return derived_job_id("message", self.tenant(default_tenant), self.delivery.identity)

    def tenant(self, default_tenant: str) -> str:
        """Whose message it is."""
        return self.delivery.tenant(default_tenant)

    def belongs_to(self, job: Job) -> bool:
        """Whether the letter is of this job: a producer's message may name a job that it did not make."""
        return self.is_wake_up or job.latched_message == self.delivery.identity

    @property
    def dispatch(self) -> int:
        """The job's dispatch that the message carried: part of our message ids, the first for all others."""
        match = _DISPATCH.match(self.delivery.message_id)
        return int(match.group(1)) if match else 1


class Meaning(Enum):
    """What a dead letter means for its job."""

    NOTHING = auto()
    """The job has ended, somebody works on it, or a later message carries it."""
    RUN_AGAIN = auto()
    """It waited too long: send another."""
    FAILED = auto()
    """Its message died and nothing else carries it: the job has failed."""


def meaning(letter: DeadLetter, stored: StoredJob | None) -> Meaning:
    """The rule of reconciliation.

    A producer's message carries nothing once its job is accepted, and a refused one may name any job: it means
    nothing for jobs.
    """
    if not letter.is_wake_up or stored is None:
        return Meaning.NOTHING
    if stored.job.status.terminal or stored.leased:
        return Meaning.NOTHING
    if stored.job.dispatch != letter.dispatch:
        return Meaning.NOTHING
    return Meaning.RUN_AGAIN if letter.reason == EXPIRED else Meaning.FAILED


class Handler(Protocol):
    """Decides on one letter."""

    async def __call__(self, letter: DeadLetter) -> bool:
        """True: its work is done, remove it. False: put it back."""
        ...

    @property
    def done(self) -> bool:
        """True when no further letter is wanted."""
        ...


class DeadLetterBox(Protocol):
    """The dead-letter queues. Raises :class:`QueueUnavailable`."""

    async def peek(self, queue: str, *, after: int, limit: int) -> list[DeadLetter]:
        """Look at letters with a sequence number above ``after``, in order, without taking them."""
        ...

    async def settle(self, queue: str, handler: Handler, *, limit: int) -> int:
        """Take up to ``limit`` letters, hand each to ``handler`` once, and remove or put back as it says.

        Returns how many were removed. An error of the handler puts everything back that was not removed.
        """
        ...
