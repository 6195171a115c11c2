"""Real providers of the SDK that keep what they are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestration.telemetry import setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """What was exported so far."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order of their export."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def parent(self, span: ReadableSpan) -> str:
        """The name of a span's parent; empty for none that was exported."""
        found = [
            each.name for each in self.spans if span.parent and each.context.span_id == span.parent.span_id
        ]
        return found[0] if found else ""

    def way(self, span: ReadableSpan) -> list[str]:
        """The names from the root down to a span."""
        by_id = {each.context.span_id: each for each in self.spans}
        names = [span.name]
        while span.parent and span.parent.span_id in by_id:
            span = by_id[span.parent.span_id]
            names.insert(0, span.name)
        return names

    @property
    def traces(self) -> set[int]:
        return {span.context.trace_id for span in self.spans}

    @property
    def orphans(self) -> list[str]:
        """Spans whose parent is not there, beyond those that begin a trace."""
        ids = {span.context.span_id for span in self.spans}
        return [
            s.name for s in self.spans if s.parent and not s.parent.is_remote and s.parent.span_id not in ids
        ]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """The dimensions and values (sums for histograms) of a metric."""
        data = self.reader.get_metrics_data()
        found = []
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            found.append(
                                (
                                    dict(point.attributes),
                                    getattr(point, "value", None) or getattr(point, "sum", 0),
                                )
                            )
        return found


@contextmanager
def recording() -> Iterator[Recorder]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader])
    setup.use(tracers, meters)
    try:
        yield Recorder(exporter=exporter, reader=reader)
    finally:
        setup.stop()
        tracers.shutdown()
        meters.shutdown()
