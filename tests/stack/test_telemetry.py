"""One job, one trace: what arrives at the telemetry endpoint of the stack, also when processes die or it does."""

from __future__ import annotations

import os
import random
import re
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devtools.trace.tree import Node, Timeline
from tests.orchestration.receiver import receiving
from tests.stack.conftest import Stack, until
from tests.stack.test_callbacks import delivered
from tests.stack.traces import asked, items, misbehave, settled, trace_of

pytestmark = pytest.mark.stack

SAMPLES = Path(__file__).parents[2] / "samples" / "library"


def nodes(found: Timeline) -> list[Node]:
    return [node for root in found.roots for node in root.walk()]


def names(found: Timeline) -> Counter[str]:
    return Counter(node.item.name for node in nodes(found))


def path_to(found: Timeline, name: str) -> list[str]:
    """The names from the root down to the first span of this name."""

    def search(node: Node, above: list[str]) -> list[str] | None:
        here = [*above, node.item.name]
        if node.item.name == name:
            return here
        return next((hit for child in node.children if (hit := search(child, here))), None)

    return next((hit for root in found.roots if (hit := search(root, []))), [])


def test_one_job_is_one_trace_with_nothing_of_its_content_in_it(stack: Stack) -> None:
    secrets = {
        "Authorization": "Bearer canary-bearer-1",
        "x-functions-key": "canary-key-2",
        "x-api-key": "canary-key-3",
    }
    request = {
        "topic": "Canaries in coal mines",
        "contentType": "blog_post",
        "audience": "b2b",
        "sources": [{"title": "Canary-source-4", "text": "Canary-text-5 was a bird. " * 30}],
        "tags": ["canary-tag-6"],
        "userId": "canary-user-7",
    }
    reply = stack.call("POST", "/generate?code=canary-code-8&access_token=canary-token-9", request, secrets)
    job_id = reply.json["jobId"] if reply.status == 202 else stack.submit(**request)
    job = stack.ended(job_id)

    found = settled(stack, job_id)

    assert found.orphans == ()
    root = found.roots[0].item
    assert (root.name, root.job) == ("POST /content-architect/generate", job_id)
    last = job["steps"][-1]["name"]
    way = [root.name, "enqueue content-jobs", "process content-jobs", "attempt", f"step {last}"]
    assert path_to(found, f"step {last}") == way
    counted = names(found)
    assert (counted["process content-jobs"], counted["attempt"], counted["send content-jobs"]) == (1, 1, 1)
    assert counted["commit"] >= 4
    everything = (stack.running.folder.path / "telemetry.db").read_bytes()
    everything += (stack.running.folder.path / "telemetry.db-wal").read_bytes()
    assert job_id.encode() in everything
    assert b"canar" not in everything.lower()


@pytest.mark.long
def test_of_a_hundred_jobs_none_is_left_out_and_no_span_hangs_in_the_air(stack: Stack) -> None:
    jobs = [stack.submit() for _ in range(100)]
    for job_id in jobs:
        assert stack.ended(job_id, 300)["status"] == "completed"
    settled(stack, jobs[-1])
    found = {job_id: trace_of(stack, job_id) for job_id in jobs}
    assert {job_id: trace.orphans for job_id, trace in found.items() if trace.orphans} == {}
    assert {trace.roots[0].item.name for trace in found.values()} == {"POST /content-architect/generate"}
    assert len({trace.trace for trace in found.values()}) == len(jobs)


def test_a_job_that_is_cancelled_retried_and_loses_its_workers_is_still_one_trace(stack: Stack) -> None:
    with receiving() as receiver:
        receiver.answers.append((500, {}))
        job_id = stack.submit(
            workflowType="research_heavy",
            callbackUrl=receiver.url,
            scheduledFor=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
            webhookEvents=["status_change", "result_ready"],
            sources=much_to_read(),
        )
        stack.call("POST", f"/job/{job_id}/cancel")
        assert stack.ended(job_id)["status"] == "cancelled"
        assert stack.call("POST", f"/job/{job_id}/retry").status == 202
        until(lambda: True if len(completed(stack, job_id)) >= 2 and begun(stack, job_id) else None, 60)
        before = stack.endpoints["processes"]
        for name in ("functions-1", "functions-2"):
            os.kill(before[name], signal.SIGKILL)
        until(lambda: True if restarted(stack, before) else None, 60)
        assert stack.ended(job_id, 120)["status"] == "completed"
        delivered(stack, job_id)
        found = settled(stack, job_id)

    assert found.orphans == (), [node.item for node in found.orphans]
    assert found.roots[0].item.name == "POST /content-architect/generate"
    counted = names(found)
    assert counted["cancel"] == counted["retry"] == 1
    assert counted["attempt"] == 2
    assert counted["process content-jobs"] >= 2, "on a slow machine the dead worker's message comes back too"
    lost = [n.item for n in nodes(found) if n.item.properties.get("content.outcome") == "worker_lost"]
    assert sorted(item.name for item in lost) == ["attempt", "process content-jobs"]
    restored = [n.item for n in nodes(found) if n.item.properties.get("content.restored") == "True"]
    assert len(restored) >= 2
    assert counted["process content-callbacks"] >= 2
    assert path_to(found, "POST /")[-2] == "process content-callbacks"


def much_to_read() -> list[dict[str, str]]:
    """Sources that keep a job busy for some seconds: its workers die in the middle, however fast the machine is."""
    chance = random.Random(1)  # noqa: S311 - the same words every time
    words = re.findall("[a-z]+", (SAMPLES / "README.md").read_text(encoding="utf-8").lower())

    def sentence() -> str:
        return (
            " ".join(chance.choices(words, k=14)).capitalize() + f" in {chance.randint(10, 99)} of 100 cases."
        )

    texts = [" ".join(sentence() for _ in range(110)) for _ in range(40)]
    return [{"title": f"Report {number}", "text": text} for number, text in enumerate(texts)]


def begun(stack: Stack, job_id: str) -> bool:
    """What submitted, cancelled and retried the job has arrived: it would be lost with its process."""
    arrived = {item.name for item in items(stack, job=job_id)}
    return {"POST /content-architect/generate", "cancel", "retry"} <= arrived


def completed(stack: Stack, job_id: str) -> list[Any]:
    return [event for event in stack.events(job_id) if event["type"] == "step_completed"]


def restarted(stack: Stack, before: dict[str, int]) -> bool:
    now = stack.endpoints["processes"]
    return all(now[name] not in (None, before[name]) for name in ("functions-1", "functions-2"))


@pytest.mark.parametrize(
    "fault",
    [
        "down",
        "slow",
        *(pytest.param(fault, marks=pytest.mark.long) for fault in ("refusing", "throttled", "partial")),
    ],
)
def test_a_telemetry_endpoint_that_fails_neither_fails_nor_delays_jobs(stack: Stack, fault: str) -> None:
    misbehave(stack, fault=fault, seconds=20 if fault == "slow" else 0)
    try:
        job = stack.ended(stack.submit(), 30)
        until(lambda: True if asked(stack, "/counts")["requests"] > 0 else None)
    finally:
        misbehave(stack, fault="none")
    assert job["status"] == "completed"
    assert job["metadata"]["processingTime"] < 15


def test_every_metric_that_arrives_is_in_the_table_with_its_dimensions(stack: Stack) -> None:
    from orchestration.telemetry.metrics import METRICS

    stack.ended(stack.submit())
    until(
        lambda: (
            True if "content.jobs.completed" in {i.name for i in items(stack, kind="MetricData")} else None
        )
    )

    ours = [
        i for i in items(stack, kind="MetricData") if i.name.startswith(("content.", "messaging.", "gen_ai."))
    ]
    assert {item.name for item in ours} <= METRICS.keys()
    for item in ours:
        assert set(item.properties) <= {*METRICS[item.name].dimensions, "_MS.SentToAMW"}, item
