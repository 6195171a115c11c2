"""Messages on the job queues: our own wake-ups, producers' jobs, and everything else.

A message only wakes somebody up; what is to be done stands in the job row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from orchestration.ids import canonical_job_id
from orchestration.jobs import Job, moment
from orchestration.ports import OutgoingMessage
from orchestration.schemas import (
    MAX_BODY_WITH_SOURCES_BYTES,
    ProducerMessage,
    field_errors,
    parse_json,
)

ORIGINAL_ID = "originalMessageId"
"""Application property of a copy: job ids, audit rows and the latch go by the first message's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One hand-over of a message. ``delivery_count`` is 1 the first time."""

    queue: str
    message_id: str
    delivery_count: int
    body: bytes
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The message id, or for a copy that this app scheduled the id of the first message."""
        return str(self.properties.get(ORIGINAL_ID, self.message_id))

    def tenant(self, default: str) -> str:
        """Whose message it is: the application property, which every message of ours has and a producer may give."""
        return str(self.properties.get("tenantId") or default)


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUp:
    """Our own message: look at this job."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A message that nobody here can read, with the reason."""

    reason: str


def job_message(
    job: Job, *, not_before: datetime | None = None, message_id: str | None = None
) -> OutgoingMessage:
    """The wake-up of the job's current dispatch, scheduled where the job has to wait."""
    properties: dict[str, str | int] = {"tenantId": job.tenant, "attempt": job.attempt}
    if job.traceparent:
        properties["traceparent"] = job.traceparent
    if not_before is None and job.next_attempt_at:
        not_before = moment(job.next_attempt_at)
    return OutgoingMessage(
        queue=job.queue,
        message_id=message_id or job.message_id,
        body=json.dumps({"jobId": job.job_id}),
        properties=properties,
        not_before=not_before,
    )


def read_message(delivery: Delivery) -> WakeUp | ProducerMessage | Malformed:
    """What a delivery says."""
    if len(delivery.body) > MAX_BODY_WITH_SOURCES_BYTES:
        return Malformed(reason=f"the message is over {MAX_BODY_WITH_SOURCES_BYTES // 1024} KB")
    try:
        value = parse_json(delivery.body)
    except ValueError as error:
        return Malformed(reason=str(error))
    if not isinstance(value, dict):
        return Malformed(reason="the message is not a JSON object")
    if set(value) == {"jobId"}:
        job_id = canonical_job_id(str(value["jobId"]))
        return WakeUp(job_id=job_id) if job_id else Malformed(reason="/jobId should be a UUID")
    try:
        message = ProducerMessage.model_validate(value)
    except ValidationError as error:
        return Malformed(reason="; ".join(f"{e.pointer} {e.detail}" for e in field_errors(error)))
    if message.job_id is not None and canonical_job_id(message.job_id) is None:
        return Malformed(reason="/jobId should be a UUID")
    return message
