"""Whatever Web PubSub's event handler is told: refused clearly or answered, never a 5xx, and the service goes on.

A small share runs always; ``./dev test --full`` takes ten thousand.
"""

import asyncio
import json
import string
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from orchestration.http import HttpCall
from tests.contract.test_fuzzed_messages import ANY_JSON, HOSTILE, NASTY_TEXT
from tests.orchestration.upstream_events import ANN, BOB, EVE, KEY, SECONDARY, PubSub, event, signed

FEW, MANY, AT_ONCE = 150, 10_000, 100
NAMES = ["connect", "connected", "disconnected", "SubscribeToJob", "UnsubscribeFromJob", "Shout", ""]
HEADERS = [
    "ce-type",
    "ce-hub",
    "ce-connectionid",
    "ce-userid",
    "ce-eventname",
    "ce-signature",
    "content-type",
    "ce-specversion",
]


def job_body(job_id: Any) -> bytes:
    return json.dumps({"jobId": job_id}).encode()


BODIES = st.one_of(
    st.binary(max_size=60),
    ANY_JSON.map(lambda value: json.dumps(value).encode()),
    HOSTILE,
    st.sampled_from(["018f3c5e-0000-7000-8000-00000000beef", "1", None, 7, "x" * 400, "KNOWN"]).map(job_body),
    st.dictionaries(
        st.sampled_from(["claims", "subprotocols", "query", "headers"]), ANY_JSON, max_size=3
    ).map(lambda value: json.dumps(value).encode()),
)
CONNECTIONS = st.one_of(st.sampled_from(["c-1", "c-2"]), st.text(string.printable, max_size=12), NASTY_TEXT)


@st.composite
def events(draw: st.DrawFn) -> HttpCall:
    """An event, signed or not, with up to two headers that are something else."""
    connection = draw(CONNECTIONS)
    call = event(
        draw(st.sampled_from(["sys", "user", "user", "nobody"])),
        draw(st.sampled_from(NAMES)),
        watcher=draw(st.sampled_from([ANN, BOB, EVE, None])),
        connection=connection,
        body=draw(BODIES),
    )
    headers = {**call.headers, **draw(st.dictionaries(st.sampled_from(HEADERS), NASTY_TEXT, max_size=2))}
    if draw(st.integers(0, 4)) > 0:  # most are signed, or nothing would get past the guard
        headers["ce-signature"] = signed(headers["ce-connectionid"], SECONDARY, KEY)
    return HttpCall(method="POST", headers=headers, body=call.body)


async def tell(pubsub: PubSub, call: HttpCall, known: str) -> int:
    """The status; the answer is held to the contract on the way."""
    made = HttpCall(method="POST", headers=call.headers, body=call.body.replace(b"KNOWN", known.encode()))
    status = (await pubsub.tell(made)).status
    assert status < 500, (made, status)
    return status


async def still_serves(pubsub: PubSub, known: str) -> None:
    """Somebody can connect and subscribe as if nothing had happened."""
    await pubsub.connect(ANN, "last")
    assert (await pubsub.ask("SubscribeToJob", known, ANN, "last"))["subscribed"] is True


def fuzz(count: int) -> Counter[int]:
    """Tell that many events; how often each status came."""
    loop = asyncio.new_event_loop()
    statuses: Counter[int] = Counter()
    services: list[tuple[PubSub, str, list[int]]] = []

    def service() -> tuple[PubSub, str, list[int]]:
        if not services or len(services[-1][2]) >= AT_ONCE:
            if services:
                loop.run_until_complete(still_serves(*services[-1][:2]))
            made = PubSub()
            job_id = loop.run_until_complete(made.world.submit()).job.job_id
            services.append((made, job_id, []))
        return services[-1]

    @seed(20261122)
    @settings(
        max_examples=count, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(call=events())
    def take(call: HttpCall) -> None:
        pubsub, known, told = service()
        told.append(loop.run_until_complete(tell(pubsub, call, known)))
        statuses[told[-1]] += 1

    take()
    loop.run_until_complete(still_serves(*services[-1][:2]))
    loop.close()
    return statuses


def test_events_of_every_kind_are_answered_or_refused() -> None:
    statuses = fuzz(FEW)
    assert statuses.total() >= FEW
    assert {200, 204, 400, 401, 403} <= set(statuses), "the fuzzer reaches what lies behind the guard"


@pytest.mark.long
def test_ten_thousand_events_are_answered_or_refused() -> None:
    assert fuzz(MANY).total() >= MANY
