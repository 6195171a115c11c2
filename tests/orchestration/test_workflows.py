"""Workflows are data: the predefined ones can run, flags change them, what cannot run is named with its cure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import CATALOG
from layers.contract import JobType
from orchestration.errors import InvalidRequest
from orchestration.workflows import (
    CITATION_VERIFICATION,
    INCLUDE_STEPS,
    MAX_STEPS,
    PREDEFINED,
    RESEARCH_GENERATION,
    Step,
    Workflow,
    dependencies,
    find_problems,
    in_order,
    workflow_for,
)

ALL = [*PREDEFINED.values(), CITATION_VERIFICATION, RESEARCH_GENERATION]
NO_FLAGS: dict[str, bool | None] = dict.fromkeys(INCLUDE_STEPS)


def names(workflow: Workflow) -> set[str]:
    return {step.name for step in workflow.steps}


def changed(*extra: Step, drop: str = "") -> Workflow:
    standard = PREDEFINED["standard"]
    return replace(standard, steps=(*(s for s in standard.steps if s.name != drop), *extra))


@pytest.mark.parametrize("workflow", ALL, ids=lambda w: w.id)
def test_every_predefined_workflow_can_run_in_an_order_that_respects_artifacts(workflow: Workflow) -> None:
    assert find_problems(workflow) == []
    provided: set[str] = set()
    made = {CATALOG[s.service].provides for s in workflow.steps}
    for step in in_order(workflow):
        declaration = CATALOG[step.service]
        assert set(declaration.requires) <= provided
        assert set(declaration.uses) & made <= provided
        provided.add(declaration.provides)
    assert "ContentPackage" in provided


@pytest.mark.parametrize("workflow", ALL, ids=lambda w: w.id)
def test_a_snapshot_keeps_the_whole_workflow(workflow: Workflow) -> None:
    import json

    assert Workflow.from_snapshot(json.loads(json.dumps(workflow.to_snapshot()))) == workflow


@pytest.mark.parametrize("workflow", list(PREDEFINED))
def test_flags_that_are_absent_change_nothing(workflow: str) -> None:
    assert workflow_for(JobType.CONTENT_GENERATION, workflow, NO_FLAGS) == PREDEFINED[workflow]


@pytest.mark.parametrize("flag", list(INCLUDE_STEPS))
@pytest.mark.parametrize("workflow", list(PREDEFINED))
def test_a_flag_adds_its_steps_or_leaves_them_out(workflow: str, flag: str) -> None:
    added = workflow_for(JobType.CONTENT_GENERATION, workflow, {**NO_FLAGS, flag: True})
    assert names(added) == names(PREDEFINED[workflow]) | set(INCLUDE_STEPS[flag])
    assert find_problems(added) == []
    without = workflow_for(JobType.CONTENT_GENERATION, workflow, {**NO_FLAGS, flag: False})
    assert names(without) == names(PREDEFINED[workflow]) - set(INCLUDE_STEPS[flag])


@given(
    st.sampled_from(list(PREDEFINED)),
    st.fixed_dictionaries(dict.fromkeys(INCLUDE_STEPS, st.none() | st.booleans())),
)
def test_any_mix_of_flags_gives_a_workflow_that_can_run(workflow: str, flags: dict[str, bool | None]) -> None:
    assert find_problems(workflow_for(JobType.CONTENT_GENERATION, workflow, flags)) == []


def test_leaving_out_a_step_that_another_one_needs_is_refused_and_names_the_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(INCLUDE_STEPS, "includeResearch", ("gather_sources",))
    with pytest.raises(InvalidRequest) as refused:
        workflow_for(JobType.CONTENT_GENERATION, "standard", {**NO_FLAGS, "includeResearch": False})
    assert {error.pointer for error in refused.value.errors} == {"/includeResearch"}
    assert "sourceCollector" in refused.value.errors[0].detail


def test_job_types_without_an_article_have_their_own_workflows() -> None:
    flags = {**NO_FLAGS, "includeSchemaMarkup": True}
    assert workflow_for(JobType.CITATION_VERIFICATION, "standard", flags) is CITATION_VERIFICATION
    assert workflow_for(JobType.RESEARCH_GENERATION, "seo_focused", flags) is RESEARCH_GENERATION


@pytest.mark.parametrize(
    ("workflow", "message"),
    [
        (replace(PREDEFINED["standard"], steps=()), f"1 to {MAX_STEPS} steps, not 0"),
        (
            replace(PREDEFINED["standard"], steps=tuple(Step(name=f"s{n}", service="x") for n in range(61))),
            f"1 to {MAX_STEPS} steps, not 61",
        ),
        (changed(Step(name="analyze_intent", service="factChecker")), "analyze_intent is used twice"),
        (changed(Step(name="magic", service="wand")), "step magic: unknown service wand; known: blufContent"),
        (
            changed(Step(name="more", service="factChecker", depends_on=("never",))),
            "more depends on never, which is not",
        ),
        (changed(Step(name="again", service="sourceCollector")), "two steps provide SourceSet: keep one"),
        (changed(drop="gather_sources"), "needs SourceSet: add a step with sourceCollector"),
        (changed(drop="assemble_package"), "no step makes the package: add a step with contentAssembler"),
    ],
)
def test_what_cannot_run_is_named_with_its_cure(workflow: Workflow, message: str) -> None:
    assert any(message in problem.detail for problem in find_problems(workflow))


def test_a_cycle_names_the_steps_that_wait_for_each_other() -> None:
    standard = PREDEFINED["standard"]
    first = replace(standard.steps[0], depends_on=("assemble_package",))
    cyclic = replace(standard, steps=(first, *standard.steps[1:]))
    (problem,) = find_problems(cyclic)
    assert "analyze_intent" in problem.detail
    assert "assemble_package" in problem.detail
    assert "wait for each other" in problem.detail
    with pytest.raises(ValueError, match="wait for each other"):
        in_order(cyclic)


def test_explicit_dependencies_count_beside_those_of_artifacts() -> None:
    late = Step(name="check_facts", service="factChecker", depends_on=("optimize_queries",))
    assert "optimize_queries" in dependencies(changed(late))["check_facts"]
