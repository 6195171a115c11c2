"""What is left of calls to models and to the web: how they went, never what was said or asked for."""

from __future__ import annotations

import json

import pytest

from layers.contract import ChatFailed
from orchestration.adapters.guarded_http import GuardedClient
from orchestration.telemetry.spans import span
from tests.adapters.stub_web import StubWeb, response
from tests.adapters.test_llm_endpoint import request
from tests.layers.top.llm_desk import FastClock, scripted
from tests.telemetry.recorder import Recorder, recording


def everything(recorder: Recorder) -> str:
    return "".join(found.to_json() for found in recorder.spans)


async def test_a_model_that_is_busy_and_then_answers_leaves_two_calls() -> None:
    with recording() as recorder:
        async with scripted("rate_limited", FastClock(), times=1) as (endpoint, _):
            with span("step a", entry=True):
                reply = await endpoint.complete(request())
        busy, answered = recorder.named(f"chat {endpoint.model}")
        durations = recorder.points("gen_ai.client.operation.duration")
    assert (busy.attributes or {})["content.error.code"] == "429"
    attributes = answered.attributes or {}
    assert attributes["gen_ai.usage.input_tokens"] == reply.tokens_in
    assert attributes["gen_ai.usage.output_tokens"] == reply.tokens_out
    assert attributes["content.llm.cost_usd"] == pytest.approx(reply.cost)
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert {point.get("error.type", "") for point, _ in durations} == {"", "429"}
    assert "secret topic" not in everything(recorder)


async def test_a_model_that_refuses_leaves_its_status() -> None:
    with recording() as recorder:
        async with scripted("no_key") as (endpoint, _):
            with span("step a", entry=True), pytest.raises(ChatFailed):
                await endpoint.complete(request())
        codes = {
            (found.attributes or {}).get("content.error.code")
            for found in recorder.named(f"chat {endpoint.model}")
        }
    assert codes == {"401"}


async def test_a_fetch_leaves_host_and_status_and_neither_path_nor_query() -> None:
    web = StubWeb(
        {"example.org/private/page?token=secret-7": response(body=b"x"), "example.org/gone": response(404)}
    )
    with recording() as recorder:
        client = GuardedClient(user_agent="Test/1", allow_http=True, resolve=web.resolve, network=web)
        with span("step a", entry=True):
            await client.get("http://example.org/private/page?token=secret-7")
            await client.get("http://example.org/gone")
        await client.aclose()
        first, second = recorder.named("GET example.org")
    assert json.dumps(dict(first.attributes or {})).count("private") == 0
    assert (second.attributes or {})["http.response.status_code"] == 404
    assert "secret-7" not in everything(recorder)
