"""Statistics as values: what one ended job contributes, hours that add up, and what is read out of them. Pure.

Times go into histograms with fixed buckets, so that figures of any number of hours add up exactly and percentiles
need no single values. Bounds grow by the fourth root of two: a percentile is off by at most 9.1 %.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.jobs import Job, JobStatus, RowValue, StepStatus, moment

BUCKETS_PER_DOUBLING = 4
MAX_STEPS_KEPT = 200
"""Step names of one hour; custom workflows could bring any number. The rest counts as ``other``."""


MAX_WORKFLOWS_KEPT = 200
"""Workflows of one hour, as many as a tenant may have; the rest counts as ``other``."""


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration: 0 up to 1 ms, then four buckets for each doubling."""
    if milliseconds <= 1:
        return 0
    return math.ceil(round(math.log2(milliseconds) * BUCKETS_PER_DOUBLING, 9))


def bucket_middle(bucket: int) -> float:
    """The geometric middle of a bucket, in milliseconds."""
    return float(2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING)) if bucket else 1.0


Histogram = dict[int, int]
"""Bucket to number of values. A plain dictionary: adding up a week of hours is a matter of milliseconds."""


def put_in(histogram: Histogram, milliseconds: float) -> None:
    """Count one value."""
    bucket = bucket_of(milliseconds)
    histogram[bucket] = histogram.get(bucket, 0) + 1


def add_up(histogram: Histogram, other: Mapping[int, int]) -> None:
    """Count all values of another histogram."""
    get = histogram.get
    for bucket, count in other.items():
        histogram[bucket] = get(bucket, 0) + count


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The value in milliseconds below which ``share`` of all values lie; None when there are none."""
    total = sum(histogram.values())
    if total == 0:
        return None
    wanted = max(1, math.ceil(share * total))
    passed = 0
    for bucket in sorted(histogram):
        passed += histogram[bucket]
        if passed >= wanted:
            return bucket_middle(bucket)
    raise AssertionError("the counts add up to the total")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """What statistics keep of one ended job: figures, nothing of its content. Times are milliseconds.

    ``workflow`` is the id of a custom workflow, else the type again. ``steps`` are those that ran, not those whose
    result came from the cache.
    """

    status: JobStatus
    type: str
    workflow_type: str
    processing_ms: int | None
    queue_ms: int | None
    steps: tuple[tuple[str, str, int], ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    workflow: str = ""

    @classmethod
    def of(cls, job: Job) -> EndedJob:
        """The figures of a terminal job. A job that ended before anybody took it has no processing time."""
        started, ended = job.started_at, job.completed_at
        done = [
            s
            for s in job.steps
            if s.status is StepStatus.COMPLETED and not s.cached and _within(s.ended_at, started)
        ]
        return cls(
            status=job.status,
            type=job.type,
            workflow_type=job.workflow_type,
            processing_ms=_between(started, ended),
            queue_ms=_between(job.queued_at or job.created_at, started),
            steps=tuple((s.name, s.layer, s.duration_ms) for s in done),
            tokens_in=job.tokens_in,
            tokens_out=job.tokens_out,
            cost=job.cost,
            workflow=job.workflow_id or job.workflow_type,
        )

    def to_values(self) -> dict[str, RowValue]:
        """Columns of a statistics row; one for all figures, since the client spends its time on columns."""
        figures = [getattr(self, name) for name in _FIGURES]
        return {"status": self.status.value, "figures": json.dumps(figures, separators=(",", ":"))}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> EndedJob:
        """The figures of a statistics row; an older one has fewer."""
        found = dict(zip(_FIGURES, json.loads(values["figures"]), strict=False))
        steps = tuple((name, layer, duration) for name, layer, duration in found["steps"])
        return cls(**{**found, "status": JobStatus(values["status"]), "steps": steps})


_FIGURES = (
    "type",
    "workflow_type",
    "processing_ms",
    "queue_ms",
    "steps",
    "tokens_in",
    "tokens_out",
    "cost",
    "workflow",
)


@dataclass(slots=True, kw_only=True)
class Totals:
    """Figures of any number of ended jobs. Adding is associative and commutative.

    ``runs`` are the processing times of completed jobs by workflow.
    """

    status: Counter[str] = field(default_factory=Counter)
    type: Counter[str] = field(default_factory=Counter)
    workflow: Counter[str] = field(default_factory=Counter)
    processing: Histogram = field(default_factory=dict)
    queue: Histogram = field(default_factory=dict)
    steps: dict[str, Histogram] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    runs: dict[str, Histogram] = field(default_factory=dict)

    def count(self, job: EndedJob) -> None:
        """Add one job."""
        self.status[job.status.value] += 1
        self.type[job.type] += 1
        self.workflow[job.workflow_type] += 1
        if job.processing_ms is not None:
            put_in(self.processing, job.processing_ms)
        if job.queue_ms is not None:
            put_in(self.queue, job.queue_ms)
        for name, layer, duration in job.steps:
            put_in(self._histogram(f"{layer}/{name}"), duration)
        if job.status is JobStatus.COMPLETED and job.processing_ms is not None:
            put_in(self._runs_of(job.workflow or job.workflow_type), job.processing_ms)
        self.tokens.update({"in": job.tokens_in, "out": job.tokens_out})
        self.cost += job.cost

    def add(self, other: Totals) -> None:
        """Add the figures of other jobs."""
        for mine, theirs in (
            (self.status, other.status),
            (self.type, other.type),
            (self.workflow, other.workflow),
            (self.tokens, other.tokens),
        ):
            mine.update(theirs)
        add_up(self.processing, other.processing)
        add_up(self.queue, other.queue)
        for key, histogram in other.steps.items():
            add_up(self._histogram(key), histogram)
        for key, histogram in other.runs.items():
            add_up(self._runs_of(key), histogram)
        self.cost += other.cost

    def _histogram(self, key: str) -> Histogram:
        if key not in self.steps and len(self.steps) >= MAX_STEPS_KEPT:
            key = f"{key.partition('/')[0]}/other"
        return self.steps.setdefault(key, {})

    def _runs_of(self, workflow: str) -> Histogram:
        known = workflow in self.runs or len(self.runs) < MAX_WORKFLOWS_KEPT
        return self.runs.setdefault(workflow if known else "other", {})

    def to_bytes(self) -> bytes:
        """Compact JSON."""
        value = [
            self.status,
            self.type,
            self.workflow,
            _packed(self.processing),
            _packed(self.queue),
            {key: _packed(histogram) for key, histogram in self.steps.items()},
            self.tokens,
            self.cost,
            {key: _packed(histogram) for key, histogram in self.runs.items()},
        ]
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Totals:
        """The totals of their JSON; older ones have no runs."""
        status, kind, workflow, processing, queue, steps, tokens, cost, *more = json.loads(data)
        return cls(
            status=Counter(status),
            type=Counter(kind),
            workflow=Counter(workflow),
            processing=_unpacked(processing),
            queue=_unpacked(queue),
            steps={key: _unpacked(value) for key, value in steps.items()},
            tokens=Counter(tokens),
            cost=cost,
            runs={key: _unpacked(value) for key, value in (more[0] if more else {}).items()},
        )


def total(parts: Iterable[Totals]) -> Totals:
    """All parts added up."""
    result = Totals()
    for part in parts:
        result.add(part)
    return result


def statistics_view(totals: Totals, days: Mapping[str, Totals]) -> dict[str, Any]:
    """The figures of ``GET jobs/statistics``: seconds for jobs, milliseconds for steps; ``days`` by date."""
    ended = totals.status
    judged = ended["completed"] + ended["failed"]
    return {
        "jobs": sum(ended.values()),
        "byStatus": {status.value: ended[status.value] for status in JobStatus if status.terminal},
        "byType": dict(sorted(totals.type.items())),
        "byWorkflow": dict(sorted(totals.workflow.items())),
        "successRate": round(ended["completed"] / judged, 4) if judged else None,
        "processingSeconds": _seconds(totals.processing),
        "queueSeconds": _seconds(totals.queue),
        "layers": _layers(totals.steps),
        "steps": [
            {"step": key.partition("/")[2], "layer": key.partition("/")[0], **_milliseconds(histogram)}
            for key, histogram in sorted(totals.steps.items())
        ],
        "throughput": [
            {"day": day, **{s.value: part.status[s.value] for s in JobStatus if s.terminal}}
            for day, part in sorted(days.items())
        ],
        "usage": {"tokensIn": totals.tokens["in"], "tokensOut": totals.tokens["out"], "cost": totals.cost},
    }


def _layers(steps: Mapping[str, Histogram]) -> Sequence[dict[str, Any]]:
    layers: dict[str, Histogram] = {}
    for key, histogram in steps.items():
        add_up(layers.setdefault(key.partition("/")[0], {}), histogram)
    return [{"layer": layer, **_milliseconds(histogram)} for layer, histogram in sorted(layers.items())]


def _seconds(histogram: Histogram) -> dict[str, Any]:
    shown = _milliseconds(histogram)
    return {
        "count": shown["count"],
        "p50": None if shown["p50Ms"] is None else round(shown["p50Ms"] / 1000, 4),
        "p95": None if shown["p95Ms"] is None else round(shown["p95Ms"] / 1000, 4),
    }


def _milliseconds(histogram: Histogram) -> dict[str, Any]:
    p50, p95 = percentile(histogram, 0.5), percentile(histogram, 0.95)
    return {
        "count": sum(histogram.values()),
        "p50Ms": None if p50 is None else round(p50, 1),
        "p95Ms": None if p95 is None else round(p95, 1),
    }


def _packed(histogram: Histogram) -> tuple[list[int], list[int]]:
    return list(histogram), list(histogram.values())


def _unpacked(value: tuple[list[int], list[int]]) -> Histogram:
    buckets, counts = value
    return dict(zip(buckets, counts, strict=True))


def _within(at: str | None, started: str | None) -> bool:
    """Whether a step ended in this run of the job, not before a retry that kept it."""
    return bool(at and started and at >= started)


def _between(start: str | None, end: str | None) -> int | None:
    if not start or not end:
        return None
    return max(0, round((moment(end) - moment(start)).total_seconds() * 1000))
