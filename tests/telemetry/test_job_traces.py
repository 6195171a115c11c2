"""One job, one trace: how the spans of a job hang together, in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from layers.contract import StepError
from orchestration.controller import ContentArchitectController as Face
from orchestration.jobs import JobStatus
from orchestration.service import Origin
from orchestration.telemetry.entries import tenant_hash
from orchestration.telemetry.metrics import METRICS
from tests.orchestration.support import REQUEST, World, again, message
from tests.telemetry.recorder import Recorder, recording

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
CANARY = "CANARY-4711"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


async def generate(world: World, **headers: str) -> str:
    body = json.dumps(REQUEST).encode()
    reply = await world.call(
        Face.generate, method="POST", body=body, headers={"content-type": "application/json", **headers}
    )
    assert reply.status == 202
    return str(json.loads(reply.body)["jobId"])


async def test_nothing_is_recorded_and_a_traceparent_is_made_while_telemetry_is_off() -> None:
    world = World()
    job = await world.job(await generate(world))
    await world.work()
    assert job.traceparent is not None
    assert job.traceparent.endswith("-00")
    assert (await world.job(job.job_id)).open_spans is None


async def test_a_job_hangs_on_the_call_that_submitted_it(recorder: Recorder) -> None:
    world = World()
    job_id = await generate(world)
    await world.work()

    job = await world.job(job_id)
    enqueue = recorder.one("enqueue content-jobs")
    assert job.traceparent == f"00-{enqueue.context.trace_id:032x}-{enqueue.context.span_id:016x}-03"
    step = recorder.named("step assemble_package")[0]
    assert recorder.way(step) == [
        "POST /content-architect/generate",
        "enqueue content-jobs",
        "process content-jobs",
        "attempt",
        "step assemble_package",
    ]
    assert recorder.one("process content-jobs").kind is SpanKind.CONSUMER
    assert len(recorder.traces) == 1
    assert recorder.orphans == []
    assert {recorder.parent(span) for span in recorder.named("commit")} == {"attempt"}


async def test_a_span_says_what_it_is_about_and_neither_tenant_nor_topic(recorder: Recorder) -> None:
    world = World()
    job_id = await generate(world)
    await world.work()

    attempt = recorder.one("attempt").attributes or {}
    assert attempt["content.job.id"] == job_id
    assert attempt["content.tenant"] == tenant_hash("local") != "local"
    assert attempt["content.attempt"] == 1
    call = recorder.one("POST /content-architect/generate").attributes or {}
    assert (call["http.response.status_code"], call["content.job.id"]) == (202, job_id)
    step = recorder.one("step analyze_intent").attributes or {}
    assert step["content.layer"] == "bottom"
    assert step["content.try"] == 1
    texts = json.dumps([dict(span.attributes or {}) for span in recorder.spans])
    assert REQUEST["topic"] not in texts


async def test_a_callers_trace_goes_on(recorder: Recorder) -> None:
    world = World()
    await generate(world, traceparent=CALLER)
    await world.work()
    assert recorder.traces == {int(TRACE, 16)}


async def test_a_repeated_call_adds_nothing_to_the_jobs_trace(recorder: Recorder) -> None:
    world = World()
    first = await generate(world, **{"idempotency-key": "k"})
    job = await world.job(first)
    assert await generate(world, **{"idempotency-key": "k"}) == first
    assert (await world.job(first)).traceparent == job.traceparent
    assert len(recorder.traces) == 2


async def test_a_producers_message_begins_the_trace_and_goes_on_in_it_when_it_comes_again(
    recorder: Recorder,
) -> None:
    world = World()
    world.steps.behaviours["queryIntentAnalyzer"] = never
    delivery = message({"type": "content_generation", "request": REQUEST})
    working = asyncio.create_task(world.app.processor.process(delivery))
    while not world.steps.order:
        await asyncio.sleep(0)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    world.clock.advance(60)
    world.steps.behaviours.clear()
    await world.app.processor.process(again(delivery, 2))

    (job_id,) = world.store._rows
    assert (await world.job(job_id)).status is JobStatus.COMPLETED
    assert len(recorder.traces) == 1
    assert recorder.orphans == []


async def test_whoever_takes_over_writes_the_spans_that_the_dead_worker_left_open(recorder: Recorder) -> None:
    world = World()
    job_id = await generate(world)
    sent = world.queue.sent[0]
    world.steps.behaviours["knowledgeAggregator"] = world.steps.behaviours["contentChunker"] = never
    working = asyncio.create_task(world.deliver(sent))
    while "contentChunker" not in world.steps.order and "knowledgeAggregator" not in world.steps.order:
        await asyncio.sleep(0)
    claimed = (await world.job(job_id)).open_spans
    assert claimed is not None
    world.clock.advance(60)  # the lease is over
    world.steps.behaviours.clear()
    await world.app.sweeper.sweep()
    await world.work(world.instance("two"))

    delivery_id, attempt_id, _ = claimed.split("-")
    for span_id, name in ((delivery_id, "process content-jobs"), (attempt_id, "attempt")):
        (lost,) = [
            span
            for span in recorder.spans
            if f"{span.context.span_id:016x}" == span_id and outcome(span) == "worker_lost"
        ]
        assert lost.name == name
        assert lost.status.status_code is StatusCode.ERROR
    assert recorder.way(lost)[-3:] == ["enqueue content-jobs", "process content-jobs", "attempt"]
    assert recorder.orphans == []
    assert len(recorder.traces) == 1
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def outcome(span: ReadableSpan) -> object:
    return (span.attributes or {}).get("content.outcome")


async def never(_: object) -> None:
    await asyncio.Event().wait()


async def test_a_cancelled_and_retried_job_stays_in_its_trace_and_the_calls_are_linked(
    recorder: Recorder,
) -> None:
    world = World()
    job_id = await generate(world)
    world.queue.sent.clear()
    await world.call(Face.cancel, method="POST", route={"jobId": job_id})
    from orchestration.handlers import jobs as controller_jobs

    await world.call(controller_jobs.retry_job, method="POST", route={"jobId": job_id})
    await world.work()

    job = await world.job(job_id)
    assert job.status is JobStatus.COMPLETED
    trace_id = int((job.traceparent or "").split("-")[1], 16)
    calls = {"POST /content-architect/job/{jobId}/cancel", "POST /content-architect/job/{jobId}/retry"}
    elsewhere = {span.name for span in recorder.spans if span.context.trace_id != trace_id}
    assert elsewhere == calls
    for name in ("cancel", "retry"):
        span = recorder.one(name)
        assert span.context.trace_id == trace_id
        (link,) = span.links
        call = recorder.one(f"POST /content-architect/job/{{jobId}}/{name}")
        assert link.context.span_id == call.context.span_id
    assert recorder.orphans == []


async def test_an_error_is_recorded_as_our_code_and_never_in_its_words(recorder: Recorder) -> None:
    world = World()

    async def fails(_: object) -> None:
        raise StepError(f"cannot read {CANARY}", code="source_unreachable", retryable=False)

    world.steps.behaviours["queryIntentAnalyzer"] = fails
    await generate(world)
    await world.work()

    step = recorder.named("step analyze_intent")[0]
    assert step.status.status_code is StatusCode.ERROR
    assert step.attributes["content.error.code"] == "source_unreachable"  # type: ignore[index]
    assert [event.name for event in step.events] == ["exception"]
    everything = "".join(span.to_json() for span in recorder.spans)
    assert CANARY not in everything
    assert ({"queue": "content-jobs", "error.type": "source_unreachable"}, 1) in recorder.points(
        "content.deadletter"
    )


async def test_every_try_of_a_step_is_a_span_and_retries_are_counted(recorder: Recorder) -> None:
    world = World()
    tries = iter([True, False])

    async def once(_: object) -> None:
        if next(tries):
            raise StepError("busy", code="busy", retryable=True)

    world.steps.behaviours["queryIntentAnalyzer"] = once
    await generate(world)
    await world.work()

    numbers = [span.attributes["content.try"] for span in recorder.named("step analyze_intent")]  # type: ignore[index]
    assert numbers == [1, 2]
    where = {"workflowType": "standard", "layer": "bottom", "step": "analyze_intent"}
    assert recorder.points("content.step.retries") == [(where, 1)]


async def test_jobs_are_counted_by_kind_and_outcome_alone(recorder: Recorder) -> None:
    world = World()
    await generate(world)
    world.clock.advance(3)
    await world.work()

    kind = {"contentType": "content_generation", "workflowType": "standard"}
    assert recorder.points("content.jobs.submitted") == [(kind, 1)]
    assert recorder.points("content.jobs.completed") == [({**kind, "outcome": "completed"}, 1)]
    assert recorder.points("content.job.queue_time") == [({**kind, "queue": "content-jobs"}, 3.0)]
    assert recorder.points("content.jobs.active") == [({}, 0)]
    for name, metric in METRICS.items():
        for dimensions, _ in recorder.points(name):
            assert set(dimensions) <= set(metric.dimensions), name


async def test_a_refused_message_is_a_failed_delivery_of_its_own(recorder: Recorder) -> None:
    await World().app.processor.process(message(b"no json", traceparent=CALLER))
    span = recorder.one("process content-jobs")
    assert span.context.trace_id == int(TRACE, 16)
    assert span.attributes["content.outcome"] == "dead_letter"  # type: ignore[index]


async def test_the_last_events_are_published_in_the_jobs_trace(recorder: Recorder) -> None:
    world = World()
    await world.watch()
    await world.submit(origin=Origin(tenant="local", traceparent=CALLER))
    await world.work()
    await world.app.realtime.drain()
    assert {recorder.parent(span) for span in recorder.named("publish")} == {"attempt"}
    assert len(world.publisher.published) > 2 * len(recorder.named("publish"))
