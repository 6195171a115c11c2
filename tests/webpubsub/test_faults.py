"""The fault knobs, and that they exist on request only."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError

from tests.webpubsub.support import JSON, StandIn, connected, started


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
