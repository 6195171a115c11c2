"""One contract, two publishers: the memory twin and Web PubSub (on the local stand-in)."""

import json
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from orchestration.adapters.memory import MemoryPublisher
from orchestration.adapters.webpubsub import WebPubSubPublisher
from orchestration.errors import DependencyUnavailable
from orchestration.ports import RealtimePublisher
from tests.webpubsub.support import LIMIT_SECONDS, StandIn, fresh_hub

USES_SERVICES = True


@pytest.fixture(params=["memory", "azure"])
async def publisher(request: pytest.FixtureRequest) -> AsyncIterator[RealtimePublisher]:
    if request.param == "memory":
        yield MemoryPublisher()
        return
    stand_in: StandIn = request.getfixturevalue("web_pubsub")
    service = WebPubSubPublisher(stand_in.async_service(fresh_hub()))
    yield service
    await service.close()


async def test_publishing_to_a_group_that_nobody_watches_is_no_error(publisher: RealtimePublisher) -> None:
    await publisher.publish("job:" + str(uuid.uuid4()), json.dumps({"event": "JobUpdate", "text": "grün"}))


async def test_the_url_names_the_user_and_the_group_in_a_token_or_in_itself(
    publisher: RealtimePublisher,
) -> None:
    url = await publisher.client_url(user_id="local", group="job:1", minutes=5)
    if url.startswith("memory:"):
        assert url == "memory://local/job:1?minutes=5"
    else:
        import jwt

        claims = jwt.decode(url.partition("access_token=")[2], options={"verify_signature": False})
        assert (claims["sub"], claims["webpubsub.group"]) == ("local", ["job:1"])
        assert claims["exp"] - claims["iat"] == 300
        assert "role" not in claims, "a watcher may only receive"


async def test_a_watcher_receives_in_order_what_is_published_to_its_group(web_pubsub: StandIn) -> None:
    publisher = WebPubSubPublisher(web_pubsub.async_service(fresh_hub()))
    url = await publisher.client_url(user_id="local", group="job:1", minutes=5)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
    ):
        assert json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))["event"] == "connected"
        await publisher.publish("job:2", '{"n":0}')
        for number in (1, 2):
            await publisher.publish("job:1", json.dumps({"n": number, "text": "grün €"}))
        frames = [json.loads(await socket.receive_str(timeout=LIMIT_SECONDS)) for _ in (1, 2)]
    assert [frame["data"] for frame in frames] == [{"n": 1, "text": "grün €"}, {"n": 2, "text": "grün €"}]
    await publisher.close()


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    text = "Endpoint=http://127.0.0.1:1;AccessKey=a-key-for-tests-that-is-long-enough-for-hs256;Version=1.0;"
    client = WebPubSubServiceClient.from_connection_string(text, hub="h", retry_total=0)
    publisher = WebPubSubPublisher(client)
    with pytest.raises(DependencyUnavailable) as caught:
        await publisher.publish("job:1", "{}")
    assert caught.value.code == "realtime_unavailable"
    await publisher.close()
