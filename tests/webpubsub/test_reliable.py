"""The reliable subprotocol: numbers, acknowledgement, recovery, and its ends."""

from collections.abc import Iterator

import aiohttp
import pytest

from localcloud.webpubsub.outbox import OutboxLimits
from tests.webpubsub.support import (
    JSON,
    RELIABLE,
    Client,
    StandIn,
    connected,
    eventually,
    recovery_path,
    socket_to,
    started,
)

GIVE_UP = aiohttp.WSCloseCode.POLICY_VIOLATION


@pytest.fixture(scope="module")
def small() -> Iterator[StandIn]:
    """A stand-in with room for five messages that forgets lost connections at once."""
    with started(retention=0.05, limits=OutboxLimits(messages=5)) as server:
        yield server


async def publish(stand_in: StandIn, hub: str, *data: int) -> None:
    async with stand_in.async_service(hub) as service:
        for number in data:
            await service.send_to_group("g", {"n": number})


async def receive(client: Client, count: int) -> list[tuple[int, int]]:
    frames = [await client.receive() for _ in range(count)]
    return [(frame["sequenceId"], frame["data"]["n"]) for frame in frames]


async def test_messages_are_numbered_densely_from_one_over_all_groups_and_sources(
    stand_in: StandIn, hub: str
) -> None:
    async with connected(stand_in, hub, user="u", groups=["g", "h"]) as client:
        async with stand_in.async_service(hub) as service:
            await service.send_to_group("g", {})
            await client.send(type="ping")
            await service.send_to_user("u", {})
            await service.send_to_group("h", {})
            await service.send_to_all({})
        frames = [await client.receive() for _ in range(5)]
        assert [frame["sequenceId"] for frame in frames if frame["type"] == "message"] == [1, 2, 3, 4]


async def test_a_lost_client_comes_back_as_itself_and_gets_what_it_missed(
    stand_in: StandIn, hub: str
) -> None:
    async with connected(stand_in, hub, user="u", groups=["g"]) as client:
        await publish(stand_in, hub, 1, 2)
        assert await receive(client, 2) == [(1, 1), (2, 2)]
        await client.send(type="sequenceAck", sequenceId=1)
        assert await client.settled() == []
        client.cut()
        await publish(stand_in, hub, 3, 4)
        async with socket_to(stand_in, recovery_path(hub, client)) as recovered:
            assert client.connected == await recovered.receive()
            assert await receive(recovered, 3) == [(2, 2), (3, 3), (4, 4)]
            await publish(stand_in, hub, 5)
            assert await receive(recovered, 1) == [(5, 5)]


async def test_a_recovered_socket_replaces_one_that_is_still_open(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, groups=["g"]) as client:
        async with socket_to(stand_in, recovery_path(hub, client)) as recovered:
            await recovered.receive()
            await client.closed_with()
            await publish(stand_in, hub, 1)
            assert await receive(recovered, 1) == [(1, 1)]


async def test_only_the_right_token_recovers_a_connection(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub) as client, connected(stand_in, hub, subprotocol=JSON) as unreliable:
        client.cut()
        for path in (
            recovery_path(hub, client, token="wrong"),
            recovery_path(hub, client, token=""),
            recovery_path(hub, client, connection_id="unknown"),
            recovery_path(hub, client, connection_id=unreliable.id),
            recovery_path(f"{hub}x", client),
        ):
            async with socket_to(stand_in, path) as refused:
                assert await refused.closed_with() == GIVE_UP
        async with socket_to(stand_in, recovery_path(hub, client), subprotocols=[JSON]) as refused:
            assert await refused.closed_with() == GIVE_UP
        async with socket_to(stand_in, recovery_path(hub, client)) as recovered:
            assert client.id == (await recovered.receive())["connectionId"]


async def test_a_client_that_says_goodbye_leaves_nothing_to_recover(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, groups=["g"]) as client, stand_in.async_service(hub) as service:
        await client.socket.close()
        assert not await service.group_exists("g")
        async with socket_to(stand_in, recovery_path(hub, client)) as refused:
            assert await refused.closed_with() == GIVE_UP


async def test_a_lost_connection_is_kept_for_its_time_and_no_longer(
    stand_in: StandIn, small: StandIn, hub: str
) -> None:
    async with connected(stand_in, hub) as kept, connected(small, hub) as forgotten:
        kept.cut()
        forgotten.cut()
        async with small.async_service(hub) as service:
            await eventually(lambda: gone(service, forgotten))
        async with stand_in.async_service(hub) as service:
            assert await service.connection_exists(kept.id)
        async with socket_to(small, recovery_path(hub, forgotten)) as refused:
            assert await refused.closed_with() == GIVE_UP


async def gone(service: object, client: Client) -> bool:
    return not await service.connection_exists(client.id)  # type: ignore[attr-defined]


async def test_an_unreliable_connection_ends_with_its_socket(stand_in: StandIn, hub: str) -> None:
    async with (
        connected(stand_in, hub, subprotocol=JSON) as client,
        stand_in.async_service(hub) as service,
    ):
        client.cut()
        await eventually(lambda: gone(service, client))


async def test_too_many_unacknowledged_messages_close_the_connection_for_good(
    small: StandIn, hub: str
) -> None:
    async with connected(small, hub, groups=["g"]) as client:
        await publish(small, hub, 1, 2, 3, 4, 5)
        assert len(await receive(client, 5)) == 5
        await client.send(type="sequenceAck", sequenceId=5)
        assert await client.settled() == []
        await publish(small, hub, 6, 7, 8, 9, 10, 11)
        while (frame := await client.receive())["type"] == "message":
            pass
        assert frame["event"] == "disconnected"
        assert await client.closed_with() == GIVE_UP
        async with socket_to(small, recovery_path(hub, client)) as refused:
            assert await refused.closed_with() == GIVE_UP


@pytest.mark.parametrize("subprotocol", [JSON, RELIABLE])
async def test_a_client_that_does_not_read_is_cut_off_and_the_others_are_not(
    small: StandIn, hub: str, subprotocol: str
) -> None:
    async with (
        connected(small, hub, groups=["g"], subprotocol=subprotocol) as deaf,
        connected(small, hub, subprotocol=JSON) as other,
        small.async_service(hub) as service,
    ):

        async def cut_off() -> bool:
            await service.send_to_group("g", "x" * 1_000_000, content_type="text/plain")
            return await gone(service, deaf)

        await eventually(cut_off)
        assert await other.settled() == []
