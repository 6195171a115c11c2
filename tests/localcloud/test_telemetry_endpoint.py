"""The telemetry endpoint: what exporters send is kept in any of its forms, and faults are those of the real one."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.telemetry.faults import Behaviour, Fault, parse_behaviour
from localcloud.telemetry.items import BadBody, Item, envelopes, item_of, milliseconds
from localcloud.telemetry.server import TelemetryServer, running
from localcloud.telemetry.store import TelemetryStore

TRACE = "0af7651916cd43dd8448eb211c80319c"


def envelope(number: int = 1, kind: str = "RemoteDependencyData", **base: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "time": "2026-11-22T12:00:00.5Z",
        "tags": {
            "ai.operation.id": TRACE,
            "ai.operation.parentId": "b7ad6b7169203331",
            "ai.cloud.role": "app",
        },
        "data": {
            "baseType": kind,
            "baseData": {
                "name": "step a",
                "id": f"{number:016x}",
                "duration": "0.00:00:01.250",
                "success": False,
                "properties": {"content.job.id": "j"},
                **base,
            },
        },
    }


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TelemetryServer]:
    async with running(TelemetryServer(store=TelemetryStore(tmp_path / "t.db"))) as found:
        yield found


async def post(
    server: TelemetryServer, body: bytes, path: str = "/v2.1/track", **headers: str
) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session:
        async with session.post(
            f"http://127.0.0.1:{server.port}{path}", data=body, headers=headers
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.mark.parametrize("path", ["/v2.1/track", "/v2/track", "////v2.1/track"])
async def test_items_are_taken_as_an_array_as_lines_and_compressed(
    server: TelemetryServer, path: str
) -> None:
    one, two = json.dumps(envelope(1)), json.dumps(envelope(2))
    for body, headers in (
        (f"[{one},{two}]".encode(), {}),
        (f"{one}\n{two}\n".encode(), {}),
        (gzip.compress(f"{one}\n{two}".encode()), {"Content-Encoding": "gzip"}),
    ):
        assert await post(server, body, path, **headers) == (
            200,
            {"itemsReceived": 2, "itemsAccepted": 2, "errors": []},
        )
    assert server.store.counts() == {"RemoteDependencyData": 6}


async def test_live_metrics_are_told_that_nobody_watches(server: TelemetryServer) -> None:
    assert (await post(server, b"{}", "//QuickPulseService.svc/ping"))[0] == 200
    assert (await post(server, b"{}", "/elsewhere"))[0] == 404


@pytest.mark.parametrize("body", [b"nonsense", b"[1]", b"\xff\xfe"])
async def test_a_body_that_is_none_of_these_is_refused(server: TelemetryServer, body: bytes) -> None:
    assert (await post(server, body))[0] == 400


async def test_what_was_taken_can_be_asked_for_and_forgotten(server: TelemetryServer) -> None:
    await post(server, json.dumps([envelope()]).encode())
    base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/traces?job=j") as answer:
            assert await answer.json() == [TRACE]
        async with session.get(f"{base}/items?trace={TRACE}&kind=RemoteDependencyData") as answer:
            (item,) = await answer.json()
        async with session.get(f"{base}/counts") as answer:
            assert (await answer.json())["requests"] == 1
        async with session.delete(f"{base}/items") as answer:
            assert answer.status == 204
    assert (item["name"], item["parent"], item["duration_ms"], item["success"]) == (
        "step a",
        "b7ad6b7169203331",
        1250.0,
        False,
    )
    assert server.store.find() == []


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [(Fault.REFUSING, 403, 0), (Fault.THROTTLED, 429, 0), (Fault.PARTIAL, 206, 2), (Fault.SLOW, 200, 3)],
)
async def test_a_fault_answers_as_the_service_would(
    server: TelemetryServer, fault: Fault, status: int, kept: int
) -> None:
    server.behaviour = Behaviour(fault=fault, seconds=0.01)
    answer = await post(server, json.dumps([envelope(n) for n in range(3)]).encode())
    assert (answer[0], len(server.store.find())) == (status, kept)
    if fault is Fault.PARTIAL:
        assert answer[1]["errors"] == [{"index": 1, "statusCode": 500, "message": "this item was not taken"}]


async def test_an_endpoint_that_is_down_cuts_the_connection(server: TelemetryServer) -> None:
    server.behaviour = Behaviour(fault=Fault.DOWN)
    with pytest.raises(aiohttp.ClientError):
        await post(server, json.dumps([envelope()]).encode())


async def test_a_fault_is_switched_by_a_call_and_a_wrong_one_is_explained(server: TelemetryServer) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/fault"
        async with session.put(url, json={"fault": "slow", "seconds": 2}) as answer:
            assert answer.status == 204
        assert server.behaviour == Behaviour(fault=Fault.SLOW, seconds=2.0)
        async with session.put(url, json={"fault": "tired"}) as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    "value", [None, {}, {"fault": "no"}, {"fault": "slow", "seconds": "x"}, {"fault": "none", "x": 1}]
)
def test_a_wrong_behaviour_says_what_would_be_right(value: object) -> None:
    with pytest.raises(ValueError, match="should be"):
        parse_behaviour(value)


def test_the_oldest_items_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcloud.telemetry.store._SLACK", 5)
    store = TelemetryStore(tmp_path / "t.db", most=10)
    item = item_of(envelope())
    for number in range(40):
        store.add([replace(item, name=str(number))])
    kept = [found.name for found in store.find()]
    store.close()
    assert kept[-1] == "39"
    assert 10 <= len(kept) <= 15


def test_items_survive_the_way_into_the_file_and_back(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path / "t.db")
    items = [item_of(envelope(n)) for n in range(3)]
    store.add(items)
    store.close()
    again = TelemetryStore(tmp_path / "t.db")
    assert again.find(trace=TRACE) == items
    again.close()


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("0.00:00:00.001", 1.0),
        ("00:00:02.5", 2500.0),
        ("1.01:00:00.000", 90_000_000.0),
        ("", 0.0),
        ("x", 0.0),
    ],
)
def test_durations_are_read(duration: str, expected: float) -> None:
    assert milliseconds(duration) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_an_envelope_of_any_shape_becomes_an_item(value: Any) -> None:
    made = item_of(value if isinstance(value, dict) else {"data": value, "tags": value})
    assert isinstance(made, Item)


def test_a_bomb_is_not_blown_up() -> None:
    with pytest.raises(BadBody):
        envelopes(gzip.compress(b"0" * 70_000_000), "gzip")
    with pytest.raises(BadBody):
        envelopes(b"no gzip", "gzip")
