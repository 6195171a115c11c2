"""The scripted language model as a program: its ready line, its control endpoint, its shutdown."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest

from localcloud.offline.llm import BEHAVIOURS, running

PROMPT = 'Write.\n{"id": "E1-0-40", "quote": "Grants cover up to 40 percent of the price."}\nWrite the part.'


async def ask(session, endpoint, model, prompt=PROMPT):
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    async with session.post(f"{endpoint}/chat/completions", json=body) as response:
        return response.status, dict(response.headers), await response.json()


@asynccontextmanager
async def client():
    async with running() as server, aiohttp.ClientSession() as session:
        yield server, session


@pytest.mark.parametrize(
    "behaviour", [name for name in BEHAVIOURS if name not in ("slow", "no_key", "500", "rate_limited")]
)
async def test_every_behaviour_answers_in_the_shape_of_a_completion(behaviour):
    async with client() as (server, session):
        status, _, answer = await ask(session, server.endpoint, f"scripted-{behaviour}")

    assert 200 == status
    assert {"message", "finish_reason", "index"} == set(answer["choices"][0])
    assert answer["usage"]["prompt_tokens"] > 0


async def test_the_control_endpoint_wins_over_the_models_name_and_counts_down():
    async with client() as (server, session):
        base = server.endpoint.removesuffix("/v1")
        script = {"behaviour": "rate_limited", "times": 2, "retry_after": "7"}
        async with session.post(f"{base}/_script", json=script) as response:
            assert 200 == response.status
        answers = [await ask(session, server.endpoint, "scripted-good") for _ in range(3)]
        async with session.get(f"{base}/_requests") as response:
            counted = await response.json()
        async with session.post(f"{base}/_script", json={"behaviour": "sings"}) as response:
            refused = response.status

    assert [429, 429, 200] == [status for status, _, _ in answers]
    assert "7" == answers[0][1]["Retry-After"]
    assert ({"count": 3}, 400) == (counted, refused)


async def test_a_fault_for_once_ends_with_the_repair():
    async with client() as (server, session):
        faulty = await ask(session, server.endpoint, "scripted-invents_sources-once")
        repaired = await ask(
            session, server.endpoint, "scripted-invents_sources-once", f"{PROMPT}\nDefects:\n- x"
        )

    content = [json.loads(answer[2]["choices"][0]["message"]["content"]) for answer in (faulty, repaired)]
    assert ["E90-1-99", "E1-0-40"] == [reply["sentences"][0]["evidence"][0] for reply in content]


async def test_the_program_says_when_it_is_ready_and_stops_when_told():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "localcloud.offline", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            status, _, _ = await ask(session, ready["endpoint"], "scripted-good")
        process.send_signal(signal.SIGTERM)
        code = await process.wait()

    assert (True, 200, 0) == (ready["ready"], status, code)
