"""The metrics that the app emits: one table, and one function to record.

Dimensions are few and small; neither jobs nor tenants are among them (those are on spans and log records).
``docs/telemetry.md`` and the queries of ``infra/`` are compared with the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from opentelemetry.metrics import CallbackOptions, Meter, Observation


class Kind(StrEnum):
    """How values add up: counters and histograms over time, a gauge is what it was last."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Metric(NamedTuple):
    """What a metric is. ``buckets`` are advice to exporters that keep distributions."""

    unit: str
    description: str
    dimensions: tuple[str, ...] = ()
    kind: Kind = Kind.COUNTER
    buckets: tuple[float, ...] = ()


_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS: Final = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800)
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_JOB: Final = ("contentType", "workflowType")
_QUEUE: Final = ("messaging.system", "messaging.destination.name", "messaging.operation.name", "error.type")
_MODEL: Final = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")

METRICS: Final[dict[str, Metric]] = {
    "content.jobs.submitted": Metric("{job}", "Jobs accepted", _JOB),
    "content.jobs.completed": Metric(
        "{job}", "Jobs ended; outcome is completed, failed or cancelled", (*_JOB, "outcome", "error.type")
    ),
    "content.job.duration": Metric(
        "s",
        "From a job's acceptance, or its last retry, to its end",
        (*_JOB, "outcome"),
        Kind.HISTOGRAM,
        _LONG_SECONDS,
    ),
    "content.job.queue_time": Metric(
        "s",
        "From a job's acceptance, or when it was scheduled for, to its first claim",
        (*_JOB, "queue"),
        Kind.HISTOGRAM,
        _LONG_SECONDS,
    ),
    "content.step.duration": Metric(
        "s",
        "A step with all its tries; outcome is completed, failed or skipped",
        ("workflowType", "layer", "step", "outcome", "error.type"),
        Kind.HISTOGRAM,
        _LONG_SECONDS,
    ),
    "content.step.retries": Metric(
        "{try}", "Tries of steps beyond the first", ("workflowType", "layer", "step")
    ),
    "content.jobs.active": Metric("{job}", "Attempts that run in this process now", (), Kind.GAUGE),
    "content.deadletter": Metric(
        "{message}", "Messages given to the dead-letter queue", ("queue", "error.type")
    ),
    "content.webhook.delivery": Metric(
        "{call}", "Callback tries; outcome is delivered, retried, failed or deferred", ("outcome", "attempt")
    ),
    "content.realtime.publish.duration": Metric(
        "s", "One call to Web PubSub", ("outcome",), Kind.HISTOGRAM, _SECONDS
    ),
    "content.realtime.publish.failures": Metric("{call}", "Calls to Web PubSub that failed", ("error.type",)),
    "content.breaker.state": Metric(
        "1", "Circuit breakers: 0 closed, 1 half open, 2 open", ("dependency",), Kind.GAUGE
    ),
    "content.llm.cost_usd": Metric(
        "{USD}", "Cost of language model answers at the configured prices", ("gen_ai.request.model",)
    ),
    "content.ratelimit.rejected": Metric("{request}", "Calls answered 429", ("route",)),
    "messaging.client.sent.messages": Metric("{message}", "Messages sent or scheduled", _QUEUE),
    "messaging.client.consumed.messages": Metric("{message}", "Messages delivered to the app", _QUEUE),
    "messaging.client.operation.duration": Metric(
        "s", "One send to Service Bus", _QUEUE, Kind.HISTOGRAM, _SECONDS
    ),
    "messaging.process.duration": Metric(
        "s", "From a delivery to its outcome", _QUEUE, Kind.HISTOGRAM, _LONG_SECONDS
    ),
    "gen_ai.client.token.usage": Metric(
        "{token}",
        "Tokens of one answer; the type is input or output",
        (*_MODEL, "gen_ai.token.type"),
        Kind.HISTOGRAM,
        _TOKENS,
    ),
    "gen_ai.client.operation.duration": Metric(
        "s", "One call to a language model", (*_MODEL, "error.type"), Kind.HISTOGRAM, _LONG_SECONDS
    ),
}
"""Name -> unit, description, dimensions, kind."""

Dimensions = dict[str, str]
Observe = Callable[[], list[tuple[Dimensions, float]]]

_instruments: dict[str, Callable[[float, Dimensions], None]] = {}
_watched: dict[str, Observe] = {}


def record(name: str, value: float, dimensions: Dimensions) -> None:
    """Add to a counter, or put a value into a histogram. Empty dimensions are left out."""
    write = _instruments.get(name)
    if write is not None:
        write(value, {key: given for key, given in dimensions.items() if given})


def watch(name: str, read: Callable[[], float]) -> None:
    """Have a gauge read from now on. ``read`` is called from the exporter's thread and must not wait."""
    _watched[name] = lambda: [({}, read())]


def watch_each(name: str, dimension: str, read: Callable[[], dict[str, float]]) -> None:
    """The same for a gauge with one value for each entry, named by a dimension."""
    _watched[name] = lambda: [({dimension: entry}, value) for entry, value in read().items()]


def open_instruments(meter: Meter) -> None:
    """Make all instruments on a meter."""
    for name, metric in METRICS.items():
        if metric.kind is Kind.COUNTER:
            counter = meter.create_counter(name, metric.unit, metric.description)
            _instruments[name] = counter.add
        elif metric.kind is Kind.HISTOGRAM:
            histogram = meter.create_histogram(
                name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.buckets
            )
            _instruments[name] = histogram.record
        else:
            meter.create_observable_gauge(name, [_observer(name)], metric.unit, metric.description)


def close_instruments() -> None:
    """Record nothing any more."""
    _instruments.clear()


def _observer(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> list[Observation]:
        del options  # nothing here waits
        found = _watched.get(name)
        return [Observation(value, dimensions) for dimensions, value in found()] if found else []

    return observe
