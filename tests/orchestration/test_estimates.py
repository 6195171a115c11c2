"""Estimates come from what was seen, where enough was seen, and cost nobody a wait."""

from datetime import timedelta
from typing import Any

import pytest

from orchestration.handlers import workflows as controller_workflows
from orchestration.jobs import JobStatus, StepRecord, StepStatus, stamp
from orchestration.management.audit import Actor
from orchestration.management.estimates import FEWEST_RUNS, FRESH_SECONDS, NOTHING_KNOWN, Estimates, History
from orchestration.management.job_statistics import EndedJobs, StatisticsService
from orchestration.management.statistics import EndedJob, Totals
from tests.orchestration.support import START, World, body_of
from tests.orchestration.test_custom_workflows import STEPS, definition
from tests.orchestration.test_statistics import ended_job
from tests.orchestration.unreliable import Unreliable


async def ran(world: World, times: int, seconds: float, **changes: Any) -> None:
    """Jobs that completed an hour before the start and took this long; the hour is closed."""
    end = START - timedelta(hours=1)
    for number in range(times):
        job = ended_job(
            number,
            at=-1,
            started_at=stamp(end - timedelta(seconds=seconds)),
            **changes,
        )
        await EndedJobs(store=world.store).record(job)
    await world.app.jobs.statistics.close_hours()


async def shown(world: World, workflow: str = "standard") -> dict[str, Any]:
    reply = await world.call(controller_workflows.get_workflow, route={"workflowId": workflow})
    assert reply.status == 200, reply.body
    plan: dict[str, Any] = body_of(reply)["plan"]
    return plan


async def test_a_workflow_takes_as_long_as_the_median_of_its_runs() -> None:
    world = World()
    await ran(world, FEWEST_RUNS, 40)
    assert (await shown(world))["estimatedSeconds"] == pytest.approx(40, rel=0.091)
    assert (await shown(world, "research_heavy"))["estimatedSeconds"] == 720


async def test_a_few_runs_say_nothing() -> None:
    world = World()
    await ran(world, FEWEST_RUNS - 1, 40)
    assert (await shown(world))["estimatedSeconds"] == 300


async def test_failed_jobs_and_other_tenants_say_nothing() -> None:
    world = World()
    await ran(world, FEWEST_RUNS, 40, status=JobStatus.FAILED)
    await ran(world, FEWEST_RUNS, 40, tenant="other")
    assert (await shown(world))["estimatedSeconds"] == 300


async def test_a_custom_workflow_is_told_by_its_id_and_its_path_by_its_steps() -> None:
    world = World()
    await world.app.api.controller.workflows.create(Actor(tenant="local"), definition(*STEPS, id="mine"))
    slow = StepRecord(
        name=STEPS[1]["name"],
        layer="bottom",
        service="one",
        status=StepStatus.COMPLETED,
        duration_ms=200_000,
        ended_at=stamp(START - timedelta(hours=1)),
    )
    before = await shown(world, "mine")
    await ran(world, FEWEST_RUNS, 40, workflow_type="custom", workflow_id="other", steps=(slow,))
    world.clock.advance(FRESH_SECONDS)
    by_steps = await shown(world, "mine")
    assert by_steps["estimatedSeconds"] > before["estimatedSeconds"] + 100
    assert slow.name in by_steps["criticalPath"]
    await ran(world, FEWEST_RUNS, 50, workflow_type="custom", workflow_id="mine")
    world.clock.advance(FRESH_SECONDS)
    assert (await shown(world, "mine"))["estimatedSeconds"] == pytest.approx(50, rel=0.091)


async def test_a_submission_takes_what_is_known_and_waits_for_nothing() -> None:
    world = World()
    await ran(world, FEWEST_RUNS, 40)
    first = (await world.submit()).job
    assert first.estimated_seconds == 10, "nothing is known yet, and nobody waits"
    second = (await world.submit()).job
    assert second.estimated_seconds == pytest.approx(40, rel=0.091)


async def test_what_was_learnt_holds_for_a_while_and_while_storage_is_down() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    estimates = Estimates(
        statistics=StatisticsService(store=unreliable, clock=world.clock), clock=world.clock
    )
    await ran(world, FEWEST_RUNS, 40)
    learnt = await estimates.learnt("local")
    assert learnt.workflows["standard"] == pytest.approx(40, rel=0.091)
    await ran(world, FEWEST_RUNS * 3, 80)
    assert await estimates.learnt("local") == learnt
    unreliable.down = True
    world.clock.advance(FRESH_SECONDS)
    assert await estimates.learnt("local") == learnt
    unreliable.down = False
    world.clock.advance(FRESH_SECONDS)
    assert (await estimates.learnt("local")).workflows["standard"] == pytest.approx(80, rel=0.091)


async def test_no_more_tenants_are_remembered_than_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.management.estimates._TENANTS_KEPT", 2)
    world = World()
    estimates = Estimates(statistics=world.app.jobs.statistics, clock=world.clock)
    for tenant in ("one", "two", "three"):
        assert await estimates.learnt(tenant) == NOTHING_KNOWN
    assert list(estimates._known) == ["two", "three"]


def test_steps_whose_result_came_from_the_cache_say_nothing() -> None:
    job = ended_job(1)
    cached = [StepRecord(**{**{n: getattr(s, n) for n in s.__slots__}, "cached": True}) for s in job.steps]
    totals = Totals()
    for _ in range(FEWEST_RUNS):
        totals.count(EndedJob.of(ended_job(1, steps=tuple(cached))))
    assert (History.of(totals).steps, set(History.of(totals).workflows)) == ({}, {"standard"})


def test_a_tenant_with_endless_workflows_stays_small() -> None:
    totals = Totals()
    for number in range(1000):
        totals.count(EndedJob.of(ended_job(1, workflow_type="custom", workflow_id=f"w-{number}")))
    assert len(totals.runs) <= 201
    assert sum(sum(histogram.values()) for histogram in totals.runs.values()) == 1000
    assert Totals.from_bytes(totals.to_bytes()).runs == totals.runs
