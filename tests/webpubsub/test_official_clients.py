"""The unmodified Python SDKs, service and client, sync and aio, over a real socket and through a lost one."""

import asyncio
import queue
import threading
from typing import Any

import aiohttp
import pytest
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)

from tests.webpubsub.support import LIMIT_SECONDS, StandIn, eventually_sync

ROLES = ["webpubsub.joinLeaveGroup.mine", "webpubsub.sendToGroup.mine"]
PROTOCOLS = [WebPubSubProtocolType.JSON, WebPubSubProtocolType.JSON_RELIABLE]


async def drop(stand_in: StandIn, hub: str) -> None:
    url = f"{stand_in.endpoint}/_faults/drop"
    async with aiohttp.ClientSession() as session, session.post(url, json={"hub": hub}) as response:
        assert len((await response.json())["dropped"]) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_sync_client_joins_sends_and_receives(stand_in: StandIn, hub: str, protocol: Any) -> None:
    inbox: queue.Queue[Any] = queue.Queue()
    with stand_in.service(hub) as service:
        url = service.get_client_access_token(user_id="ann", roles=ROLES)["url"]
        client = WebPubSubClient(url, protocol_type=protocol, message_retry_total=0, ack_timeout=2)
        client.subscribe(CallbackType.GROUP_MESSAGE, inbox.put)
        client.subscribe(CallbackType.SERVER_MESSAGE, inbox.put)
        with client:
            client.join_group("mine")
            with pytest.raises(SendMessageError) as refused:
                client.join_group("other")
            assert refused.value.error_detail.name == "Forbidden"
            client.send_to_group("mine", {"a": 1}, WebPubSubDataType.JSON)
            assert inbox.get(timeout=LIMIT_SECONDS).data == {"a": 1}
            client.send_to_group("mine", memoryview(b"\x00\xff"), WebPubSubDataType.BINARY)
            assert bytes(inbox.get(timeout=LIMIT_SECONDS).data) == b"\x00\xff"
            service.send_to_group("mine", "text", content_type="text/plain")
            assert inbox.get(timeout=LIMIT_SECONDS).data == "text"
            service.send_to_user("ann", "direct", content_type="text/plain")
            assert inbox.get(timeout=LIMIT_SECONDS).data == "direct"
            client.leave_group("mine")
            assert not service.group_exists("mine")


def test_the_reliable_sync_client_recovers_and_misses_nothing(stand_in: StandIn, hub: str) -> None:
    seen: list[int] = []
    connects: list[str] = []
    arrived = threading.Event()

    def keep(message: Any) -> None:
        seen.append(message.data["n"])
        arrived.set()

    with stand_in.service(hub) as service:
        client = WebPubSubClient(service.get_client_access_token(groups=["g"])["url"])
        client.subscribe(CallbackType.GROUP_MESSAGE, keep)
        client.subscribe(CallbackType.CONNECTED, lambda event: connects.append(event.connection_id))
        with client:
            service.send_to_group("g", {"n": 1})
            assert arrived.wait(LIMIT_SECONDS)
            asyncio.run(drop(stand_in, hub))
            for number in range(2, 6):
                service.send_to_group("g", {"n": number})
            eventually_sync(lambda: len(seen) == 5)
            assert sorted(seen) == [1, 2, 3, 4, 5]
            assert len(connects) == 1
            assert service.connection_exists(connects[0])


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_aio_client_joins_sends_and_receives(stand_in: StandIn, hub: str, protocol: Any) -> None:
    inbox: asyncio.Queue[Any] = asyncio.Queue()

    async def keep(message: Any) -> None:
        await inbox.put(message.data)

    async with stand_in.async_service(hub) as service:
        url = (await service.get_client_access_token(roles=ROLES))["url"]
        client = AsyncClient(url, protocol_type=protocol, message_retry_total=0)
        await client.subscribe(CallbackType.GROUP_MESSAGE, keep)
        async with client, asyncio.timeout(LIMIT_SECONDS):
            await client.join_group("mine")
            with pytest.raises(SendMessageError):
                await client.join_group("other")
            await client.send_to_group("mine", "from client", WebPubSubDataType.TEXT)
            assert await inbox.get() == "from client"
            await service.send_to_group("mine", {"from": "service"})
            assert await inbox.get() == {"from": "service"}


async def test_the_reliable_aio_client_recovers_and_misses_nothing(stand_in: StandIn, hub: str) -> None:
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    connects: list[str] = []

    async def keep(message: Any) -> None:
        await inbox.put(message.data["n"])

    async def note(event: Any) -> None:
        connects.append(event.connection_id)

    async with stand_in.async_service(hub) as service:
        client = AsyncClient((await service.get_client_access_token(groups=["g"]))["url"])
        await client.subscribe(CallbackType.GROUP_MESSAGE, keep)
        await client.subscribe(CallbackType.CONNECTED, note)
        async with client, asyncio.timeout(LIMIT_SECONDS):
            await drop(stand_in, hub)
            for number in range(5):
                await service.send_to_group("g", {"n": number})
            assert [await inbox.get() for _ in range(5)] == [0, 1, 2, 3, 4]
            assert len(connects) == 1
            assert await service.connection_exists(connects[0])
