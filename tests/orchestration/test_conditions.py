"""Steps with a condition: left out for requests that give them nothing, and checked for every way it can come."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import CATALOG
from orchestration.errors import InvalidRequest
from orchestration.jobs import JobStatus
from orchestration.management.audit import Actor
from orchestration.schemas import parse_request
from orchestration.workflow.definitions import parse_definition
from orchestration.workflow_conditions import _HOLDS, for_request
from orchestration.workflows import find_problems
from tests.orchestration.support import REQUEST, START, World
from tests.orchestration.test_custom_workflows import ASSEMBLE, STEPS, definition, problems, step

INTENT = step("intent", "queryIntentAnalyzer")
TUNE = step("tune", "platformSpecificTuner", onlyIf="platforms")
LAST = {**ASSEMBLE, "dependsOn": ["tune"]}
FIELDS: dict[str, Any] = {
    "platforms": ["x"],
    "sources": [{"title": "Mine", "text": "Some text of my own."}],
    "author": {"name": "Ann"},
    "keyPoints": ["one"],
    "searchKeywords": ["two"],
}


async def run(world: World, **changes: Any) -> list[str]:
    """The steps that a job of the tenant's workflow has."""
    submission = await world.submit(workflowType="custom", workflowId="mine", **changes)
    await world.work()
    job = await world.job(submission.job.job_id)
    assert job.status is JobStatus.COMPLETED
    return [record.name for record in job.steps]


async def test_a_step_is_left_out_where_its_field_is_empty_and_nobody_waits_for_it() -> None:
    world = World()
    value = definition(*STEPS[:-1], INTENT, TUNE, LAST, id="mine")
    await world.app.api.controller.workflows.create(Actor(tenant="local"), value)
    assert "tune" in await run(world, platforms=["x"])
    assert "tune" not in await run(world)


def test_every_condition_is_a_field_of_the_request() -> None:
    assert set(FIELDS) == set(_HOLDS)
    for name, value in FIELDS.items():
        given_ = parse_request({**REQUEST, name: value}, now=START, can_write=frozenset({"en"}))
        without = parse_request(REQUEST, now=START, can_write=frozenset({"en"}))
        assert (_HOLDS[name](given_), _HOLDS[name](without)) == (True, False)


def test_what_is_needed_must_not_depend_on_a_condition() -> None:
    gather, *others = STEPS
    ((pointer, detail),) = problems(definition({**gather, "onlyIf": "sources"}, *others))[:1]
    assert pointer == "/steps"
    assert detail.startswith("for a request without sources: ")


@pytest.mark.parametrize("condition", ["topic", "", "language"])
def test_an_unknown_condition_is_refused_with_the_known_ones(condition: str) -> None:
    ((pointer, detail),) = problems(definition(*STEPS, {**INTENT, "onlyIf": condition}))
    assert pointer == f"/steps/{len(STEPS)}/onlyIf"
    assert "platforms" in detail


@given(
    st.lists(st.sampled_from([None, *FIELDS]), min_size=6, max_size=6),
    st.sets(st.sampled_from(sorted(FIELDS))),
)
def test_a_definition_that_is_accepted_can_run_for_every_request(
    conditions: list[str | None], present: set[str]
) -> None:
    steps = [
        {**each, **({"onlyIf": condition} if condition else {})}
        for each, condition in zip([*STEPS, INTENT, {**TUNE, "onlyIf": "author"}], conditions, strict=True)
    ]
    value = definition(*steps)
    request = parse_request(
        {**REQUEST, **{name: FIELDS[name] for name in present}}, now=START, can_write=frozenset({"en"})
    )
    try:
        accepted = parse_definition(value)
    except InvalidRequest:
        return
    assert find_problems(for_request(accepted.to_workflow("mine", 1), request), CATALOG) == []
