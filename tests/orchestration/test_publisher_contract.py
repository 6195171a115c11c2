"""One contract, two publishers: the memory twin and Web PubSub (on the local stand-in)."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from orchestration.adapters.bare_http import BareClient
from orchestration.adapters.memory import MemoryPublisher
from orchestration.adapters.webpubsub import WebPubSubPublisher
from orchestration.adapters.webpubsub_link import PubSubLink, key_token
from orchestration.errors import DependencyUnavailable
from orchestration.ports import RealtimePublisher
from tests.orchestration.raw_server import serving
from tests.webpubsub.support import KEY, LIMIT_SECONDS, StandIn, fresh_hub

USES_SERVICES = True


def publisher_for(stand_in: StandIn, hub: str, *, key: str = KEY) -> WebPubSubPublisher:
    bare = BareClient(stand_in.endpoint, limit=4, timeout=LIMIT_SECONDS)
    link = PubSubLink(client=bare, endpoint=stand_in.endpoint, hub=hub, authorize=key_token(key))
    return WebPubSubPublisher(link, lambda: stand_in.async_service(hub), bare.close)


@pytest.fixture(params=["memory", "azure"])
async def publisher(request: pytest.FixtureRequest) -> AsyncIterator[RealtimePublisher]:
    if request.param == "memory":
        yield MemoryPublisher()
        return
    service = publisher_for(request.getfixturevalue("web_pubsub"), fresh_hub())
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
    publisher = publisher_for(web_pubsub, fresh_hub())
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


async def test_what_is_published_is_what_the_official_client_would_have_sent(web_pubsub: StandIn) -> None:
    hub, group = fresh_hub(), "job:it's 100% odd/group"
    publisher, official = publisher_for(web_pubsub, hub), web_pubsub.async_service(hub)
    url = await publisher.client_url(user_id="local", group=group, minutes=5)
    message = {"n": 1, "text": "grün € 😀", "nested": [{"a": None}]}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
    ):
        await socket.receive_str(timeout=LIMIT_SECONDS)
        await publisher.publish(group, json.dumps(message))
        await official.send_to_group(group, message, content_type="application/json")
        ours, theirs = [json.loads(await socket.receive_str(timeout=LIMIT_SECONDS)) for _ in (1, 2)]
    assert ours["data"] == message
    assert {**ours, "sequenceId": 0} == {**theirs, "sequenceId": 0}
    await official.close()
    await publisher.close()


async def test_a_wrong_key_is_refused_and_not_repeated(web_pubsub: StandIn) -> None:
    wrong = "another-key-for-tests-that-is-long-enough-for-hs256"
    publisher = publisher_for(web_pubsub, fresh_hub(), key=wrong)
    with pytest.raises(DependencyUnavailable, match="401") as caught:
        await publisher.publish("job:1", "{}")
    assert wrong not in str(caught.value)
    await publisher.close()


async def test_a_service_that_is_busy_for_a_moment_is_asked_once_more() -> None:
    answers = [
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Fine\r\nContent-Length: 0\r\n\r\n",
    ]
    async with serving(lambda _: answers.pop(0)) as server:
        link = PubSubLink(client=server.client, endpoint=server.endpoint, hub="h", authorize=key_token(KEY))
        await link.send("/groups/g/:send", "{}")
    assert answers == []


@asynccontextmanager
async def opened(publisher: RealtimePublisher) -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """An open connection that is in no group, and how to end it."""
    if isinstance(publisher, MemoryPublisher):
        publisher.members["c-1"] = set()

        async def forget() -> None:
            del publisher.members["c-1"]

        yield "c-1", forget
        return
    url = await publisher.client_url(user_id="local", group="job:0", minutes=5)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
    ):
        connected = json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))

        async def close() -> None:
            await socket.close()

        yield connected["connectionId"], close


async def test_a_connection_joins_and_leaves_while_it_is_open(publisher: RealtimePublisher) -> None:
    async with opened(publisher) as (connection, end):
        assert await publisher.exists(connection)
        assert await publisher.join(connection, "job:1")
        assert await publisher.join(connection, "job:1"), "once is as good as twice"
        for _ in range(2):
            await publisher.leave(connection, "job:1")
        await end()
        async with asyncio.timeout(LIMIT_SECONDS):
            while await publisher.exists(connection):
                await asyncio.sleep(0.01)
        assert not await publisher.join(connection, "job:1")
        await publisher.leave(connection, "job:1")


async def test_a_connection_that_joined_receives_until_it_leaves(web_pubsub: StandIn) -> None:
    publisher = publisher_for(web_pubsub, fresh_hub())
    url = await publisher.client_url(user_id="local", group="job:0", minutes=5)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
    ):
        connection = json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))["connectionId"]
        await publisher.publish("job:1", '{"n":1}')
        assert await publisher.join(connection, "job:1")
        await publisher.publish("job:1", '{"n":2}')
        await publisher.leave(connection, "job:1")
        await publisher.publish("job:1", '{"n":3}')
        await publisher.publish("job:0", '{"n":4}')
        frames = [json.loads(await socket.receive_str(timeout=LIMIT_SECONDS)) for _ in (1, 2)]
    assert [frame["data"]["n"] for frame in frames] == [2, 4]
    await publisher.close()


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    endpoint = "http://127.0.0.1:1"
    async with BareClient(endpoint, limit=1, timeout=LIMIT_SECONDS) as bare:
        link = PubSubLink(client=bare, endpoint=endpoint, hub="h", authorize=key_token(KEY))
        with pytest.raises(DependencyUnavailable) as caught:
            await link.send("/groups/g/:send", "{}")
    assert caught.value.code == "realtime_unavailable"


async def test_a_client_url_that_cannot_be_made_is_unavailable() -> None:
    class Broken:
        async def get_client_access_token(self, **_: object) -> None:
            raise ServiceRequestError("no way")

        async def close(self) -> None:
            return None

    endpoint = "http://127.0.0.1:1"
    bare = BareClient(endpoint, limit=1, timeout=LIMIT_SECONDS)
    link = PubSubLink(client=bare, endpoint=endpoint, hub="h", authorize=key_token(KEY))
    publisher = WebPubSubPublisher(link, Broken, bare.close)  # type: ignore[arg-type]
    with pytest.raises(DependencyUnavailable) as caught:
        await publisher.client_url(user_id="local", group="g", minutes=1)
    assert caught.value.code == "realtime_unavailable"
    await publisher.close()


async def test_memberships_that_cannot_be_changed_or_asked_for_are_unavailable() -> None:
    text = "Endpoint=http://127.0.0.1:1;AccessKey=a-key-for-tests-that-is-long-enough-for-hs256;Version=1.0;"
    bare = BareClient("http://127.0.0.1:1", limit=1, timeout=LIMIT_SECONDS)
    link = PubSubLink(client=bare, endpoint="http://127.0.0.1:1", hub="h", authorize=key_token(KEY))

    def client() -> WebPubSubServiceClient:
        return WebPubSubServiceClient.from_connection_string(text, hub="h", retry_total=0)

    publisher = WebPubSubPublisher(link, client, bare.close)
    for call in (publisher.join("c-1", "job:1"), publisher.leave("c-1", "job:1"), publisher.exists("c-1")):
        with pytest.raises(DependencyUnavailable):
            await call
    await publisher.close()


async def test_leaving_after_the_end_is_leaving() -> None:
    """The stand-in answers 204 for a connection that is gone; the service may answer 404."""

    class Gone:
        async def remove_connection_from_group(self, *_: object, **__: object) -> None:
            raise ResourceNotFoundError("gone")

        async def close(self) -> None:
            return None

    bare = BareClient("http://127.0.0.1:1", limit=1, timeout=LIMIT_SECONDS)
    link = PubSubLink(client=bare, endpoint="http://127.0.0.1:1", hub="h", authorize=key_token(KEY))
    publisher = WebPubSubPublisher(link, Gone, bare.close)  # type: ignore[arg-type]
    await publisher.leave("c-1", "job:1")
    await publisher.close()
