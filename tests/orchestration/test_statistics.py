"""Statistics: buckets, sums of hours, and what is answered about them."""

from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.handlers import jobs as controller_jobs
from orchestration.jobs import Job, JobStatus, StepRecord, StepStatus, stamp
from orchestration.management.job_statistics import (
    MAX_PERIODS_KEPT,
    REREAD_SECONDS,
    EndedJobs,
    Period,
    hour_of,
)
from orchestration.management.statistics import (
    EndedJob,
    Totals,
    bucket_middle,
    bucket_of,
    percentile,
    put_in,
    statistics_view,
    total,
)
from tests.orchestration.support import START, World, body_of, new_job

DURATIONS = st.integers(0, 86_400_000)
ENDED = st.builds(
    EndedJob,
    status=st.sampled_from([s for s in JobStatus if s.terminal]),
    type=st.sampled_from(["content_generation", "research_generation"]),
    workflow_type=st.sampled_from(["standard", "seo_focused"]),
    processing_ms=st.none() | DURATIONS,
    queue_ms=st.none() | DURATIONS,
    steps=st.lists(
        st.tuples(st.sampled_from(["first", "second"]), st.sampled_from(["bottom", "top"]), DURATIONS),
        max_size=3,
    ).map(tuple),
    tokens_in=st.integers(0, 1000),
    tokens_out=st.integers(0, 1000),
    cost=st.sampled_from([0.0, 0.25, 0.5]),
)


@given(st.lists(DURATIONS, min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_off_by_at_most_nine_percent(values: list[int], share: float) -> None:
    totals = Totals()
    for value in values:
        put_in(totals.processing, value)
    exact = max(1, sorted(values)[ceil(share * len(values)) - 1])
    found = percentile(totals.processing, share)
    assert found is not None
    assert exact / 1.0906 <= found <= exact * 1.0906


@given(st.integers(1, 110))
def test_the_middle_of_a_bucket_lies_in_it(bucket: int) -> None:
    assert bucket_of(bucket_middle(bucket)) == bucket


@given(st.lists(ENDED, max_size=20), st.integers(1, 5))
def test_hours_add_up_to_the_same_figures_however_jobs_are_spread(ended: list[EndedJob], hours: int) -> None:
    whole = Totals()
    parts = [Totals() for _ in range(hours)]
    for number, job in enumerate(ended):
        whole.count(job)
        parts[number % hours].count(job)
    stored = [Totals.from_bytes(part.to_bytes()) for part in parts]
    assert statistics_view(total(stored), {}) == statistics_view(whole, {})


@given(ENDED)
def test_a_row_gives_back_its_job(job: EndedJob) -> None:
    assert EndedJob.from_values(job.to_values()) == job


def test_an_hour_with_endless_step_names_stays_small() -> None:
    totals = Totals()
    for number in range(2000):
        totals.count(
            EndedJob(
                status=JobStatus.COMPLETED,
                type="content_generation",
                workflow_type="custom",
                processing_ms=1,
                queue_ms=1,
                steps=((f"step-{number}", "top", 5),),
            )
        )
    assert sum(sum(histogram.values()) for histogram in totals.steps.values()) == 2000
    assert len(totals.to_bytes()) < 16_000


def ended_job(number: int, *, at: float = 0, status: JobStatus = JobStatus.COMPLETED, **changes: Any) -> Job:
    """A job that ended ``at`` hours after the start, waited 2 s and ran for 10 s."""
    end = START + timedelta(hours=at)
    steps = (
        StepRecord(
            name="first",
            layer="bottom",
            service="one",
            status=StepStatus.COMPLETED,
            duration_ms=40,
            ended_at=stamp(end),
        ),
    )
    values: dict[str, Any] = {
        "job_id": f"018f3c5e-0000-7000-8000-{number:012d}",
        "status": status,
        "created_at": stamp(end - timedelta(seconds=12)),
        "started_at": stamp(end - timedelta(seconds=10)),
        "completed_at": stamp(end),
        "steps": steps,
    }
    return new_job(**{**values, **changes})


async def report(world: World, **query: str) -> dict[str, Any]:
    reply = await world.call(controller_jobs.job_statistics, query=query)
    assert reply.status == 200, reply.body
    return body_of(reply)


async def test_the_figures_are_the_same_before_and_after_hours_are_closed_however_often() -> None:
    world = World()
    for number in range(12):
        status = JobStatus.FAILED if number % 4 == 0 else JobStatus.COMPLETED
        await EndedJobs(store=world.store).record(ended_job(number, at=number / 4, status=status))
    world.clock.advance(timedelta(hours=3, minutes=10).total_seconds())
    span = {"from": stamp(START), "to": stamp(world.clock.now())}
    await world.app.jobs.statistics.close_hours()
    closed = await report(world, **span)
    for _ in range(2):
        await world.app.jobs.statistics.close_hours()
    assert await report(world, **span) == closed
    assert closed["jobs"] == 12
    assert closed["byStatus"] == {"completed": 9, "failed": 3, "cancelled": 0}
    assert closed["successRate"] == 0.75
    assert closed["processingSeconds"]["p50"] == pytest.approx(10, rel=0.091)
    assert closed["queueSeconds"]["p95"] == pytest.approx(2, rel=0.091)
    assert [(step["step"], step["count"]) for step in closed["steps"]] == [("first", 12)]
    assert closed["throughput"] == [{"day": "2026-11-22", "completed": 9, "failed": 3, "cancelled": 0}]


async def test_a_job_that_just_ended_counts_at_once() -> None:
    world = World()
    await world.submit()
    await world.work()
    figures = await report(world)
    assert (figures["jobs"], figures["asOf"]) == (1, stamp(world.clock.now()))
    assert {step["layer"] for step in figures["layers"]} == {"bottom", "middle", "top"}


async def test_a_row_that_comes_late_makes_its_hour_be_recomputed() -> None:
    world = World()
    await EndedJobs(store=world.store).record(ended_job(1))
    world.clock.advance(timedelta(hours=6).total_seconds())
    await world.app.jobs.statistics.close_hours()
    world.clock.advance(timedelta(hours=6).total_seconds())
    await world.app.jobs.statistics.close_hours()
    await EndedJobs(store=world.store).record_late(ended_job(2))
    assert (await report(world))["jobs"] == 1
    assert await world.app.jobs.statistics.close_hours() > 0
    assert (await report(world))["jobs"] == 2


async def test_what_another_process_closed_shows_after_half_a_minute_and_is_counted_until_then() -> None:
    world = World()
    other = world.instance("other").jobs.statistics
    await EndedJobs(store=world.store).record(ended_job(1))
    assert (await report(world))["jobs"] == 1
    world.clock.advance(3600 - REREAD_SECONDS / 2)
    assert (await report(world))["jobs"] == 1
    world.clock.advance(REREAD_SECONDS / 2 + 1)
    await other.close_hours()
    assert (await report(world))["jobs"] == 1
    await EndedJobs(store=world.store).record_late(ended_job(2))
    await other.close_hours()
    world.clock.advance(REREAD_SECONDS)
    assert (await report(world))["jobs"] == 2


async def test_no_more_periods_are_remembered_than_agreed() -> None:
    world = World()
    for number in range(MAX_PERIODS_KEPT + 3):
        await report(world, **{"from": stamp(START - timedelta(days=number + 1))})
    assert len(world.app.jobs.statistics._read) == MAX_PERIODS_KEPT


async def test_after_a_long_pause_hours_are_closed_a_bounded_number_at_a_time() -> None:
    world = World()
    await EndedJobs(store=world.store).record(ended_job(1))
    world.clock.advance(timedelta(days=5).total_seconds())
    counts = [await world.app.jobs.statistics.close_hours() for _ in range(5)]
    assert max(counts) == 48
    assert counts[-1] <= 2
    assert (await report(world))["jobs"] == 1


async def test_tenants_are_counted_apart() -> None:
    world = World()
    for number, tenant in enumerate(["local", "local-2", "other"]):
        await EndedJobs(store=world.store).record(ended_job(number, tenant=tenant))
    period = Period(first=hour_of(START), end=hour_of(START + timedelta(hours=1)))
    for closed in (False, True):
        figures = await world.app.jobs.statistics.report("local", period)
        assert figures["jobs"] == 1, f"closed: {closed}"
        world.clock.advance(7200)
        await world.app.jobs.statistics.close_hours()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "last week"}, "/from"),
        ({"to": "2026-11-22"}, "/to"),
        ({"from": "2026-11-23T00:00:00Z"}, "/from"),
        ({"from": "2026-01-01T00:00:00Z"}, "/from"),
        ({"from": "0001-01-01T00:00:00+23:59"}, "/from"),
        ({"since": "2026-11-01T00:00:00Z"}, "/since"),
    ],
)
async def test_a_wrong_period_is_named(query: dict[str, str], pointer: str) -> None:
    reply = await World().call(controller_jobs.job_statistics, query=query)
    assert (reply.status, [e["pointer"] for e in body_of(reply)["errors"]]) == (422, [pointer])


def test_a_job_that_was_kept_by_a_retry_counts_only_the_steps_of_its_last_run() -> None:
    job = ended_job(1)
    old = StepRecord(
        name="second",
        layer="top",
        service="two",
        status=StepStatus.COMPLETED,
        ended_at=stamp(START - timedelta(days=1)),
    )
    figures = EndedJob.of(
        Job(**{**{n: getattr(job, n) for n in Job.__dataclass_fields__}, "steps": (*job.steps, old)})
    )
    assert [name for name, _, _ in figures.steps] == ["first"]
