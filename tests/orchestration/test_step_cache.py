"""Identical work is done once: what counts as identical, for how long, and that a cache never fails a job."""

from dataclasses import replace
from typing import Any

import pytest

from layers.catalog import CATALOG
from layers.contract import ContentBrief, ContentWarning, StepContext, Tools
from orchestration.checkpoints import Row, result_key
from orchestration.jobs import Job, JobStatus, StepStatus
from orchestration.management.audit import Actor
from orchestration.service import Origin
from orchestration.step_cache import STEP_CACHE, StepCache, place_of, worth_keeping
from tests.orchestration.support import START, FakeClock, FakeSteps, World, kind_of
from tests.orchestration.unreliable import Unreliable

WRITER = "llmContentOptimizer"
BRIEF = ContentBrief(topic="A topic", today=START.date())
ME = Actor(tenant="local")
HALF_A_DAY = CATALOG[WRITER].cached_for


async def completed(world: World, *, tenant: str = "local", **changes: Any) -> Job:
    """Submit a job and take it to its end."""
    submission = await world.submit(origin=Origin(tenant=tenant), **changes)
    await world.work()
    job = await world.job(submission.job.job_id)
    assert job.status is JobStatus.COMPLETED
    return job


async def package(world: World, job: Job) -> bytes:
    return await world.store.read_rows(job.job_id, result_key(job.run), job.result_rows)


def cached(job: Job) -> set[str]:
    return {step.service for step in job.steps if step.cached}


def rows(world: World) -> list[tuple[str, Row]]:
    return world.store.table(STEP_CACHE).all()


async def test_identical_work_is_done_once_and_gives_the_same_result() -> None:
    world = World()
    first, second = await completed(world), await completed(world)
    assert (cached(first), cached(second)) == (set(), {WRITER})
    assert world.steps.executions[WRITER] == 1
    assert world.steps.executions["contentAssembler"] == 2
    assert await package(world, second) == await package(world, first)
    assert second.step("optimize_content").status is StepStatus.COMPLETED
    events = [e for e in await world.events(second.job_id) if e["type"] == "step_completed"]
    assert len(events) == len(second.steps)


async def test_what_the_first_job_spent_is_not_spent_again() -> None:
    world = World()
    world.steps.changes[WRITER] = {"tokens_in": 900, "tokens_out": 100, "cost": 0.5}
    first, second = await completed(world), await completed(world)
    assert (first.tokens_in, first.tokens_out, first.cost) == (900, 100, 0.5)
    assert (second.tokens_in, second.tokens_out, second.cost) == (0, 0, 0.0)


@pytest.mark.parametrize(
    "changes",
    [{"tenant": "other"}, {"topic": "Another topic"}, {"tags": ["mine"]}, {"budgetTokens": 5000}],
    ids=["another tenant", "another topic", "another label", "another budget"],
)
async def test_other_work_is_done_anew(changes: dict[str, Any]) -> None:
    world = World()
    await completed(world)
    other = await completed(world, **changes)
    assert cached(other) == set()
    assert world.steps.executions[WRITER] == 2


async def test_an_artifact_before_the_step_that_differs_makes_it_other_work() -> None:
    world = World()
    await completed(world)
    world.steps.changes["sourceCollector"] = {"text": "a page that changed"}
    assert cached(await completed(world)) == set()


@pytest.mark.parametrize(("seconds", "hits"), [(HALF_A_DAY - 60, 1), (HALF_A_DAY + 60, 0), (-60, 0)])
async def test_a_result_is_taken_for_its_time_and_never_from_the_future(seconds: float, hits: int) -> None:
    clock = FakeClock()
    store = World(clock=clock).store
    cache, place = StepCache(store=store, clock=clock), a_place()
    await cache.keep(place, b"data")
    clock.advance(seconds)
    assert [await cache.find(place, max_age=HALF_A_DAY)] == ([b"data"] if hits else [None])


async def test_a_step_whose_result_is_kept_sees_nothing_that_its_key_does_not_name() -> None:
    world, seen = World(), set[str]()

    async def look(context: StepContext) -> None:
        seen.update(kind.__name__ for kind in context.artifacts)

    world.steps.behaviours[WRITER] = look
    await completed(world)
    declaration = CATALOG[WRITER]
    assert "Intent" not in seen
    assert set(declaration.requires) <= seen <= {*declaration.requires, *declaration.uses}


async def test_a_new_version_of_a_step_takes_nothing_of_the_old_one() -> None:
    world = World()
    await completed(world)
    declaration = world.steps.catalog[WRITER]
    world.steps.catalog[WRITER] = replace(declaration, version=declaration.version + 1)
    world.app = world.instance("two")
    assert cached(await completed(world)) == set()


async def test_a_job_that_starts_over_wants_its_own() -> None:
    world = World()
    await completed(world)
    twin = (await world.submit()).job
    await world.app.service.cancel("local", twin.job_id)
    await world.app.jobs.management.retry(ME, twin.job_id, from_scratch=True)
    await world.work()
    again = await world.job(twin.job_id)
    assert (again.status, again.run, cached(again)) == (JobStatus.COMPLETED, 2, set())


async def test_the_cache_can_be_switched_off() -> None:
    world = World(environment={"STEP_CACHE": "false"})
    await completed(world)
    assert cached(await completed(world)) == set()
    assert rows(world) == []


# ---------------------------------------------------------------- never a failure


@pytest.mark.parametrize(
    "damage",
    [
        {"d0": b"nonsense"},
        {"sum": "0" * 64},
        {"rows": "many"},
        {"at": "yesterday"},
    ],
    ids=["not compressed", "another sum", "no number", "no time"],
)
async def test_a_damaged_entry_is_a_miss(damage: dict[str, Any]) -> None:
    world = World()
    await completed(world)
    ((partition, row),) = rows(world)
    await world.store.table(STEP_CACHE).put(partition, [Row(key=row.key, values={**row.values, **damage})])
    assert cached(await completed(world)) == set()


async def test_an_entry_of_another_shape_is_a_miss() -> None:
    world = World()
    cache = StepCache(store=world.store, clock=world.clock)
    await completed(world)
    ((partition, row),) = rows(world)
    place = replace(a_place(), partition=partition, key=row.key.partition("|")[0])
    await cache.keep(place, b'{"neither": "nor"}')
    assert cached(await completed(world)) == set()


async def test_a_large_result_takes_several_rows_and_comes_back_whole() -> None:
    clock = FakeClock()
    store = World(clock=clock).store
    cache, place = StepCache(store=store, clock=clock), a_place()
    data = b"".join(number.to_bytes(4, "big") * 3 + bytes([number % 251]) for number in range(400_000))
    await cache.keep(place, data)
    assert len(store.table(STEP_CACHE).all()) > 1
    assert await cache.find(place, max_age=60) == data
    await store.table(STEP_CACHE).delete(place.partition, f"{place.key}|1")
    assert await cache.find(place, max_age=60) is None


async def test_what_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.checkpoints.MAX_COMPRESSED", 10)
    world = World()
    await StepCache(store=world.store, clock=world.clock).keep(a_place(), bytes(range(200)))
    assert rows(world) == []


async def test_storage_that_is_down_is_a_miss_and_no_failure() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    cache = StepCache(store=unreliable, clock=world.clock)
    unreliable.down = True
    await cache.keep(a_place(), b"data")
    assert await cache.find(a_place(), max_age=60) is None


@pytest.mark.parametrize(
    ("changes", "with_model", "kept"),
    [
        ({}, False, True),
        ({"warnings": (ContentWarning(severity="warning", code="c", where="w", fix="f"),)}, False, False),
        ({"warnings": (ContentWarning(severity="info", code="c", where="w", fix="f"),)}, False, True),
        ({}, True, False),
        ({"made_by": "llm"}, True, True),
    ],
    ids=["by rules", "with a warning", "with a notice", "by rules for want of the model", "by the model"],
)
def test_only_what_is_as_good_as_it_gets_is_kept(
    changes: dict[str, Any], with_model: bool, kept: bool
) -> None:
    tools = Tools(llm=NamedModel()) if with_model else Tools()  # type: ignore[arg-type]
    assert worth_keeping(kind_of("Article")(text="t", **changes), tools) is kept


def test_the_model_and_the_providers_are_part_of_what_is_identical() -> None:
    declaration = CATALOG[WRITER]
    plain = place_of("local", declaration, BRIEF, {}, Tools())
    model = place_of("local", declaration, BRIEF, {}, Tools(llm=NamedModel()))  # type: ignore[arg-type]
    assert plain != model
    assert plain == place_of("local", declaration, BRIEF, {"Unrelated": "x"}, Tools())


class NamedModel:
    model = "a-model"


# ---------------------------------------------------------------- retention


async def test_old_entries_go_and_young_ones_stay() -> None:
    world = World()
    await completed(world)
    world.clock.advance(2 * 86_400)
    await completed(world, topic="Later")
    assert len(rows(world)) == 2
    world.clock.advance(86_400)
    await world.app.jobs.retention.clean()
    assert [partition for partition, _ in rows(world)] == ["2026-11-24|local"]


async def test_no_more_than_a_bounded_number_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.step_cache.MAX_REMOVED", 1)
    world = World()
    cache = StepCache(store=world.store, clock=world.clock)
    for key in ("a", "b"):
        await cache.keep(replace(a_place(), key=key), b"data")
    world.clock.advance(4 * 86_400)
    assert [await cache.clean(), await cache.clean(), await cache.clean()] == [1, 1, 0]


def a_place() -> Any:
    return place_of("local", FakeSteps().catalog[WRITER], BRIEF, {}, Tools())
