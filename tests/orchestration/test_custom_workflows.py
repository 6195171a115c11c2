"""Custom workflows: what is wrong is named with its cure, versions stay, jobs run what was active when they came."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import CATALOG
from orchestration.checkpoints import INPUT_KEY
from orchestration.controller import Handler
from orchestration.errors import InvalidRequest, RequestRefused, RowConflict
from orchestration.handlers import workflows as handlers
from orchestration.http import HttpCall, HttpReply
from orchestration.jobs import JobInput, JobStatus
from orchestration.management.audit import Actor
from orchestration.routes import ROUTES
from orchestration.service import Origin
from orchestration.workflow.definitions import parse_definition
from orchestration.workflow.plan import plan
from orchestration.workflow.store import WorkflowStore
from orchestration.workflows import MAX_STEPS, PREDEFINED, dependencies, workflow_for
from tests.orchestration.support import World, body_of, route_of

ME = Actor(tenant="local")


def step(name: str, service: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "service": service, **more}


GATHER, CHUNK = step("gather", "sourceCollector"), step("chunk", "contentChunker")
KEYWORDS, ASSEMBLE = step("keywords", "keywordTopicAnalyzer"), step("assemble", "contentAssembler")
STEPS = [GATHER, CHUNK, KEYWORDS, ASSEMBLE]


def definition(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Mine", "steps": list(steps or STEPS), **more}


def problems(value: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        parse_definition(value)
    return [(error.pointer, error.detail) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("value", "pointer", "detail"),
    [
        (definition(*STEPS, step("magic", "wand")), "/steps/4/service", "step magic: unknown service wand; known: "),
        (definition(*STEPS, step("gather", "queryIntentAnalyzer")), "/steps/4/name", "gather is used twice: rename"),
        (definition(*STEPS, step("more", "sourceCollector")), "/steps/4/service", "keep one of gather and more"),
        (definition(GATHER, KEYWORDS, ASSEMBLE), "/steps/1", "keywords needs PassageIndex: add a step with contentCh"),
        (definition(GATHER, CHUNK, KEYWORDS), "/steps", "no step makes the package: add a step with contentAssembler"),
        (
            definition(GATHER, CHUNK, {**KEYWORDS, "dependsOn": ["chunk", "never"]}, ASSEMBLE),
            "/steps/2/dependsOn/1",
            "keywords depends on never, which is not a step",
        ),
        (
            definition({**GATHER, "dependsOn": ["keywords"]}, CHUNK, KEYWORDS, ASSEMBLE),
            "/steps/0/dependsOn/0",
            "keywords -> chunk -> gather; remove keywords from the dependsOn of gather",
        ),
        (
            definition({**GATHER, "dependsOn": ["gather"]}, CHUNK, KEYWORDS, ASSEMBLE),
            "/steps/0/dependsOn/0",
            "gather -> gather; remove gather from",
        ),
        (definition(GATHER, CHUNK, ASSEMBLE), "/steps/1", "chunk cannot be reached from the package, nobody takes"),
        (definition(*STEPS, id="standard"), "/id", "standard is predefined: take another id"),
        ({"name": "Mine", "steps": []}, "/steps", "at least 1 item"),
        ({"steps": STEPS}, "/name", "Field required"),
        (definition(*STEPS, colour="red"), "/colour", "is not a known field"),
        (definition({**GATHER, "timeoutSeconds": 0}, CHUNK), "/steps/0/timeoutSeconds", "greater than or equal to 1"),
        (definition({**GATHER, "name": "Ge|"}, CHUNK), "/steps/0/name", "match pattern"),
        (definition({**GATHER, "retry": {"maxTries": 99}}), "/steps/0/retry/maxTries", "less than or equal to 10"),
        (definition(*STEPS, id="../x"), "/id", "match pattern"),
        ([], "", "valid dictionary"),
        (None, "", "valid dictionary"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_place_step_and_cure(value: Any, pointer: str, detail: str) -> None:
    found = problems(value)
    assert any(pointer == where and detail in what for where, what in found), found


def test_ten_thousand_steps_are_answered_without_a_look_at_each() -> None:
    value = definition(*(step(f"s{n}", "wand", dependsOn=[f"s{n - 1}"]) for n in range(10_000)))
    ((pointer, detail),) = problems(value)
    assert (pointer, str(MAX_STEPS) in detail) == ("/steps", True)


def test_a_cycle_that_artifacts_alone_make_is_named_too() -> None:
    intent = replace(CATALOG["queryIntentAnalyzer"], requires=("SourceSet",))
    sources = replace(CATALOG["sourceCollector"], requires=("Intent",))
    catalog = {**CATALOG, intent.service: intent, sources.service: sources}
    with pytest.raises(InvalidRequest) as refused:
        parse_definition(definition(*STEPS, step("intent", "queryIntentAnalyzer")), catalog)
    (error,) = refused.value.errors
    assert "wait for each other: " in error.detail
    assert error.detail.endswith("leave one out")


def test_a_step_that_the_result_waits_for_is_wanted_even_when_nobody_takes_what_it_makes() -> None:
    late = {**ASSEMBLE, "dependsOn": ["chunk"]}
    assert parse_definition(definition(GATHER, CHUNK, late)).steps[2].depends_on == ("chunk",)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["id", "name", "steps", "service", "dependsOn", "retry"]), c)))  # fmt: skip
def test_any_json_is_a_definition_or_is_refused(value: Any) -> None:
    assert problems(value)


@given(
    st.lists(st.sampled_from(sorted(CATALOG)), min_size=1, max_size=12, unique=True),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=6),
)
def test_what_is_accepted_has_a_plan_that_respects_every_dependency(
    services: list[str], arrows: list[tuple[int, int]]
) -> None:
    chosen = [*dict.fromkeys([*services, "sourceCollector", "contentChunker", "contentAssembler"])]
    steps = [
        step(f"s{n}", service, dependsOn=[f"s{b % len(chosen)}" for a, b in arrows if a % len(chosen) == n])
        for n, service in enumerate(chosen)
    ]
    try:
        accepted = parse_definition(definition(*steps))
    except InvalidRequest:
        return
    workflow = accepted.to_workflow("mine", 1)
    planned, graph = plan(workflow), dependencies(workflow)
    assert sorted(planned.order) == sorted(graph)
    for number, wave in enumerate(planned.waves):
        earlier = {name for before in planned.waves[:number] for name in before}
        assert all(graph[name] <= earlier for name in wave)
    path = planned.critical_path
    assert all(a in graph[b] for a, b in pairwise(path))
    assert planned.estimated_seconds == workflow.estimated_seconds > 0


def test_the_plan_of_standard_shows_its_waves_and_its_five_minutes() -> None:
    planned = plan(PREDEFINED["standard"])
    assert planned.waves[0] == ("analyze_intent", "gather_sources")
    assert planned.critical_path == (
        "gather_sources", "chunk_content", "analyze_keywords", "optimize_queries", "structure_content",
        "optimize_content", "assemble_package",
    )  # fmt: skip
    assert planned.estimated_seconds == PREDEFINED["standard"].estimated_seconds == 300


# ---------------------------------------------------------------- the API


async def call(
    world: World, handler: Handler, body: Any = None, workflow_id: str = "", **query: str
) -> HttpReply:
    data = b"" if body is None else json.dumps(body).encode()
    made = HttpCall(method="POST", route={"workflowId": workflow_id}, query=query, body=data)
    return await world.app.api.answer(route_of(handler), made)


async def code(world: World, handler: Handler, body: Any = None, workflow_id: str = "", **query: str) -> Any:
    reply = await call(world, handler, body, workflow_id, **query)
    return reply.status, body_of(reply)["code"]


async def test_a_workflow_is_created_active_with_its_plan() -> None:
    world = World()
    reply = await call(world, handlers.create_workflow, definition(*STEPS, id="mine", description="Short."))
    body = body_of(reply)
    assert (reply.status, reply.headers["Location"]) == (201, body["links"]["self"])
    assert (body["id"], body["version"], body["activeVersion"], body["latestVersion"]) == ("mine", 1, 1, 1)
    assert body["plan"] == {
        "order": ["gather", "chunk", "keywords", "assemble"],
        "waves": [["gather"], ["chunk"], ["keywords"], ["assemble"]],
        "criticalPath": ["gather", "chunk", "keywords", "assemble"],
        "estimatedSeconds": 135.0,
    }
    assert body_of(await call(world, handlers.get_workflow, workflow_id="mine")) == body
    assert await code(world, handlers.create_workflow, definition(id="mine")) == (409, "workflow_exists")


async def test_what_is_shown_can_be_sent_in_again() -> None:
    world = World()
    shown = body_of(await call(world, handlers.get_workflow, workflow_id="citation_heavy"))
    reply = await call(world, handlers.create_workflow, {"name": "Copy", "steps": shown["steps"]})
    assert reply.status == 201
    assert body_of(reply)["steps"] == shown["steps"]
    assert body_of(reply)["id"].startswith("wf-")


async def test_a_change_is_a_new_version_that_waits_to_be_activated() -> None:
    world = World()
    await call(world, handlers.create_workflow, definition(id="mine"))
    changed = definition(*STEPS, step("intent", "queryIntentAnalyzer"))
    updated = body_of(await call(world, handlers.update_workflow, changed, "mine"))
    assert (updated["version"], updated["activeVersion"], updated["latestVersion"]) == (2, 1, 2)
    assert len(body_of(await call(world, handlers.get_workflow, workflow_id="mine"))["steps"]) == 4
    activated = body_of(await call(world, handlers.activate_workflow, workflow_id="mine"))
    assert (activated["version"], activated["activeVersion"], len(activated["steps"])) == (2, 2, 5)
    back = body_of(await call(world, handlers.activate_workflow, {"version": 1}, "mine"))
    assert back["activeVersion"] == 1
    assert (
        len(body_of(await call(world, handlers.get_workflow, workflow_id="mine", version="2"))["steps"]) == 5
    )


async def test_the_list_has_the_predefined_ones_and_the_tenants_own() -> None:
    world = World()
    await call(world, handlers.create_workflow, definition(id="mine"))
    await world.app.api.controller.workflows.create(Actor(tenant="other"), definition(id="theirs"))
    value = body_of(await call(world, handlers.list_workflows))["value"]
    assert [item["id"] for item in value] == [*PREDEFINED, "mine"]
    assert [item["predefined"] for item in value] == [True] * 4 + [False]


async def test_a_deleted_workflow_is_gone_and_its_id_is_free() -> None:
    world = World()
    for _ in range(2):
        assert (await call(world, handlers.create_workflow, definition(id="mine"))).status == 201
        await call(world, handlers.update_workflow, definition(), "mine")
        assert (await call(world, handlers.delete_workflow, workflow_id="mine")).status == 204
    assert world.store.table("workflows").all() == []
    assert await code(world, handlers.delete_workflow, workflow_id="mine") == (404, "workflow_not_found")


async def test_what_cannot_be_done_says_why() -> None:
    world = World()
    await call(world, handlers.create_workflow, definition(id="mine"))
    not_found, predefined = (404, "workflow_not_found"), (409, "workflow_predefined")
    for workflow_id in ("nope", "../jobs", "", "a" * 200, "Größe"):
        assert await code(world, handlers.get_workflow, workflow_id=workflow_id) == not_found
        assert await code(world, handlers.update_workflow, definition(), workflow_id) == not_found
        assert await code(world, handlers.activate_workflow, workflow_id=workflow_id) == not_found
    assert await code(world, handlers.get_workflow, workflow_id="mine", version="7") == not_found
    assert await code(world, handlers.update_workflow, definition(), "standard") == predefined
    assert await code(world, handlers.activate_workflow, workflow_id="standard") == predefined
    assert await code(world, handlers.delete_workflow, workflow_id="standard") == predefined
    assert (await code(world, handlers.activate_workflow, {"version": 2}, "mine"))[0] == 422
    assert (await code(world, handlers.activate_workflow, {"version": "x"}, "mine"))[0] == 422
    assert (await code(world, handlers.update_workflow, definition(id="other"), "mine"))[0] == 422
    assert (await code(world, handlers.get_workflow, workflow_id="mine", version="x"))[0] == 422
    assert (await code(world, handlers.create_workflow, definition(GATHER)))[0] == 422


async def test_a_tenant_has_a_bounded_number_of_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.workflow.service.MAX_WORKFLOWS", 2)
    monkeypatch.setattr("orchestration.workflow.service.MAX_VERSIONS", 2)
    world = World()
    for workflow_id in ("one", "two"):
        await world.app.api.controller.workflows.create(ME, definition(id=workflow_id))
    with pytest.raises(RequestRefused, match="at most 2 workflows"):
        await world.app.api.controller.workflows.create(ME, definition())
    await world.app.api.controller.workflows.update(ME, "one", definition())
    with pytest.raises(RequestRefused, match="at most 2 versions"):
        await world.app.api.controller.workflows.update(ME, "one", definition())


async def test_two_changes_at_once_are_two_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.app.api.controller.workflows.create(ME, definition(id="mine"))
    write, rivals = WorkflowStore.replace, [definition(*STEPS, step("intent", "queryIntentAnalyzer"))]

    async def late(self: WorkflowStore, *given: Any, **more: Any) -> None:
        if rivals:
            await world.app.api.controller.workflows.update(ME, "mine", rivals.pop())
        await write(self, *given, **more)

    monkeypatch.setattr(WorkflowStore, "replace", late)
    ours = await world.app.api.controller.workflows.update(ME, "mine", definition())
    assert (ours.version, len(ours.definition.steps)) == (3, 4)
    assert len((await world.app.api.controller.workflows.get("local", "mine", 2)).definition.steps) == 5

    async def never(*_: Any, **__: Any) -> None:
        raise RowConflict("always")

    monkeypatch.setattr(WorkflowStore, "replace", never)
    with pytest.raises(RequestRefused, match="is being changed; repeat"):
        await world.app.api.controller.workflows.activate(ME, "mine", 1)


async def test_validation_gives_errors_or_a_plan_and_stores_nothing() -> None:
    world = World()
    good = body_of(await call(world, handlers.validate_workflow, definition()))
    assert (good["valid"], good["errors"], good["plan"]["estimatedSeconds"]) == (True, [], 135.0)
    bad = body_of(await call(world, handlers.validate_workflow, definition(GATHER, CHUNK)))
    assert (bad["valid"], [error["pointer"] for error in bad["errors"]]) == (False, ["/steps"])
    assert world.store.table("workflows").all() == []
    broken = HttpCall(method="POST", body=b"{")
    assert (await world.app.api.answer(ROUTES["workflow_validate"], broken)).status == 400


async def test_a_job_runs_the_version_that_was_active_when_it_came() -> None:
    world = World()
    await world.app.api.controller.workflows.create(ME, definition(id="mine"))
    job = (await world.submit(workflowType="custom", workflowId="mine")).job
    await world.app.api.controller.workflows.update(
        ME, "mine", definition(*STEPS, step("intent", "queryIntentAnalyzer"))
    )
    await world.app.api.controller.workflows.activate(ME, "mine", None)
    await world.app.api.controller.workflows.delete(ME, "mine")
    await world.work()
    done = await world.job(job.job_id)
    assert done.status is JobStatus.COMPLETED
    assert (done.workflow_type, done.workflow_id, done.workflow_version) == ("custom", "mine", 1)
    assert [record.name for record in done.steps] == ["gather", "chunk", "keywords", "assemble"]
    stored = JobInput.from_bytes(await world.store.read_rows(job.job_id, INPUT_KEY, job.input_rows))
    assert (stored.workflow["id"], stored.workflow["version"]) == ("mine", 1)


async def test_flags_change_a_custom_workflow_too() -> None:
    world = World()
    await world.app.api.controller.workflows.create(ME, definition(id="mine"))
    steps = (
        await world.submit(workflowType="custom", workflowId="mine", includeSEOOptimization=False)
    ).job.steps
    assert len(steps) == 4
    with pytest.raises(InvalidRequest) as refused:
        await world.submit(workflowType="custom", workflowId="mine", includeSchemaMarkup=True)
    assert "generate_schema needs Article" in refused.value.errors[0].detail


async def test_only_an_active_workflow_of_the_tenant_can_be_run() -> None:
    world = World()
    await world.app.api.controller.workflows.create(Actor(tenant="other"), definition(id="theirs"))
    for workflow_id in ("theirs", "nope", "standard", "../x"):
        with pytest.raises(InvalidRequest) as refused:
            await world.submit(workflowType="custom", workflowId=workflow_id)
        assert [error.pointer for error in refused.value.errors] == ["/workflowId"]
    other = Origin(tenant="other")
    assert (await world.submit(origin=other, workflowType="custom", workflowId="theirs")).job.steps


def test_a_workflow_type_that_is_not_predefined_is_refused_where_none_can_be_looked_up() -> None:
    from layers.contract import JobType

    with pytest.raises(InvalidRequest):
        workflow_for(JobType.CONTENT_GENERATION, "custom", {})
