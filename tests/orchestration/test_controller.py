"""The HTTP face over memory twins: statuses, headers, problem documents; nothing escapes ``answer``."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestration.controller import ContentArchitectController as Controller
from orchestration.controller import Handler
from orchestration.errors import ContentArchitectError, DependencyUnavailable
from orchestration.handlers import realtime as controller_realtime
from orchestration.http import HttpCall, HttpReply
from orchestration.jobs import Job, JobStatus
from orchestration.ports import Commit
from orchestration.routes import not_found
from tests.orchestration.support import API, REQUEST, World, body_of
from tests.orchestration.unreliable import Unreliable

UNKNOWN = "018f3c5e-0000-7000-8000-00000000dead"
JSON = {"content-type": "application/json", "host": "evil.example"}


def call(body: object = None, **parts: Any) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else json.dumps(REQUEST if body is None else body).encode()
    headers: Mapping[str, str] = {**JSON, **parts.pop("headers", {})}
    return {"method": "POST", "body": data, "headers": headers, **parts}


async def generate(world: World, body: object = None, **parts: Any) -> HttpReply:
    return await world.call(Controller.generate, **call(body, **parts))


async def get(world: World, handler: Handler, job_id: str, method: str = "GET", **parts: Any) -> HttpReply:
    return await world.call(handler, method, route={"jobId": job_id}, **parts)


def problem_of(reply: HttpReply) -> tuple[int, str]:
    assert reply.content_type == "application/problem+json"
    body = body_of(reply)
    assert set(body) == {"type", "title", "status", "detail", "code", "errors", "traceId"}
    assert body["status"] == reply.status
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status, body["code"]


async def accepted(world: World, **changes: Any) -> str:
    reply = await generate(world, {**REQUEST, **changes})
    assert reply.status == 202
    return str(body_of(reply)["jobId"])


async def completed(world: World, **changes: Any) -> str:
    job_id = await accepted(world, **changes)
    await world.work()
    return job_id


async def put(world: World, job_id: str, **changes: Any) -> Job:
    found = await world.store.read_job(job_id)
    assert found
    await world.store.commit(Commit(job=replace(found.job, **changes), etag=found.etag))
    return await world.job(job_id)


# ---------------------------------------------------------------- generate


async def test_a_request_is_accepted_with_links_built_from_the_settings() -> None:
    world = World()
    reply = await generate(world)
    body = body_of(reply)
    assert (reply.status, body["status"], body["workflowType"]) == (202, "queued", "standard")
    where = f"{API}/content-architect/job/{body['jobId']}"
    assert reply.headers["Location"] == reply.headers["Operation-Location"] == where
    assert reply.headers["Retry-After"] == "2"
    assert body["links"]["self"] == where
    assert "Idempotent-Replayed" not in reply.headers


async def test_the_same_key_is_the_same_job_and_another_body_under_it_is_refused() -> None:
    world = World()
    headers = {"idempotency-key": "abc"}
    first = await generate(world, headers=headers)
    world.clock.advance(1)
    second = await generate(world, headers=headers)
    assert body_of(first)["jobId"] == body_of(second)["jobId"]
    assert second.headers["Idempotent-Replayed"] == "true"
    other = await generate(world, {**REQUEST, "topic": "Another topic"}, headers=headers)
    assert problem_of(other) == (422, "invalid_request")


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ü", "line\nbreak", "trailing\n"])
async def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    assert problem_of(await generate(World(), headers={"idempotency-key": key})) == (
        400,
        "bad_idempotency_key",
    )


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "bad_json")),
        (b"", {}, (400, "bad_json")),
        (b"[" * 100, {}, (400, "bad_json")),
        (b'{"topic":"\\ud800"}', {}, (400, "bad_json")),
        (b"{}", {"transfer-encoding": "chunked"}, (411, "length_required")),
        (b"{}", {"content-type": "text/plain"}, (415, "unsupported_media_type")),
        (b"x" * (2 * 1024 * 1024), {}, (413, "too_large")),
        (json.dumps({**REQUEST, "purpose": "x" * 300_000}).encode(), {}, (413, "too_large")),
        (b"[]", {}, (422, "invalid_request")),
        (b"{}", {}, (422, "invalid_request")),
    ],
    ids=range(10),
)
async def test_a_body_that_cannot_be_taken_is_refused_with_its_status(
    body: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    world = World()
    assert problem_of(await generate(world, body, headers=headers)) == expected
    assert world.store._rows == {}


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "application/merge-patch+json"])
async def test_json_has_more_than_one_media_type(media: str) -> None:
    assert (await generate(World(), headers={"content-type": media})).status == 202


async def test_sources_make_room_for_a_megabyte() -> None:
    sources = [{"title": "T", "text": "word " * 100_000}]
    assert (await generate(World(), {**REQUEST, "sources": sources})).status == 202


async def test_every_wrong_field_is_named_by_a_pointer() -> None:
    reply = await generate(World(), {**REQUEST, "topic": "", "wings": 2})
    assert problem_of(reply) == (422, "invalid_request")
    assert {e["pointer"] for e in body_of(reply)["errors"]} == {"/topic", "/wings"}


async def when_submitted(world: World, then: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
    async def wait() -> None:
        while not world.queue.sent:
            await asyncio.sleep(0)
        await then()

    return asyncio.create_task(wait())


@pytest.mark.parametrize(
    ("changes", "headers", "query"),
    [
        ({"async": False}, {}, {}),
        ({}, {"prefer": "respond-async, wait=20"}, {}),
        ({}, {}, {"wait": "20"}),
    ],
)
async def test_whoever_waits_gets_the_result_in_the_same_answer(
    changes: dict[str, Any], headers: dict[str, str], query: dict[str, str]
) -> None:
    world = World()
    task = await when_submitted(world, world.work)
    reply = await generate(world, {**REQUEST, **changes}, headers=headers, query=query)
    await task
    body = body_of(reply)
    assert (reply.status, body["status"]) == (200, "completed")
    assert body["result"]["article"]["markdown"] == "# An article"
    assert reply.headers["ETag"]


async def test_a_job_that_failed_is_shown_to_whoever_waited_for_it() -> None:
    world = World()
    task = await when_submitted(
        world, lambda: world.app.service.cancel("local", next(iter(world.store._rows)))
    )
    reply = await generate(world, {**REQUEST, "async": False})
    await task
    assert (reply.status, body_of(reply)["status"]) == (200, "cancelled")
    assert "result" not in body_of(reply)


async def test_when_the_time_is_spent_the_job_goes_on_and_is_accepted() -> None:
    world = World(environment={"SYNC_WAIT_SECONDS": "7"})
    reply = await generate(world, {**REQUEST, "async": False})
    assert (reply.status, world.clock.monotonic()) == (202, pytest.approx(7))
    assert (await generate(world, query={"wait": "90000"})).status == 202
    assert world.clock.monotonic() == pytest.approx(14)


@pytest.mark.parametrize("method", ["read_job", "read_rows"])
async def test_an_accepted_job_is_never_answered_with_503_so_that_nobody_sends_it_twice(method: str) -> None:
    world = World()
    unreliable = Unreliable(world.store)
    world.app = world.instance("one", store=unreliable)

    unreliable.broken = {method}
    task = await when_submitted(world, lambda: world.work(world.instance("two")))
    reply = await generate(world, {**REQUEST, "async": False})
    await task
    assert reply.status == 202


async def test_when_the_rows_cannot_be_written_the_caller_is_told_to_come_back() -> None:
    world = World()
    unreliable = Unreliable(world.store)
    unreliable.down = True
    world.app = world.instance("one", store=unreliable)
    reply = await generate(world)
    assert problem_of(reply) == (503, "storage_unavailable")
    assert reply.headers["Retry-After"] == "2"


async def test_a_wait_that_is_no_number_is_refused_before_anything_is_accepted() -> None:
    world = World()
    reply = await generate(world, query={"wait": "soon"})
    assert problem_of(reply) == (422, "invalid_request")
    assert world.store._rows == {}


# ---------------------------------------------------------------- one job


async def test_a_job_is_shown_with_a_tag_and_when_to_ask_again() -> None:
    world = World()
    job_id = await accepted(world)
    reply = await get(world, Controller.job, job_id)
    assert (reply.status, reply.headers["Retry-After"]) == (200, "2")
    for tag in (reply.headers["ETag"], "W/" + reply.headers["ETag"], f'"x", {reply.headers["ETag"]}', "*"):
        unchanged = await get(world, Controller.job, job_id, headers={"if-none-match": tag})
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["ETag"] == reply.headers["ETag"]
    await world.work()
    changed = await get(world, Controller.job, job_id, headers={"if-none-match": reply.headers["ETag"]})
    assert (changed.status, "Retry-After" in changed.headers) == (200, False)
    assert body_of(changed)["links"]["result"].endswith("/result")


async def test_a_long_poll_answers_at_the_first_news_and_at_most_after_twenty_seconds() -> None:
    world = World()
    job_id = await accepted(world)
    reply = await get(world, Controller.job, job_id, query={"wait": "600"})
    assert (reply.status, world.clock.monotonic()) == (200, pytest.approx(20))
    await world.work()
    before = world.clock.monotonic()
    await get(world, Controller.job, job_id, query={"wait": "20"})
    assert world.clock.monotonic() == before
    assert problem_of(await get(world, Controller.job, job_id, query={"wait": "-1"})) == (
        422,
        "invalid_request",
    )


ONE_JOB: list[Handler] = [
    Controller.job,
    Controller.result,
    Controller.events,
    Controller.cancel,
    controller_realtime.negotiate_job,
]


@pytest.mark.parametrize("handler", ONE_JOB)
async def test_unknown_foreign_and_impossible_jobs_are_the_same_404(handler: Handler) -> None:
    world = World()
    job_id = await completed(world)
    await put(world, job_id, tenant="other")
    answers = [body_of(await get(world, handler, i)) for i in (job_id, UNKNOWN, "../etc", "", "x" * 36)]
    for answer in answers:
        answer.pop("traceId")
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["status"], answers[0]["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("accept", "kind", "start"),
    [
        ("", "application/json", b"{"),
        ("text/markdown", "text/markdown; charset=utf-8", b"# An article"),
        ("text/html", "text/html; charset=utf-8", b"<h1>"),
    ],
)
async def test_the_result_comes_in_the_form_that_was_asked_for(accept: str, kind: str, start: bytes) -> None:
    world = World()
    job_id = await completed(world)
    reply = await get(world, Controller.result, job_id, headers={"accept": accept})
    assert (reply.status, reply.content_type, reply.headers["Vary"]) == (200, kind, "Accept")
    assert reply.body.startswith(start)


async def test_a_result_that_is_not_there_is_a_409_that_says_why() -> None:
    world = World()
    job_id = await accepted(world)
    assert problem_of(await get(world, Controller.result, job_id)) == (409, "result_not_ready")
    await get(world, Controller.cancel, job_id, "POST")
    assert problem_of(await get(world, Controller.result, job_id)) == (409, "no_result")
    done = await completed(world)
    reply = await get(world, Controller.result, done, headers={"accept": "image/png"})
    assert problem_of(reply) == (406, "not_acceptable")


async def test_events_are_read_from_where_the_caller_was() -> None:
    world = World()
    job_id = await completed(world)
    body = body_of(await get(world, Controller.events, job_id))
    assert body["value"] == await world.events(job_id)
    assert "nextLink" not in body
    rest = body_of(await get(world, Controller.events, job_id, query={"after": "5"}))
    assert rest["value"] == body["value"][5:]
    assert body_of(await get(world, Controller.events, job_id, query={"after": "999999999"}))["value"] == []
    assert problem_of(await get(world, Controller.events, job_id, query={"after": "x"})) == (
        422,
        "invalid_request",
    )
    assert problem_of(await get(world, Controller.events, job_id, query={"after": "٣"})) == (
        422,
        "invalid_request",
    )


async def test_a_full_page_of_events_links_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.controller.MAX_EVENTS", 4)
    world = World()
    job_id = await completed(world)
    seen: list[dict[str, Any]] = []
    after = "0"
    while True:
        body = body_of(await get(world, Controller.events, job_id, query={"after": after}))
        seen += body["value"]
        if "nextLink" not in body:
            break
        assert body["nextLink"].startswith(f"{API}/content-architect/job/{job_id}/events?after=")
        after = body["nextLink"].rpartition("=")[2]
    assert seen == await world.events(job_id)


async def test_cancelling_is_accepted_once_and_refused_when_the_job_has_ended() -> None:
    world = World()
    job_id = await accepted(world)
    reply = await get(world, Controller.cancel, job_id, "POST")
    assert (reply.status, body_of(reply)["status"]) == (202, "cancelled")
    assert reply.headers["Location"].endswith(job_id)
    assert problem_of(await get(world, Controller.cancel, job_id, "POST")) == (409, "job_ended")


# ---------------------------------------------------------------- health, routes, credentials, defects


async def test_health_tells_the_process_from_its_dependencies() -> None:
    world = World()
    assert body_of(await world.call(Controller.health_overall)) == {
        "status": "healthy",
        "dependencies": {
            "tableStorage": {"status": "healthy"},
            "webPubSub": {"status": "healthy", "circuit": "closed"},
        },
    }
    unreliable = Unreliable(world.store)
    unreliable.down = True
    world.app = world.instance("one", store=unreliable)
    reply = await world.call(Controller.health_overall)
    assert (reply.status, body_of(reply)["status"]) == (503, "unhealthy")
    assert (await world.call(Controller.health_live)).status == 200
    unreliable.down = False
    assert (await world.call(Controller.health_overall)).status == 503, "answers are kept for a moment"
    world.clock.advance(6)
    assert (await world.call(Controller.health_overall)).status == 200


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("content-architect/generate", "OPTIONS, POST"),
        ("Content-Architect/Generate/", "OPTIONS, POST"),
        ("content-architect/job/abc", "DELETE, GET, HEAD, OPTIONS"),
        ("content-architect/job/abc/", "DELETE, GET, HEAD, OPTIONS"),
        ("content-architect/job/abc/result", "GET, HEAD, OPTIONS"),
        ("content-architect/job/abc/cancel", "OPTIONS, POST"),
        ("content-architect/jobs/statistics", "GET, HEAD, OPTIONS"),
        ("content-architect/health/ready", "GET, HEAD, OPTIONS"),
        ("content-architect/nothing", None),
        ("content-architect/job/abc/result/more", None),
        ("content-architect", None),
        ("generate", None),
        ("favicon.ico", None),
        ("", None),
    ],
)
async def test_the_catch_all_tells_a_wrong_method_from_a_wrong_path(path: str, allow: str | None) -> None:
    reply = await World().call(not_found, "PATCH", route={"rest": path})
    assert problem_of(reply) == ((405, "method_not_allowed") if allow else (404, "not_found"))
    assert reply.headers.get("Allow") == allow


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic s3cret"}, 401),
        ({"x-api-key": "s3cret"}, 202),
        ({"authorization": "Bearer s3cret"}, 202),
        ({"authorization": "bearer s3cret"}, 202),
    ],
)
async def test_with_authentication_on_only_the_internal_token_gets_in(
    headers: dict[str, str], status: int
) -> None:
    world = World(environment={"AUTH_MODE": "apikey", "INTERNAL_API_TOKEN": "s3cret"})
    reply = await generate(world, headers=headers)
    assert reply.status == status
    if status == 401:
        assert problem_of(reply) == (401, "unauthorized")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert b"s3cret" not in reply.body


async def test_without_a_configured_token_nobody_gets_in() -> None:
    world = World(environment={"AUTH_MODE": "apikey"})
    assert (await generate(world, headers={"x-api-key": ""})).status == 401


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ZeroDivisionError("secret detail"), (500, "internal_error")),
        (asyncio.CancelledError(), (500, "cancelled")),
        (ContentArchitectError("known"), (500, "internal_error")),
        (DependencyUnavailable("down"), (503, "dependency_unavailable")),
    ],
)
async def test_nothing_escapes_and_a_defect_tells_the_caller_nothing_but_the_trace(
    error: BaseException, expected: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Controller, __: HttpCall) -> HttpReply:
        raise error

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with caplog.at_level(logging.ERROR):
        reply = await World().call(broken, headers={"traceparent": trace})
    assert problem_of(reply) == expected
    assert body_of(reply)["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert b"secret detail" not in reply.body
    if isinstance(error, ZeroDivisionError):
        assert "secret detail" in caplog.text


async def test_the_answer_to_a_running_job_that_is_being_cancelled_says_so() -> None:
    world = World()
    job_id = await accepted(world)
    await put(world, job_id, status=JobStatus.PROCESSING, lease_owner="two/1/1")
    body = body_of(await get(world, Controller.cancel, job_id, "POST"))
    assert (body["status"], body["message"]) == ("processing", "The job stops at the next step boundary.")
