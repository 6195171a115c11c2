"""Our own functions, called by Microsoft's worker and by the local host on one app in memory, answer alike."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from localcloud.host.http_datums import HttpInput, http_datum
from localcloud.host.invoker import Call, Invoker, Outcome
from localcloud.host.servicebus_datums import MessageData, single_datums
from localcloud.host.timers import timer_datum
from orchestration import bootstrap
from tests.oracle.conftest import Comparison
from tests.oracle.worker import Answer
from tests.orchestration.support import World

ROOT = Path(__file__).parents[2]


async def on_both(
    comparison: Comparison,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    trigger: Datum | None,
    metadata: Mapping[str, Datum],
) -> tuple[Answer, Outcome]:
    world = World()

    async def app() -> Any:
        return world.app

    monkeypatch.setattr(bootstrap, "current_app", app)
    both = await comparison.index(ROOT)
    try:
        function = both.ours[name]
        theirs = await comparison.worker.invoke(function, trigger, metadata)
        invoker = Invoker(timeout_s=20.0)
        ours = await invoker.run(function, Call(reason="test", trigger=trigger, metadata=metadata))
        await invoker.close()
    finally:
        both.unload()
    return theirs, ours


TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "content-type": "application/json",
}
REQUESTS = {
    "health_live": (HttpInput(method="GET", url="http://h/x", headers=TRACE), 200),
    "jobs": (HttpInput(method="GET", url="http://h/x", headers=TRACE), 200),
    "job": (HttpInput(method="GET", url="http://h/x", headers=TRACE, route_values={"jobId": "j-1"}), 404),
    "generate": (HttpInput(method="POST", url="http://h/x", headers=TRACE, body=b'{"topic": "x"}'), 422),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_http_function_of_ours_answers_alike(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    request, status = REQUESTS[name]
    theirs, ours = asyncio.run(on_both(comparison, monkeypatch, name, http_datum(request), {}))
    assert (theirs.error, ours.error) == (None, None)
    assert theirs.value is not None
    assert ours.response is not None
    got, expected = ours.response.value, theirs.value.http
    assert str(status) == expected.status_code == got["status_code"].value
    assert expected.headers == {name: header.value for name, header in got["headers"].items()}
    assert json.loads(expected.body.bytes) == json.loads(got["body"].value)


@pytest.mark.parametrize("body", [b"not JSON", b'{"jobId": "no such job"}', b""])
def test_a_message_that_nobody_can_work_on_fails_alike(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    message = single_datums(MessageData(body=body, message_id="m-1", delivery_count=0), binary=False)
    theirs, ours = asyncio.run(on_both(comparison, monkeypatch, "ContentJobProcessor", *message))
    assert str(theirs.error).startswith("PoisonMessage: ")
    assert theirs.error == f"{type(ours.error).__name__}: {ours.error}"


@pytest.mark.parametrize("name", ["sweep", "close_hours", "clean_up"])
def test_a_timer_of_ours_runs_alike(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    theirs, ours = asyncio.run(on_both(comparison, monkeypatch, name, timer_datum(None, past_due=False), {}))
    assert (theirs.error, ours.error) == (None, None)
