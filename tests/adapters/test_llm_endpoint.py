"""The adapter for language models against the scripted endpoint: retries, breaker, budget, dialects, cancellation."""

import asyncio
import logging
import subprocess
import sys

import pytest

from layers.contract import ChatFailed, ChatRequest
from localcloud.offline.llm import Script, running
from orchestration.adapters.llm import ChatEndpoint, ChatTarget
from orchestration.adapters.llm_auth import identity_headers, key_headers
from orchestration.breaker import BreakerState
from orchestration.errors import ConfigurationError
from orchestration.settings import load_settings
from tests.layers.top.llm_desk import FastClock, scripted

QUOTE = '{"id": "E1-0-9", "quote": "Heat pumps move heat."}'


def request(**changes):
    values = {
        "purpose": "write_section",
        "system": "You write.",
        "user": f"secret topic\n{QUOTE}",
        "schema": {"type": "object"},
        "max_output_tokens": 200,
    }
    return ChatRequest(**(values | changes))


async def failure(endpoint, **changes):
    with pytest.raises(ChatFailed) as failed:
        await endpoint.complete(request(**changes))
    return failed.value


async def test_an_answer_comes_with_its_tokens_and_its_cost():
    async with scripted("good") as (endpoint, _):
        reply = await endpoint.complete(request())

    assert "E1-0-9" == reply.value["sentences"][0]["evidence"][0]
    assert reply.tokens_in > 0
    assert reply.cost == pytest.approx((reply.tokens_in + 2 * reply.tokens_out) / 1e6)


@pytest.mark.parametrize(
    ("said", "waited"), [("2", 2.0), ("3600", 60.0), ("Sun, 22 Nov 2026 00:00:07 GMT", 7.0), ("soon", 0.5)]
)
async def test_a_rate_limit_is_waited_out_but_never_longer_than_a_minute(said, waited):
    clock = FastClock()
    async with scripted("rate_limited", clock, times=1, retry_after=said) as (endpoint, model):
        await endpoint.complete(request())

    assert [waited] == clock.waits
    assert 2 == len(model.requests)


async def test_a_wait_beyond_the_deadline_is_not_begun():
    clock = FastClock()
    async with scripted("rate_limited", clock, retry_after="30") as (endpoint, model):
        failed = await failure(endpoint, seconds=20.0)

    assert ("llm_unavailable", True, 30.0) == (failed.code, failed.retryable, failed.retry_after)
    assert [] == clock.waits
    assert 1 == len(model.requests)


async def test_tries_are_counted_and_their_waits_grow():
    clock = FastClock()
    async with scripted("500", clock, retry_after="") as (endpoint, model):
        failed = await failure(endpoint)

    assert "llm_unavailable" == failed.code
    assert 4 == len(model.requests)
    assert [0.5, 1.0, 2.0] == clock.waits


async def test_the_breaker_opens_and_one_probe_closes_it():
    clock = FastClock()
    async with scripted("500", clock, retry_after="") as (endpoint, model):
        await failure(endpoint)
        await failure(endpoint)
        assert BreakerState.OPEN is endpoint.breaker.state
        asked = len(model.requests)
        refused = await failure(endpoint)
        assert ("llm_unavailable", asked) == (refused.code, len(model.requests))
        assert 0 < refused.retry_after <= 30

        model.script = Script(behaviour="good")
        clock.seconds += 30
        await endpoint.complete(request())
        assert BreakerState.CLOSED is endpoint.breaker.state


async def test_a_rate_limit_does_not_open_the_breaker():
    async with scripted("rate_limited", retry_after="0") as (endpoint, _):
        for _ in range(3):
            await failure(endpoint)

        assert BreakerState.CLOSED is endpoint.breaker.state


async def test_nothing_listens():
    async with running() as server:
        gone = server.endpoint
    endpoint = ChatEndpoint(
        ChatTarget(endpoint=gone, model="m"), headers=key_headers(gone, None), clock=FastClock()
    )
    failed = await failure(endpoint)
    await endpoint.aclose()

    assert "llm_unavailable" == failed.code
    assert "ConnectError" in str(failed)


async def test_an_endpoint_that_is_too_slow_counts_as_failed():
    async with running() as server:
        server.model.script = Script(seconds=30)
        target = ChatTarget(endpoint=server.endpoint, model="scripted-slow", seconds=0.05)
        endpoint = ChatEndpoint(target, headers=key_headers(server.endpoint, None), clock=FastClock())
        failed = await failure(endpoint)
        await endpoint.aclose()

    assert "no answer within" in str(failed)
    assert 4 == len(server.model.requests)


async def test_a_cancelled_call_ends_at_once_and_says_nothing_about_the_endpoint():
    async with scripted("slow", seconds=30) as (endpoint, model):
        task = asyncio.create_task(endpoint.complete(request()))
        async with asyncio.timeout(10):
            while not model.requests:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert BreakerState.CLOSED is endpoint.breaker.state
        assert 1 == len(model.requests)


async def test_a_call_that_may_cost_more_than_is_left_is_not_made():
    async with scripted("good") as (endpoint, model):
        failed = await failure(endpoint, budget_tokens=210)

    assert "budget_spent" == failed.code
    assert [] == model.requests


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("truncated", "llm_truncated"),
        ("cut", "llm_invalid"),
        ("empty", "llm_invalid"),
        ("refuses", "llm_refused"),
        ("no_key", "llm_misconfigured"),
    ],
)
async def test_an_unusable_answer_is_named_and_not_asked_for_again(behaviour, code):
    async with scripted(behaviour) as (endpoint, model):
        failed = await failure(endpoint)

    assert code == failed.code
    assert 1 == len(model.requests)
    assert (failed.tokens_in > 0) == (code != "llm_misconfigured")


async def test_without_json_schema_the_schema_goes_into_the_prompt_and_is_remembered():
    async with scripted("plain") as (endpoint, model):
        await endpoint.complete(request())
        await endpoint.complete(request())

    assert ["json_schema", "json_object", "json_object"] == [
        r["response_format"]["type"] for r in model.requests
    ]
    assert '{"type": "object"}' in model.requests[-1]["messages"][0]["content"]


async def test_a_newer_model_gets_its_limit_under_the_newer_name_and_no_temperature():
    async with scripted("modern") as (endpoint, model):
        await endpoint.complete(request())

    assert 200 == model.requests[-1]["max_completion_tokens"]
    assert not {"max_tokens", "temperature"} & set(model.requests[-1])


async def test_the_key_is_sent_and_neither_it_nor_the_prompt_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    async with running() as server:
        target = ChatTarget(endpoint=server.endpoint, model="scripted-rate_limited")
        server.model.script = Script(times=1)
        endpoint = ChatEndpoint(target, headers=key_headers(server.endpoint, "k-123"), clock=FastClock())
        await endpoint.complete(request())
        await endpoint.aclose()

    assert "Bearer k-123" == server.model.headers[0]["authorization"]
    logged = "\n".join(
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if record.name.startswith("orchestration")
    )
    assert "rate limited" in logged
    assert not {word for word in ("k-123", "secret topic", "Heat pumps") if word in logged}


async def test_azure_takes_its_own_header_and_an_identity_gives_a_bearer_token():
    async def token():
        return "t-1"

    azure = "https://x.openai.azure.com"
    assert {"api-key": "k"} == await key_headers(azure, "k")()
    assert {} == await key_headers(azure, None)()
    assert {"Authorization": "Bearer t-1"} == await identity_headers(token)()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"LLM_MODEL": ""}, "LLM_MODEL"),
        ({"LLM_ENDPOINT": "http://models.example.com/v1"}, "https"),
        ({"LLM_ENDPOINT": "https://user:word@models.example.com"}, "LLM_API_KEY"),
        ({"LLM_ENDPOINT": "models.example.com"}, "LLM_ENDPOINT"),
    ],
)
def test_settings_that_would_leak_or_cannot_work_are_refused(changes, named):
    fine = {"LLM_ENDPOINT": "https://models.example.com/v1", "LLM_MODEL": "m", "LLM_API_KEY": "k-123"}
    assert load_settings(fine).has_llm
    with pytest.raises(ConfigurationError, match=named) as refused:
        load_settings(fine | changes)
    assert "k-123" not in str(refused.value)


def test_the_tools_have_the_configured_model_and_load_no_http_client_without_one():
    code = (
        "import sys\n"
        "from orchestration.step_tools import research_tools\n"
        "from orchestration.settings import load_settings\n"
        "assert research_tools(load_settings({}))().llm is None\n"
        "assert 'httpx' not in sys.modules and 'orchestration.adapters.llm' not in sys.modules\n"
        "for url in ('http://127.0.0.1:9/v1', 'https://x.openai.azure.com'):\n"
        "    tools = research_tools(load_settings({'LLM_ENDPOINT': url, 'LLM_MODEL': 'm'}))()\n"
        "    assert tools.llm.model == 'm'\n"
        "assert 'azure.identity' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
