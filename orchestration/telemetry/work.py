"""Spans of the work inside: steps, commits, messages, calls to others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import SpanKind

from orchestration.checkpoints import Row
from orchestration.errors import ContentArchitectError
from orchestration.ports import OutgoingMessage
from orchestration.telemetry.metrics import record
from orchestration.telemetry.spans import NO_SPAN, AnySpan, Value, error_code, span
from orchestration.telemetry.switch import SWITCH

SLOW_PUBLISH = 0.05
"""Seconds from which on a call to Web PubSub is worth a span of its own."""


def stepping(step: str, *, layer: str, service: str, number: int) -> AnySpan:
    """One try of a step."""
    if SWITCH.tracer is None:
        return NO_SPAN
    attributes: dict[str, Value] = {
        "content.step": step,
        "content.layer": layer,
        "content.service": service,
        "content.try": number,
    }
    return span(f"step {step}", attributes=attributes, holds=True, logged={"content.step": step})


def restoring(step: str, *, layer: str, service: str) -> AnySpan:
    """Reading a finished step's checkpoint instead of running the step."""
    attributes: dict[str, Value] = {
        "content.step": step,
        "content.layer": layer,
        "content.service": service,
        "content.restored": True,
    }
    return span(f"step {step}", attributes=attributes, holds=True, logged={"content.step": step})


def reused(step: str, *, layer: str, service: str) -> None:
    """A step that was not run since the cache had the result of identical work."""
    if SWITCH.tracer is None:
        return
    attributes: dict[str, Value] = {
        "content.step": step,
        "content.layer": layer,
        "content.service": service,
        "content.cached": True,
    }
    with span(f"step {step}", attributes=attributes):
        return


def committing(rows: Sequence[Row], *, within: str | None = None, what: str = "commit") -> AnySpan:
    """One atomic write to a job's partition; the job row comes on top of ``rows``."""
    if SWITCH.tracer is None:
        return NO_SPAN
    attributes: dict[str, Value] = {
        "db.system.name": "azure.tables",
        "db.operation.name": what,
        "db.namespace": "jobs",
        "content.rows": len(rows) + 1,
        "content.bytes": sum(row.encoded_size for row in rows),
    }
    return span(what, SpanKind.CLIENT, attributes, within=within)


@contextmanager
def sending(message: OutgoingMessage) -> Iterator[None]:
    """One message on its way to its queue, in the trace that it carries."""
    if SWITCH.tracer is None:
        yield
        return
    queue, began, failure = message.queue, time.perf_counter(), ""
    attributes: dict[str, Value] = {
        "messaging.system": "servicebus",
        "messaging.destination.name": queue,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.message.id": message.message_id,
        "content.queue": queue,
        "content.scheduled": message.not_before is not None,
    }
    carried = message.properties.get("traceparent")
    try:
        within = str(carried) if carried else None
        with span(f"send {queue}", SpanKind.PRODUCER, attributes, within=within):
            yield
    except ContentArchitectError as error:
        failure = error_code(error)
        raise
    finally:
        dimensions = {
            "messaging.system": "servicebus",
            "messaging.destination.name": queue,
            "messaging.operation.name": "send",
            "error.type": failure,
        }
        record("messaging.client.sent.messages", 1, dimensions)
        record("messaging.client.operation.duration", time.perf_counter() - began, dimensions)


@contextmanager
def publishing(carried: str | None, *, shown: bool = False) -> Iterator[None]:
    """One call to Web PubSub, below the span that its events come from: ``carried`` is its traceparent, None has no span.

    Only calls that are slow, that fail or that are to be ``shown`` become spans: a job makes one for every event,
    and they would be a third of its trace.
    """
    if SWITCH.tracer is None:
        yield
        return
    began, failure = time.time_ns(), ""
    try:
        yield
    except ContentArchitectError as error:
        failure = error_code(error)
        record("content.realtime.publish.failures", 1, {"error.type": failure})
        raise
    finally:
        seconds = (time.time_ns() - began) / 1e9
        outcome = "failed" if failure else "sent"
        record("content.realtime.publish.duration", seconds, {"outcome": outcome})
        if carried is not None and (shown or failure or seconds >= SLOW_PUBLISH):
            _published(carried, began, failure)


def _published(carried: str, began: int, failure: str) -> None:
    with span(
        "publish", SpanKind.CLIENT, {"server.address": "webpubsub"}, parent=carried, began=began
    ) as call:
        if failure:
            call.fail(failure)


def calling(method: str, host: str, port: int) -> AnySpan:
    """An HTTP call to the outside. Neither path nor query: callers' addresses may hold secrets there."""
    if SWITCH.tracer is None:
        return NO_SPAN
    attributes: dict[str, Value] = {
        "http.request.method": method,
        "server.address": host,
        "server.port": port,
    }
    return span(f"{method} {host}", SpanKind.CLIENT, attributes)


def answered(call: AnySpan, status: int) -> None:
    """The status of an outside call; 4xx and 5xx are errors of a client's call."""
    if call.recording:
        call.set("http.response.status_code", status)
        if status >= 400:
            call.fail(str(status))


class Chat:
    """One call to a language model, after the GenAI conventions: tokens, cost and how it ended, never the text."""

    def __init__(self, model: str, *, provider: str, purpose: str) -> None:
        self._began = time.perf_counter()
        self._dimensions = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
        }
        attributes = {**self._dimensions, "gen_ai.system": provider, "content.purpose": purpose}
        self.span = span(f"chat {model}", SpanKind.CLIENT, attributes)

    def answered(self, payload: Mapping[str, Any], *, tokens_in: int, tokens_out: int, cost: float) -> None:
        """What the answer used."""
        reasons = [str(each.get("finish_reason") or "")[:40] for each in _choices(payload)]
        for name, value in (
            ("gen_ai.response.model", str(payload.get("model") or "")[:200]),
            ("gen_ai.usage.input_tokens", tokens_in),
            ("gen_ai.usage.output_tokens", tokens_out),
            ("gen_ai.response.finish_reasons", reasons),
            ("content.llm.cost_usd", cost),
        ):
            self.span.set(name, value)
        record("gen_ai.client.token.usage", tokens_in, {**self._dimensions, "gen_ai.token.type": "input"})
        record("gen_ai.client.token.usage", tokens_out, {**self._dimensions, "gen_ai.token.type": "output"})
        model = self._dimensions["gen_ai.request.model"]
        record("content.llm.cost_usd", cost, {"gen_ai.request.model": model})

    def ended(self, failure: str = "") -> None:
        """How long it took, and with which status or error it failed."""
        if failure:
            self.span.fail(failure)
        dimensions = {**self._dimensions, "error.type": failure}
        record("gen_ai.client.operation.duration", time.perf_counter() - self._began, dimensions)


def _choices(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = payload.get("choices")
    return [each for each in choices if isinstance(each, Mapping)] if isinstance(choices, list) else []
