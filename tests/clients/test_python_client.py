"""Both Python clients over a made-up transport: what goes over the wire, and where credentials go."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from content_architect_client import (
    ApiError,
    AsyncContentArchitect,
    ContentArchitect,
    NoAnswer,
    NotFound,
    Options,
    RetryPolicy,
)
from tests.clients.world import JOB_ID, whole_log

NOW = RetryPolicy(chance=lambda: 0.0)
BASE = "https://api.example.org"
JOB = {"jobId": JOB_ID, "status": "completed", "sequence": 3, "message": "made up"}


class Wire:
    """Answers each request by method and path; remembers them all."""

    def __init__(self, **answers: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        name = request.url.path.rpartition("/")[2]
        found = self.answers.get(name, {})
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, httpx.Response):
            return found
        return httpx.Response(200, json=found)


def client(wire: Wire, **options: Any) -> ContentArchitect:
    made = Options(base_url=BASE, retry=NOW, **options)
    return ContentArchitect(made, transport=httpx.MockTransport(wire))


def aio(wire: Wire, **options: Any) -> AsyncContentArchitect:
    made = Options(base_url=BASE, retry=NOW, **options)
    return AsyncContentArchitect(made, transport=httpx.MockTransport(wire))


def test_a_submission_carries_credential_key_and_body() -> None:
    wire = Wire(generate=[httpx.ConnectError("refused"), JOB])
    with client(wire, api_key="ca_1") as architect:
        assert JOB_ID == architect.submit({"topic": "T"})["jobId"]
    first, second = wire.requests
    assert f"{BASE}/content-architect/generate" == str(first.url)
    assert "ca_1" == first.headers["x-api-key"]
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert {"topic": "T"} == json.loads(second.content)


def test_an_id_stays_one_segment_of_the_path() -> None:
    wire = Wire()
    with client(wire) as architect:
        architect.job("../apikeys?x=1#y")
    assert b"/content-architect/job/..%2Fapikeys%3Fx%3D1%23y" == wire.requests[0].url.raw_path


def test_two_submissions_have_two_keys() -> None:
    wire = Wire(generate=JOB)
    with client(wire) as architect:
        architect.submit({})
        architect.submit({})
    assert 2 == len({request.headers["Idempotency-Key"] for request in wire.requests})


def test_a_token_is_asked_for_each_time() -> None:
    tokens: Iterator[str] = iter(["one", "two"])
    wire = Wire(**{JOB_ID: JOB})
    with client(wire, token=lambda: next(tokens)) as architect:
        architect.job(JOB_ID)
        architect.job(JOB_ID)
    assert ["Bearer one", "Bearer two"] == [r.headers["Authorization"] for r in wire.requests]


@pytest.mark.parametrize("base", ["http://api.example.org", "ftp://x", "api.example.org", ""])
def test_a_credential_never_goes_over_an_open_wire(base: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Options(base_url=base, api_key="ca_1")
    assert Options(base_url="http://127.0.0.1:7071", api_key="ca_1")


def test_redirects_are_not_followed() -> None:
    moved = httpx.Response(302, headers={"Location": "https://evil.example/"})
    wire = Wire(**{JOB_ID: moved})
    with client(wire, api_key="ca_1") as architect, pytest.raises(ApiError, match="302"):
        architect.job(JOB_ID)
    assert 1 == len(wire.requests)


@pytest.mark.parametrize("text", ["<h1>Log in</h1>", "[]", "7", ""])
def test_a_page_of_somebody_else_is_no_job(text: str) -> None:
    with client(Wire(**{JOB_ID: httpx.Response(200, text=text)})) as architect:
        with pytest.raises(ApiError, match="unknown"):
            architect.job(JOB_ID)


FORMS = [
    ("json", "application/json", {"a": 1}),
    ("markdown", "text/markdown", "# A"),
    ("html", "text/html", "<p>"),
]


@pytest.mark.parametrize(("form", "media", "value"), FORMS)
async def test_results_come_in_three_forms_from_both_clients(form: Any, media: str, value: Any) -> None:
    def answer() -> httpx.Response:
        return httpx.Response(200, json=value) if form == "json" else httpx.Response(200, text=value)

    wire = Wire(**{JOB_ID: JOB, "result": [answer(), answer()]})
    with client(wire) as architect:
        assert value == architect.result(JOB_ID, form=form)
    async with aio(wire) as architect_aio:
        assert value == await architect_aio.result(JOB_ID, form=form)
    assert [media] * 2 == [r.headers["Accept"] for r in wire.requests if r.url.path.endswith("result")]


async def test_both_clients_do_the_same_calls() -> None:
    def wire() -> Wire:
        listing = [{"value": [JOB], "nextLink": f"{BASE}/x?cursor=c"}, {"value": []}]
        calls = {"cancel": JOB, "retry": JOB, "jobs": listing, "events": {"value": whole_log(3)}}
        return Wire(**{JOB_ID: JOB}, **calls)

    sync, asynchronous = wire(), wire()
    with client(sync) as one:
        seen = [one.job(JOB_ID), one.wait(JOB_ID), one.cancel(JOB_ID), one.retry(JOB_ID, from_scratch=True)]
        events, listed = list(one.watch(JOB_ID, socket=False)), list(one.list(status="failed"))
    async with aio(asynchronous) as two:
        again = [await two.job(JOB_ID), await two.wait(JOB_ID), await two.cancel(JOB_ID)]
        again.append(await two.retry(JOB_ID, from_scratch=True))
        more, found = await every(two.watch(JOB_ID, socket=False)), await every(two.list(status="failed"))
    assert (seen, events, listed) == (again, more, found)
    assert whole_log(3) == events
    assert [str(r.url) for r in sync.requests] == [str(r.url) for r in asynchronous.requests]
    assert f"{BASE}/content-architect/job/{JOB_ID}/retry?fromScratch=true" in [
        str(r.url) for r in sync.requests
    ]


async def every(values: AsyncIterator[Any]) -> list[Any]:
    return [value async for value in values]


async def test_a_watch_that_nobody_ends_can_be_left() -> None:
    wire = Wire(**{JOB_ID: {**JOB, "status": "processing"}, "events": {"value": whole_log(4)[:3]}})
    with client(wire) as one:
        events = one.watch(JOB_ID, socket=False)
        assert 1 == next(events)["sequence"]
        events.close()  # type: ignore[attr-defined]
    async with aio(wire) as two:
        watched = two.watch(JOB_ID, socket=False)
        assert 1 == (await anext(watched))["sequence"]
        await watched.aclose()  # type: ignore[attr-defined]


async def test_what_goes_wrong_is_the_same_error_in_both_clients() -> None:
    def missing() -> httpx.Response:
        return httpx.Response(404, json={"code": "job_not_found", "detail": "no", "errors": []})

    wire = Wire(**{JOB_ID: [missing(), missing()], "cancel": httpx.ConnectError("refused")})
    with client(wire) as one:
        with pytest.raises(NotFound):
            one.job(JOB_ID)
        with pytest.raises(NoAnswer, match="ConnectError"):
            one.cancel(JOB_ID)
    async with aio(wire) as two:
        with pytest.raises(NotFound):
            await two.job(JOB_ID)
        with pytest.raises(NoAnswer, match="ConnectError"):
            await two.cancel(JOB_ID)
