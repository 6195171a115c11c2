"""Spans by which work enters the process: an HTTP call, a job to be queued, a message delivered."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from types import TracebackType
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind

from orchestration.jobs import Job, JobStatus, StoredJob
from orchestration.messages import Delivery
from orchestration.outcomes import DeadLetter, Outcome, RetryLater
from orchestration.telemetry.counts import first_claim
from orchestration.telemetry.lost import close_lost, open_spans
from orchestration.telemetry.metrics import record, watch
from orchestration.telemetry.spans import NO_SPAN, AnySpan, Attributes, Span, annotate, span
from orchestration.telemetry.switch import LOGGED, SWITCH, Logged
from orchestration.telemetry.trace_context import parsed

_PROBES: Final = frozenset({"health", "health_live", "health_ready"})
"""Routes that a platform asks every few seconds; their spans would outnumber all others."""


@lru_cache(maxsize=1024)
def tenant_hash(tenant: str) -> str:
    """What stands for a tenant in telemetry."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:12]


def about(job: Job) -> Attributes:
    """The attributes that name a job."""
    return {
        "content.job.id": job.job_id,
        "content.tenant": tenant_hash(job.tenant),
        "content.workflow": job.workflow_type,
        "content.type": job.type,
    }


def _logged(job: Job) -> Logged:
    return {"content.job.id": job.job_id, "content.tenant": tenant_hash(job.tenant)}


def serving(method: str, path: str, *, name: str, base: str, traceparent: str | None) -> AnySpan:
    """An HTTP call of a route. ``base`` is the public address; what the caller wrote into the path is left out.

    The host has attached a span of its own to the invocation, in the caller's trace; else the caller's is the parent.
    """
    if SWITCH.tracer is None or name in _PROBES:
        return NO_SPAN
    scheme, _, host = base.partition("://")
    attributes = {
        "http.request.method": method,
        "http.route": path,
        "url.scheme": scheme,
        "server.address": host,
        "url.path": path,
        "content.route": name,
    }
    caller, here = parsed(traceparent), trace.get_current_span().get_span_context()
    parent = traceparent if caller and caller.trace_id != here.trace_id else None
    return span(f"{method} {path}", SpanKind.SERVER, attributes, entry=True, parent=parent)


def admitted(tenant: str) -> None:
    """Whom the call that is served now belongs to."""
    if tenant:
        annotate({"content.tenant": tenant_hash(tenant)})


def served(call: AnySpan, status: int, *, job_id: str | None, route: str) -> None:
    """How the call was answered, and which job it was about."""
    if status == 429:
        record("content.ratelimit.rejected", 1, {"route": route})
    if not call.recording:
        return
    call.set("http.response.status_code", status)
    if job_id:
        call.set("content.job.id", job_id)
    if status >= 500:
        call.fail(str(status))


def enqueueing(queue: str, parent: str | None) -> AnySpan:
    """Accepting a job and sending its message: what the job's trace hangs on, so its traceparent goes to the row.

    ``parent`` is the submitter's traceparent; an HTTP call that is served now is the nearer parent.
    """
    attributes = {
        "messaging.system": "servicebus",
        "messaging.destination.name": queue,
        "content.queue": queue,
    }
    return span(f"enqueue {queue}", SpanKind.PRODUCER, attributes, within=parent, entry=True)


def acting(action: str, job: Job) -> AnySpan:
    """Something that is done to a job that exists (cancel, retry, ...): in the job's trace, linked to the call."""
    attributes = {**about(job), "content.action": action}
    return span(action, attributes=attributes, within=job.traceparent, logged=_logged(job))


class Consumption:
    """The span of one delivery. Where it hangs stands in the job's row, so it is made once that was read."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._began = time.time_ns()
        self._span: AnySpan = NO_SPAN
        self._settled = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; what was refused or could not be read never had a job and hangs where its sender said."""
        if SWITCH.tracer is None:
            return
        if not self._span.recording:
            self._open(self._carried, {}, {})
        if self._settled:
            self._span.set("content.outcome", self._settled)
        self._span.__exit__(kind, error, trace)
        self._measure(error)

    @property
    def _carried(self) -> str | None:
        carried = self._delivery.properties.get("traceparent")
        return carried.decode("latin-1") if isinstance(carried, bytes) else carried and str(carried)

    def of(self, job: Job) -> None:
        """The delivery is about this job."""
        if SWITCH.tracer is not None and not self._span.recording:
            self._open(job.traceparent or self._carried, about(job), _logged(job))

    def settles(self, outcome: Outcome) -> Outcome:
        """Note what becomes of the message."""
        if SWITCH.tracer is not None:
            self._settled = type(outcome).__name__
            if isinstance(outcome, DeadLetter):
                self._settled = "dead_letter"
            elif isinstance(outcome, RetryLater):
                self._settled = "retry_later"
            else:
                self._settled = outcome.note
        return outcome

    def _open(self, parent: str | None, job: Attributes, logged: Logged) -> None:
        delivery = self._delivery
        attributes = {
            **job,
            "messaging.system": "servicebus",
            "messaging.destination.name": delivery.queue,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": delivery.message_id,
            "messaging.servicebus.message.delivery_count": delivery.delivery_count,
            "content.queue": delivery.queue,
            "content.delivery_count": delivery.delivery_count,
        }
        sender = parsed(self._carried)
        wanted = parsed(parent)
        links = [Link(sender)] if sender and wanted and sender.span_id != wanted.span_id else []
        self._span = span(
            f"process {delivery.queue}",
            SpanKind.CONSUMER,
            attributes,
            parent=parent,
            entry=True,
            began=self._began,
            links=links,
            holds=True,
            logged=logged,
        )
        self._span.__enter__()

    def _measure(self, error: BaseException | None) -> None:
        dimensions = {
            "messaging.system": "servicebus",
            "messaging.destination.name": self._delivery.queue,
            "messaging.operation.name": "process",
            "error.type": type(error).__name__ if error else "",
        }
        record("messaging.client.consumed.messages", 1, dimensions)
        record("messaging.process.duration", (time.time_ns() - self._began) / 1e9, dimensions)


class Attempting:
    """The span of one attempt, below its delivery's."""

    running = 0

    def __init__(self, job: Job) -> None:
        self._job = job
        self._delivery = trace.get_current_span().get_span_context()
        self._began = time.time_ns()
        self.span: AnySpan = span("attempt", attributes=about(job), within=job.traceparent, frees=True)

    def __enter__(self) -> Self:
        Attempting.running += 1
        self.span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        Attempting.running -= 1
        self.span.__exit__(kind, error, trace)

    @property
    def open_spans(self) -> str | None:
        """What the claim writes down, in case that this process dies."""
        if isinstance(self.span, Span) and self._delivery.is_valid:
            return open_spans(self._delivery, self.span, self._began)
        return None

    def claimed(self, job: Job, before: StoredJob) -> None:
        """The job is ours; ``before`` is its row before the claim. What a dead worker left open is closed now."""
        self.span.set("content.attempt", job.attempt)
        self.span.set("content.run", job.run)
        LOGGED.set({**LOGGED.get(), "content.attempt": job.attempt})
        close_lost(before.job, before.modified)
        if before.job.status is JobStatus.QUEUED and job.attempt == 1:
            first_claim(job)

    def settles(self, outcome: Outcome) -> Outcome:
        """Note how it ended."""
        if isinstance(outcome, DeadLetter):
            self.span.fail("dead_letter")
        elif isinstance(outcome, RetryLater):
            self.span.set("content.outcome", "retry_later")
        else:
            self.span.set("content.outcome", outcome.note)
        return outcome


watch("content.jobs.active", lambda: Attempting.running)
