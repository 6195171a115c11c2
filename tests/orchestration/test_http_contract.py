"""What every answer has, whatever the route: headers, unknown parameters, HEAD and OPTIONS, keys and preferences."""

import json
from typing import Any

import pytest

from orchestration.http import HttpCall, HttpReply
from orchestration.routes import CATCH_ALL, ROUTES
from tests.orchestration.support import REQUEST, World, body_of

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def ask(world: World, name: str, **parts: Any) -> HttpReply:
    route = ROUTES.get(name, CATCH_ALL)
    return await world.answer(route, HttpCall(method=parts.pop("method", route.method), **parts))


async def generate(world: World, headers: dict[str, str] | None = None, **changes: Any) -> HttpReply:
    body = json.dumps({**REQUEST, **changes}).encode()
    return await ask(world, "generate", body=body, headers=headers or {})


async def finished(world: World) -> str:
    job_id = str(body_of(await generate(world))["jobId"])
    await world.work()
    return job_id


async def test_every_answer_names_its_trace_and_forbids_sniffing_and_storing() -> None:
    world = World()
    job_id = await finished(world)
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    tag = (await ask(world, "job", route={"jobId": job_id})).headers["ETag"]
    replies = [
        await ask(world, "job", route={"jobId": job_id}, headers=headers),
        await ask(world, "job", route={"jobId": job_id}, headers={**headers, "if-none-match": tag}),
        await ask(world, "job_result", route={"jobId": job_id}, headers=headers),
        await ask(world, "nowhere", route={"rest": "x"}, headers=headers),
        await ask(world, "job_delete", route={"jobId": job_id}, headers=headers),
    ]
    assert [200, 304, 200, 404, 204] == [reply.status for reply in replies]
    for reply in replies:
        assert TRACE == reply.headers["X-Request-Id"]
        assert ("nosniff", "no-store") == (
            reply.headers["X-Content-Type-Options"],
            reply.headers["Cache-Control"],
        )
    assert not [name for name in replies[0].headers if name.lower().startswith("access-control")]


async def test_a_problem_carries_its_code_where_azures_clients_look() -> None:
    reply = await ask(World(), "job", route={"jobId": "nothing"})
    assert ("job_not_found", "job_not_found") == (reply.headers["x-ms-error-code"], body_of(reply)["code"])
    assert reply.headers["X-Request-Id"] == body_of(reply)["traceId"]


# ---------------------------------------------------------------- unknown parameters


@pytest.mark.parametrize("name", sorted(n for n, route in ROUTES.items() if route.role is not None))
async def test_unknown_parameters_are_refused_rather_than_ignored(name: str) -> None:
    reply = await ask(World(), name, query={"colour": "red"}, route={"jobId": "x"})
    assert (422, "invalid_request") == (reply.status, body_of(reply)["code"])
    assert ["/colour"] == [error["pointer"] for error in body_of(reply)["errors"]]


async def test_the_name_of_a_parameter_is_not_repeated_when_it_is_no_name() -> None:
    reply = await ask(World(), "workflows", query={"<script>": "1"})
    assert [""] == [error["pointer"] for error in body_of(reply)["errors"]]
    assert b"script" not in reply.body


@pytest.mark.parametrize("name", ["health", "health_live", "health_ready", "openapi", "docs"])
async def test_open_routes_ignore_what_probes_and_browsers_add(name: str) -> None:
    assert 200 == (await ask(World(), name, query={"t": "123"})).status


# ---------------------------------------------------------------- HEAD and OPTIONS


async def test_a_head_is_answered_as_its_get() -> None:
    world = World()
    job_id = await finished(world)
    path = f"content-architect/job/{job_id}"
    shown = await ask(world, "job", route={"jobId": job_id})
    reply = await ask(world, "head", method="HEAD", route={"rest": path})
    assert (200, shown.headers["ETag"]) == (reply.status, reply.headers["ETag"])
    query = {"colour": "red"}
    assert 422 == (await ask(world, "head", method="HEAD", route={"rest": path}, query=query)).status
    assert 404 == (await ask(world, "head", method="HEAD", route={"rest": "content-architect/x"})).status
    assert (
        405 == (await ask(world, "head", method="HEAD", route={"rest": "content-architect/generate"})).status
    )


async def test_a_head_needs_the_role_of_its_get() -> None:
    world = World(environment={"AUTH_MODE": "apikey", "INTERNAL_API_TOKEN": "s3cret"})
    reply = await ask(world, "head", method="HEAD", route={"rest": "content-architect/jobs"})
    assert 401 == reply.status


async def test_options_name_the_methods_and_no_origin() -> None:
    headers = {"origin": "https://page.example", "access-control-request-method": "POST"}
    rest = {"rest": "content-architect/job/abc"}
    reply = await ask(World(), "options", method="OPTIONS", route=rest, headers=headers)
    assert (204, "DELETE, GET, HEAD, OPTIONS") == (reply.status, reply.headers["Allow"])
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    assert 404 == (await ask(World(), "options", method="OPTIONS", route={"rest": "x"})).status


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "headers",
    [
        {"idempotency-key": "k-1"},
        {"operation-id": "k-1"},
        {"operation-id": "k-1", "idempotency-key": "k-1"},
        {
            "repeatability-request-id": "k-1",
            "repeatability-first-sent": "Sun, 22 Nov 2026 11:59:00 GMT",
        },
    ],
)
async def test_azures_names_for_a_key_are_the_same_key(headers: dict[str, str]) -> None:
    world = World()
    first = await generate(world, {"idempotency-key": "k-1"})
    world.clock.advance(1)
    again = await generate(world, headers)
    assert body_of(first)["jobId"] == body_of(again)["jobId"]
    assert "true" == again.headers["Idempotent-Replayed"]
    asked = headers.get("operation-id", body_of(first)["jobId"])
    assert asked == again.headers["Operation-Id"]
    wanted = "accepted" if "repeatability-request-id" in headers else None
    assert wanted == again.headers.get("Repeatability-Result")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"idempotency-key": "a", "operation-id": "b"}, 400, "bad_idempotency_key"),
        ({"operation-id": "white space"}, 400, "bad_idempotency_key"),
        ({"repeatability-request-id": "a"}, 400, "bad_repeatability"),
        ({"repeatability-first-sent": "Sun, 22 Nov 2026 11:59:00 GMT"}, 400, "bad_repeatability"),
        ({"repeatability-request-id": "a", "repeatability-first-sent": "today"}, 400, "bad_repeatability"),
        (
            {"repeatability-request-id": "a", "repeatability-first-sent": "Sun, 22 Nov 2020 11:59:00 GMT"},
            412,
            "repeatability_expired",
        ),
    ],
)
async def test_keys_that_promise_something_else_are_refused(
    headers: dict[str, str], status: int, code: str
) -> None:
    world = World()
    reply = await generate(world, headers)
    assert (status, code) == (reply.status, body_of(reply)["code"])
    assert ("rejected" if status == 412 else None) == reply.headers.get("Repeatability-Result")
    assert {} == world.store._rows


@pytest.mark.parametrize(
    "name",
    sorted(n for n, r in ROUTES.items() if r.role is not None and r.method != "GET" and n != "generate"),
)
async def test_routes_that_do_not_honour_repeatability_say_so(name: str) -> None:
    headers = {"repeatability-request-id": "a"}
    reply = await ask(World(), name, headers=headers, route={"jobId": "x"})
    assert (501, "repeatability_not_supported") == (reply.status, body_of(reply)["code"])


# ---------------------------------------------------------------- waiting


async def test_a_preference_that_was_honoured_is_named() -> None:
    world = World(environment={"SYNC_WAIT_SECONDS": "5"})
    reply = await generate(world, {"prefer": "wait=3, respond-async"})
    assert (202, "wait=3") == (reply.status, reply.headers["Preference-Applied"])
    longer = await generate(world, {"prefer": "wait=99999"})
    assert "wait=5" == longer.headers["Preference-Applied"]
    for prefer in ("wait=soon", "wait=12x", "nowait=3"):
        assert "Preference-Applied" not in (await generate(world, {"prefer": prefer})).headers


async def test_nobody_is_told_to_come_back_for_a_job_that_has_ended() -> None:
    world = World()
    headers = {"idempotency-key": "once"}
    first = await generate(world, headers)
    await world.work()
    again = await generate(world, headers)
    assert (True, False) == ("Retry-After" in first.headers, "Retry-After" in again.headers)
    assert (202, "completed") == (again.status, body_of(again)["status"])


async def test_a_long_poll_goes_on_at_once_and_waits_for_nothing_that_happened_before() -> None:
    world = World()
    job_id = str(body_of(await generate(world))["jobId"])
    asked = {"route": {"jobId": job_id}, "query": {"wait": "20"}}
    first = await ask(world, "job", **asked)
    assert ("0", 20.0) == (first.headers["Retry-After"], world.clock.monotonic())
    late = await ask(world, "job", headers={"if-none-match": '"seen before that"'}, **asked)
    assert (200, 20.0) == (late.status, world.clock.monotonic()), "there was news already"
    unchanged = await ask(world, "job", headers={"if-none-match": first.headers["ETag"]}, **asked)
    assert (304, 40.0) == (unchanged.status, world.clock.monotonic())


# ---------------------------------------------------------------- the result


async def test_a_result_is_not_sent_twice_in_the_same_form() -> None:
    world = World()
    job_id = await finished(world)
    asked = {"route": {"jobId": job_id}}
    article = await ask(world, "job_result", headers={"accept": "text/markdown"}, **asked)
    seen = {"accept": "text/markdown", "if-none-match": f"W/{article.headers['ETag']}"}
    unchanged = await ask(world, "job_result", headers=seen, **asked)
    assert (304, b"", "Accept") == (unchanged.status, unchanged.body, unchanged.headers["Vary"])
    other = await ask(world, "job_result", headers={**seen, "accept": "text/html"}, **asked)
    assert 200 == other.status
    refused = await ask(world, "job_result", headers={"accept": "image/png"}, **asked)
    assert (406, "Accept") == (refused.status, refused.headers["Vary"])


async def test_a_predefined_workflow_has_one_version() -> None:
    world = World()
    shown = body_of(await ask(world, "workflow", route={"workflowId": "standard"}))
    version = str(shown["version"])
    asked = {"route": {"workflowId": "standard"}}
    assert 200 == (await ask(world, "workflow", query={"version": version}, **asked)).status
    assert 404 == (await ask(world, "workflow", query={"version": "99"}, **asked)).status
