"""Spans of workers that died: whoever takes over a job writes them in their place.

A claim leaves the ids of its open spans in the job row. A worker that is killed never exports them, and what it had
exported below them would hang in the air. The successor knows the ids, when they began, and when the dead worker
last wrote; so it writes them under the very same ids, marked as lost.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from orchestration.jobs import Job, JobStatus
from orchestration.telemetry.spans import Span, below
from orchestration.telemetry.switch import SWITCH
from orchestration.telemetry.trace_context import parsed

LOST = "worker_lost"

_chosen: ContextVar[int | None] = ContextVar("chosen", default=None)


class ChosenIds:
    """An id generator of the SDK's interface that can be told an id; else it asks the one before it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def generate_span_id(self) -> int:
        """The chosen id, or a random one."""
        return _chosen.get() or int(self.inner.generate_span_id())

    def generate_trace_id(self) -> int:
        """A random id."""
        return int(self.inner.generate_trace_id())

    def is_trace_id_random(self) -> bool:
        """As the inner generator says."""
        return bool(self.inner.is_trace_id_random())


def can_choose(provider: Any) -> None:
    """Have a provider's tracers take chosen ids. Providers without a generator (the API's own) stay as they are."""
    inner = getattr(provider, "id_generator", None)
    if inner is not None and not isinstance(inner, ChosenIds):
        provider.id_generator = ChosenIds(inner)


def open_spans(delivery: SpanContext, attempt: Span, began: int) -> str:
    """What a claim leaves in the job row: the ids of its two open spans and their start in milliseconds."""
    own = attempt.otel.get_span_context()
    return f"{delivery.span_id:016x}-{own.span_id:016x}-{began // 1_000_000}"


def close_lost(job: Job, modified: datetime) -> None:
    """Write the spans that a dead worker left open; ``job`` is the row as it left it, at ``modified``."""
    root, tracer = parsed(job.traceparent), SWITCH.tracer
    if job.status is not JobStatus.PROCESSING or job.open_spans is None or root is None or tracer is None:
        return
    delivery_id, attempt_id, began = job.open_spans.split("-")
    start, end = int(began) * 1_000_000, round(modified.timestamp() * 1e9)
    delivery = SpanContext(root.trace_id, int(delivery_id, 16), is_remote=True, trace_flags=root.trace_flags)
    queue = f"process {job.queue}"
    _write(queue, SpanKind.CONSUMER, parent=root, own=delivery.span_id, times=(start, end), job=job)
    _write(
        "attempt", SpanKind.INTERNAL, parent=delivery, own=int(attempt_id, 16), times=(start, end), job=job
    )


def _write(
    name: str, kind: SpanKind, *, parent: SpanContext, own: int, times: tuple[int, int], job: Job
) -> None:
    tracer = SWITCH.tracer
    if tracer is None:
        return
    attributes = {"content.job.id": job.job_id, "content.attempt": job.attempt, "content.outcome": LOST}
    token = _chosen.set(own)
    try:
        span: trace.Span = tracer.start_span(name, below(parent), kind, attributes, start_time=times[0])
    finally:
        _chosen.reset(token)
    span.set_status(Status(StatusCode.ERROR, LOST))
    span.set_attributes({"error.type": LOST, "content.error.code": LOST})
    span.end(max(times))
