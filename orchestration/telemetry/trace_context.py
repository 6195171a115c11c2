"""W3C Trace Context as text: what travels in headers, messages and rows."""

from __future__ import annotations

import secrets

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from orchestration.http import valid_traceparent


def parsed(traceparent: str | None) -> SpanContext | None:
    """The span that a traceparent names; None for what is none."""
    if not traceparent or not valid_traceparent(traceparent):
        return None
    _, trace_id, span_id, flags = traceparent.split("-")
    found = SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16)),
    )
    return found if found.is_valid else None


def traceparent_of(context: SpanContext) -> str:
    """The traceparent that names a span."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def new_traceparent() -> str:
    """A traceparent for a job whose caller brought none, while nobody records spans: hence not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def current_traceparent() -> str | None:
    """The traceparent of the span that is being recorded now, if one is."""
    span = trace.get_current_span()
    return traceparent_of(span.get_span_context()) if span.is_recording() else None


def current_trace_id() -> str | None:
    """The trace id of the span that is being recorded now, as 32 hexadecimal digits; None without one."""
    span = trace.get_current_span()
    return f"{span.get_span_context().trace_id:032x}" if span.is_recording() else None
