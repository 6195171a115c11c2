"""``docs/telemetry.md`` lists what the code emits."""

from __future__ import annotations

import re
from pathlib import Path

from orchestration.telemetry.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    documented = {
        name: (unit, kind, tuple(re.findall(r"`([^`]+)`", dimensions)), what)
        for name, unit, kind, dimensions, what in re.findall(
            r"^\| `([a-z_.]+)` \| (\S+) \| (counter|histogram|gauge) \| (.*?) \| (.*?) \|$",
            PAGE,
            re.MULTILINE,
        )
    }
    assert documented == {
        name: (metric.unit, metric.kind.value, metric.dimensions, metric.description)
        for name, metric in METRICS.items()
    }
