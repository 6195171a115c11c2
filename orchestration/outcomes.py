"""What becomes of a message after its delivery was processed: exactly one of three."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Completed:
    """The message has done its work: acknowledge it."""

    note: str


@dataclass(frozen=True, slots=True)
class RetryLater:
    """A scheduled message carries the job on: acknowledge this one. ``delay`` is in seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Raise, so that the broker moves this message to the dead-letter queue."""

    reason: str


Outcome = Completed | RetryLater | DeadLetter
