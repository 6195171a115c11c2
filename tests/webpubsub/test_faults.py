"""The fault knobs, and that they exist on request only."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncClient
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubProtocolType

from tests.webpubsub.support import JSON, StandIn, connected, eventually, started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def order(http: aiohttp.ClientSession, stand_in: StandIn, fault: str, **wish: Any) -> int:
    async with http.post(f"{stand_in.endpoint}/_faults/{fault}", json=wish) as response:
        return response.status


@pytest.mark.parametrize("status", [429, 503])
async def test_rest_calls_are_refused_as_often_as_ordered(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession, status: int
) -> None:
    assert await order(http, stand_in, "reject", status=status, times=2, retryAfter=7) == 204
    async with stand_in.async_service(hub) as service:
        for _ in range(2):
            with pytest.raises(HttpResponseError) as refused:
                await service.send_to_all({})
            response = refused.value.response
            assert response is not None
            assert (refused.value.status_code, response.headers["Retry-After"]) == (status, "7")
        await service.send_to_all({})


async def test_delayed_frames_still_arrive_in_order(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    async with connected(stand_in, hub, subprotocol=JSON) as client, stand_in.async_service(hub) as service:
        assert await order(http, stand_in, "delay", seconds=0.02) == 204
        for number in range(5):
            await service.send_to_all(number)
        assert [frame["data"] for frame in await client.settled()] == [0, 1, 2, 3, 4]
    async with http.delete(f"{stand_in.endpoint}/_faults") as response:
        assert response.status == 204
    async with http.get(f"{stand_in.endpoint}/_faults") as response:
        assert (await response.json())["delay"] == 0


async def test_a_message_is_repeated_as_often_as_ordered_under_its_own_number(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    async with connected(stand_in, hub) as client, stand_in.async_service(hub) as service:
        assert await order(http, stand_in, "duplicate", times=2) == 204
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong", "frames of the protocol are never repeated"
        for number in range(3):
            await service.send_to_all(number)
        frames = [(frame["sequenceId"], frame["data"]) for frame in await client.settled()]
    assert frames == [(1, 0), (1, 0), (2, 1), (2, 1), (3, 2)]


async def test_the_reliable_client_shows_a_repeated_message_once_and_the_other_twice(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    seen: dict[str, list[Any]] = {"json": [], "reliable": []}
    protocols = {"json": WebPubSubProtocolType.JSON, "reliable": WebPubSubProtocolType.JSON_RELIABLE}
    async with stand_in.async_service(hub) as service, AsyncExitStack() as stack:
        for name, protocol in protocols.items():
            url = (await service.get_client_access_token())["url"]
            client = AsyncClient(url, protocol_type=protocol)

            async def keep(message: Any, name: str = name) -> None:
                seen[name].append(message.data)

            await client.subscribe(CallbackType.SERVER_MESSAGE, keep)
            await stack.enter_async_context(client)
        assert await order(http, stand_in, "duplicate", times=2) == 204
        await service.send_to_all({"n": 1})
        await service.send_to_all({"n": 2})

        async def both() -> bool:
            return [m["n"] for m in seen["json"]] == [1, 1, 2] and [m["n"] for m in seen["reliable"]] == [
                1,
                2,
            ]

        await eventually(both)


async def test_an_order_to_break_the_order_is_refused_because_the_service_keeps_it(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    assert await order(http, stand_in, "reorder", times=1) == 400


async def test_a_dropped_connection_sees_no_close_frame(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    async with connected(stand_in, hub) as dropped, connected(stand_in, hub) as kept:
        assert await order(http, stand_in, "drop", hub=hub, connectionId=dropped.id) == 200
        assert await dropped.closed_with() == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        assert await kept.settled() == []


@pytest.mark.parametrize(
    ("fault", "wish"),
    [
        ("reject", {"status": 500, "times": 1}),
        ("reject", {"status": 503}),
        ("delay", {"seconds": -1}),
        ("drop", {}),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    stand_in: StandIn, http: aiohttp.ClientSession, fault: str, wish: dict[str, Any]
) -> None:
    assert await order(http, stand_in, fault, **wish) == 400


async def test_without_the_option_there_are_no_fault_knobs(http: aiohttp.ClientSession) -> None:
    with started() as strict:
        assert await order(http, strict, "drop", hub="h") == 404
