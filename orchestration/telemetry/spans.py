"""Spans in one line: ``with span("commit") as commit: ...``.

Rules that keep a job's trace whole, also when a process is killed:

- A span that is neither an entry point nor bound to a job's trace is made only inside another one: there are no
  stray roots.
- ``within`` binds a span to a job's trace: below the current span where that belongs to it, else below the
  traceparent that the job's row keeps, with a link to where it really happened.
- Children of a span that ``holds`` them are exported after it: should the process die before it ends, they are
  lost with it, instead of hanging in the air. An attempt, which may be long, ``frees`` what is below it; whoever
  takes over the job writes the spans that the dead worker left open (:mod:`orchestration.telemetry.lost`).

An error is recorded as its type and our code, never with its message: messages may quote content.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode

from orchestration.telemetry.switch import LOGGED, SWITCH, Logged
from orchestration.telemetry.trace_context import parsed, traceparent_of

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]

_NONE: Attributes = {}


class NoSpan:
    """What ``span`` gives while nothing is recorded."""

    __slots__ = ()

    traceparent: str | None = None
    recording = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    def set(self, name: str, value: Value) -> None:
        """Do nothing."""

    def fail(self, code: str, *, shown: bool = False) -> None:
        """Do nothing."""


NO_SPAN = NoSpan()


class _Held:
    """Children that wait for their parent to end."""

    __slots__ = ("ended", "open")

    def __init__(self) -> None:
        self.ended: list[tuple[trace.Span, int]] = []
        self.open = True


_holder: ContextVar[_Held | None] = ContextVar("holder", default=None)


class Span:
    """A span that is recorded while its block runs, and is the current one there."""

    __slots__ = ("_context", "_frees", "_held", "_logged", "_otel", "_outer", "_tokens")

    def __init__(
        self, otel: trace.Span, context: Context | None, *, holds: bool, frees: bool, logged: Logged
    ) -> None:
        self._otel = otel
        self._context = context
        self._held = _Held() if holds else None
        self._frees = frees
        self._logged = logged
        self._outer = _holder.get()
        self._tokens: tuple[Token[Context], Token[_Held | None] | None, Token[Logged] | None]

    @property
    def recording(self) -> bool:
        """True: this is no :class:`NoSpan`."""
        return True

    @property
    def traceparent(self) -> str | None:
        """What names this span to others."""
        return traceparent_of(self._otel.get_span_context())

    @property
    def otel(self) -> trace.Span:
        """The span of the API."""
        return self._otel

    def __enter__(self) -> Self:
        attached = context_api.attach(trace.set_span_in_context(self._otel, self._context))
        held = _holder.set(self._held) if self._held is not None or self._frees else None
        logged = LOGGED.set({**LOGGED.get(), **self._logged}) if self._logged else None
        self._tokens = (attached, held, logged)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the span, and after it the children that it held."""
        if error is not None:
            self._failed_with(error)
        attached, held, logged = self._tokens
        context_api.detach(attached)
        if held is not None:
            _holder.reset(held)
        if logged is not None:
            LOGGED.reset(logged)
        self._finish(self._otel, time.time_ns())
        if self._held is not None:
            self._held.open = False
            for child, ended in self._held.ended:
                self._finish(child, ended)

    def set(self, name: str, value: Value) -> None:
        """Add an attribute."""
        self._otel.set_attribute(name, value)

    def fail(self, code: str, *, shown: bool = False) -> None:
        """Mark it as failed with one of our codes. ``shown`` lists it among the exceptions too."""
        self._otel.set_status(Status(StatusCode.ERROR, code))
        # Application Insights does not show error.type with a span, so that the code has an attribute of its own.
        self._otel.set_attributes({"error.type": code, "content.error.code": code})
        if shown:
            what = {"exception.type": code, "exception.message": code, "exception.stacktrace": ""}
            self._otel.add_event("exception", what)

    def _failed_with(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self.set("content.outcome", "cancelled")
            return
        self.fail(error_code(error))

    def _finish(self, otel: trace.Span, ended: int) -> None:
        if self._outer is not None and self._outer.open:
            self._outer.ended.append((otel, ended))
        else:
            otel.end(ended)


AnySpan = Span | NoSpan


def error_code(error: BaseException) -> str:
    """Our code of an error, else its type."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code else type(error).__name__


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes = _NONE,
    *,
    parent: str | None = None,
    within: str | None = None,
    entry: bool = False,
    began: int | None = None,
    links: Sequence[Link] = (),
    holds: bool = False,
    frees: bool = False,
    logged: Logged | None = None,
) -> AnySpan:
    """A span to be used in a ``with`` statement.

    ``parent`` and ``within`` are traceparents: the one is the parent whatever runs now, the other binds the span to
    its trace. ``entry``: it may begin a trace. ``began`` is its start in nanoseconds since 1970, if that was
    earlier. ``holds``: what is below leaves after it; ``frees``: it does not wait for what holds this span.
    ``logged`` goes with every log record inside.
    """
    tracer = SWITCH.tracer
    if tracer is None:
        return NO_SPAN
    current = trace.get_current_span()
    wanted = parsed(parent or within) if parent or within else None
    if wanted is not None:
        context, more = _placed(current, wanted, bound=parent is None)
        links = [*links, *more]
    elif current.is_recording():
        context = below(current.get_span_context())
    elif entry:
        context = None
    else:
        return NO_SPAN
    otel = tracer.start_span(name, context, kind, attributes, links or None, began)
    return Span(otel, context, holds=holds, frees=frees, logged=logged or {})


def _placed(current: trace.Span, wanted: SpanContext, *, bound: bool) -> tuple[Context, Sequence[Link]]:
    """Where a span hangs that is below ``wanted`` or, if ``bound``, somewhere in its trace; and what it points to."""
    here = current.get_span_context()
    if not bound or not current.is_recording():  # the host may have attached a span that nobody records
        return below(wanted), ()
    if here.trace_id == wanted.trace_id:
        return below(here), ()
    return below(wanted), (Link(here),)


def below(parent: SpanContext) -> Context:
    """The running context, with a parent that is known by its ids alone.

    Also below a span of this process: the distro would look through the attributes of the span itself for agents to
    attribute children to, at the start and at the end of every one, a quarter of what a span costs here.
    """
    return trace.set_span_in_context(NonRecordingSpan(parent))


def annotate(attributes: Attributes) -> None:
    """Add attributes to the span that runs now, if one is recorded."""
    if SWITCH.tracer is not None:
        trace.get_current_span().set_attributes(attributes)
