"""What the stack's telemetry endpoint received, for tests to ask."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from devtools.trace.tree import Timeline, timeline
from localcloud.telemetry.items import Item
from tests.stack.conftest import Stack, until


def asked(stack: Stack, path: str) -> Any:
    with urllib.request.urlopen(f"{stack.endpoints['telemetryQueries']}{path}", timeout=20) as answer:
        return json.loads(answer.read())


def misbehave(stack: Stack, **behaviour: Any) -> None:
    """Tell the endpoint which fault to have."""
    url = f"{stack.endpoints['telemetryQueries']}/fault"
    request = urllib.request.Request(url, data=json.dumps(behaviour).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=20).close()


def items(stack: Stack, **wanted: str) -> list[Item]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return [Item(**item) for item in asked(stack, f"/items?{query}")]


def trace_of(stack: Stack, job_id: str) -> Timeline:
    """The job's trace once its terminal record has arrived and with it all that came before."""

    def look() -> Timeline | None:
        traces = asked(stack, f"/traces?job={job_id}")
        if not traces:
            return None
        found = timeline(traces[0], items(stack, trace=traces[0]))
        notes = [note.name for root in found.roots for node in root.walk() for note in node.notes]
        ended = any(
            node.item.name.startswith("process content-jobs") for root in found.roots for node in root.walk()
        )
        return found if "job ended" in notes and ended else None

    return until(look, 20)


def settled(stack: Stack, job_id: str) -> Timeline:
    """The same, once nothing is added to it: exporters send every second, so two looks without news will do."""
    before = trace_of(stack, job_id)
    for _ in range(20):
        time.sleep(1.2)
        found = trace_of(stack, job_id)
        if found.spans == before.spans:
            return found
        before = found
    raise AssertionError("the trace goes on and on")
