"""Callbacks as values: which events a job owes one for, how a callback is a table row, how a try changes it.

The row ``callback|<sequence>`` is written in the commit of its event, with its body frozen; every try adds a row
``callback|<sequence>|<try>``. Both lie in the job's partition.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from orchestration.checkpoints import Row
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import Job, RowValue, moment, stamp
from orchestration.ports import OutgoingMessage
from orchestration.webhooks.signing import next_delay

QUEUE = "content-callbacks"
FIRST_KEY, LAST_KEY = "callback|", "callback}"
GONE = 410
"""The receiver's way to say that it wants no more of this."""

_TERMINAL_EVENTS = (EventType.RESULT_READY, EventType.ERROR, EventType.STATUS_CHANGE)


class CallbackStatus(StrEnum):
    """Where a callback stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAnswer:
    """What came of a call: the HTTP status, or None and why there is none. ``retry_after`` is in seconds.

    ``deferred``: the call was not made, since its host fails all the time; seconds until it may be.
    """

    status: int | None = None
    error: str = ""
    retry_after: float | None = None
    deferred: float | None = None
    duration_ms: int = 0

    @property
    def accepted(self) -> bool:
        """Only 2xx counts; a redirect is a failure (Standard Webhooks)."""
        return self.status is not None and 200 <= self.status < 300


class CallbackSender(Protocol):
    """Calls addresses that callers named, and those alone that may be called."""

    async def check(self, url: str) -> None:
        """Raises :class:`AddressRefused`. A name that cannot be looked up now passes: it is checked again by the call."""
        ...

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> CallbackAnswer:
        """Call once. Never raises for what the address or the network does: that is the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a callback."""

    number: int
    at: str
    status: int | None = None
    error: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback row. Times are RFC 3339 UTC.

    ``retries`` is the job's at the event: a job that was retried since owes nothing of what went before.
    ``dispatch`` rises with every write that makes the callback due again, and names its message; ``attempts``
    counts all tries, ``failures`` those since the schedule began.
    """

    sequence: int
    type: str
    body: str
    created_at: str
    status: CallbackStatus = CallbackStatus.PENDING
    retries: int = 0
    dispatch: int = 0
    attempts: int = 0
    failures: int = 0
    next_attempt_at: str | None = None
    ended_at: str | None = None

    @classmethod
    def of(cls, job: Job, update: JobUpdate) -> Callback:
        """The callback for an event of the job."""
        kind = f"job.{update.type.value}"
        payload = {"type": kind, "timestamp": update.timestamp, "data": update.to_wire()}
        return cls(
            sequence=update.sequence or 0,
            type=kind,
            body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False),
            created_at=update.timestamp,
            retries=job.retries,
        )

    @property
    def pending(self) -> bool:
        """True while it is to be delivered."""
        return self.status is CallbackStatus.PENDING

    def outdated(self, job: Job) -> bool:
        """True when the job was retried since the event, or is being deleted: nobody waits for it any more."""
        return self.retries < job.retries or job.deleted_at is not None

    def waits(self, now: datetime) -> bool:
        """True when its next try is not due yet."""
        return self.next_attempt_at is not None and moment(self.next_attempt_at) > now

    def after(self, answer: CallbackAnswer, now: datetime, *, chance: float) -> tuple[Callback, Attempt]:
        """The callback after a try, and the record of the try."""
        attempt = Attempt(
            number=self.attempts + 1,
            at=stamp(now),
            status=answer.status,
            error=answer.error,
            duration_ms=answer.duration_ms,
        )
        tried = replace(self, attempts=attempt.number, next_attempt_at=None)
        if answer.accepted:
            return tried.ended(CallbackStatus.DELIVERED, now), attempt
        tried = replace(tried, failures=self.failures + 1)
        delay = next_delay(tried.failures, chance=chance, hint=answer.retry_after)
        if delay is None or answer.status == GONE:
            return tried.ended(CallbackStatus.FAILED, now), attempt
        at = stamp(now + timedelta(seconds=delay))
        return replace(tried, next_attempt_at=at, dispatch=self.dispatch + 1), attempt

    def ended(self, status: CallbackStatus, now: datetime) -> Callback:
        """The callback when nothing more is to be done about it."""
        return replace(self, status=status, ended_at=stamp(now), next_attempt_at=None)

    def again(self) -> Callback:
        """The callback with a new schedule that begins now."""
        return replace(
            self,
            status=CallbackStatus.PENDING,
            dispatch=self.dispatch + 1,
            failures=0,
            next_attempt_at=None,
            ended_at=None,
        )

    def message(self, job: Job) -> OutgoingMessage:
        """The message that brings it to its next try."""
        return callback_message(
            job,
            self.sequence,
            dispatch=self.dispatch,
            not_before=moment(self.next_attempt_at) if self.next_attempt_at else None,
        )

    def to_row(self) -> Row:
        """The table row."""
        values: dict[str, RowValue] = {
            "type": self.type,
            "body": self.body,
            "createdAt": self.created_at,
            "status": self.status.value,
            "retries": self.retries,
            "dispatch": self.dispatch,
            "attempts": self.attempts,
            "failures": self.failures,
            "nextAttemptAt": self.next_attempt_at or "",
            "endedAt": self.ended_at or "",
        }
        return Row(key=callback_key(self.sequence), values=values)

    @classmethod
    def from_row(cls, row: Row) -> Callback:
        """The callback of its row."""
        values: Mapping[str, Any] = row.values
        return cls(
            sequence=int(row.key.split("|")[1]),
            type=values["type"],
            body=values["body"],
            created_at=values["createdAt"],
            status=CallbackStatus(values["status"]),
            retries=values["retries"],
            dispatch=values["dispatch"],
            attempts=values["attempts"],
            failures=values["failures"],
            next_attempt_at=values["nextAttemptAt"] or None,
            ended_at=values["endedAt"] or None,
        )


def callback_key(sequence: int) -> str:
    """Key of a callback row; the digits sort as text."""
    return f"callback|{sequence:08d}"


def attempt_row(sequence: int, attempt: Attempt) -> Row:
    """The row of a try."""
    values: dict[str, RowValue] = {
        "at": attempt.at,
        "status": attempt.status or 0,
        "error": attempt.error,
        "durationMs": attempt.duration_ms,
    }
    return Row(key=f"{callback_key(sequence)}|{attempt.number:04d}", values=values)


def deliveries(rows: Iterable[Row]) -> list[tuple[Callback, list[Attempt]]]:
    """The callbacks of a job with their tries, in order, from their rows in key order."""
    found: list[tuple[Callback, list[Attempt]]] = []
    for row in rows:
        number = row.key.split("|")[2:]
        if not number:
            found.append((Callback.from_row(row), []))
        elif found:
            found[-1][1].append(_attempt(int(number[0]), row.values))
    return found


def _attempt(number: int, values: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=number,
        at=values["at"],
        status=values["status"] or None,
        error=values["error"],
        duration_ms=values["durationMs"],
    )


def is_owed(job: Job, update: JobUpdate) -> bool:
    """Whether the job owes a callback for this event of it: one of those asked for, or else its last one."""
    if job.callback_url is None:
        return False
    if job.callback_events:
        return update.type.value in job.callback_events
    return job.status.terminal and update.type in _TERMINAL_EVENTS


def webhook_id(job_id: str, sequence: int) -> str:
    """The same for every try: a receiver knows by it what it has seen."""
    return f"{job_id}.{sequence}"


def callback_message(
    job: Job, sequence: int, *, dispatch: int = 0, not_before: datetime | None = None
) -> OutgoingMessage:
    """The message that asks for a callback's delivery."""
    message_id = f"{job.job_id}:callback:{sequence}"
    properties: dict[str, str | int] = {"tenantId": job.tenant, "dispatch": dispatch}
    if job.traceparent:
        properties["traceparent"] = job.traceparent
    return OutgoingMessage(
        queue=QUEUE,
        message_id=f"{message_id}:{dispatch}" if dispatch else message_id,
        body=json.dumps({"jobId": job.job_id, "sequence": sequence}),
        properties=properties,
        not_before=not_before,
    )
