"""How a figure is printed: one JSON line, the same fields for every benchmark."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence


def report(
    case: str,
    value: float,
    unit: str,
    *,
    floor: float | None = None,
    goal: float | None = None,
    **others: object,
) -> None:
    """Print one figure; with ``floor`` also its ratio to it. ``others`` are what helps to read it."""
    line: dict[str, object] = {"case": case, "value": round(value, 3), "unit": unit}
    if floor is not None:
        line |= {"floor": round(floor, 3), "ratio": round(value / floor, 3)}
    if goal is not None:
        line["goal"] = goal
    print(json.dumps(line | others), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
