"""SubscribeToJob over real sockets: official clients, the stand-in, the app as its event handler."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)

from orchestration.identity import Caller, Role
from orchestration.service import Origin
from orchestration.sockets.groups import watcher_of
from tests.realtime.support import HUB, LiveApp, live_app, until
from tests.realtime.watchers import SDK
from tests.webpubsub.support import LIMIT_SECONDS
from tests.webpubsub.test_javascript_client import javascript

COLLEAGUE = watcher_of(Caller(tenant="local", subject="a colleague", role=Role.SUBMITTER))
EVERY_PROTOCOL = list(WebPubSubProtocolType)


async def of_a_colleague(app: LiveApp, **changes: Any) -> str:
    origin = Origin(tenant="local", submitter=COLLEAGUE.user)
    return (await app.world.submit(origin=origin, **changes)).job.job_id


async def run(app: LiveApp) -> None:
    await app.world.work()
    await app.world.app.realtime.drain()


@pytest.mark.parametrize("protocol", EVERY_PROTOCOL)
async def test_the_python_client_subscribes_watches_and_unsubscribes(protocol: Any) -> None:
    messages: asyncio.Queue[Any] = asyncio.Queue()
    replies: asyncio.Queue[Any] = asyncio.Queue()
    async with live_app() as app:
        url = (await app.call("POST", "realtime/negotiate"))["url"]
        client = AsyncClient(url, protocol_type=protocol, message_retry_total=0)
        await client.subscribe(CallbackType.GROUP_MESSAGE, into(messages))
        await client.subscribe(CallbackType.SERVER_MESSAGE, into(replies))
        async with client, asyncio.timeout(3 * LIMIT_SECONDS):
            job_id = await of_a_colleague(app)
            await client.send_event("SubscribeToJob", {"jobId": job_id}, WebPubSubDataType.JSON)
            reply = await replies.get()
            assert (reply["jobId"], reply["subscribed"], reply["lastSequence"]) == (job_id, True, 1)
            await run(app)
            log = await app.events_after(job_id, reply["lastSequence"])
            durable: list[Any] = []
            while len(durable) < len(log):
                update = await messages.get()
                durable += [update] if "sequence" in update else []
            assert log == durable
            await client.send_event("UnsubscribeFromJob", {"jobId": job_id}, WebPubSubDataType.JSON)
            assert (await replies.get())["subscribed"] is False
            with pytest.raises(SendMessageError):
                await client.join_group(f"job:{job_id}")
            (row,) = (await app.call("GET", "realtime/connections"))["value"]
            assert row["jobs"] == []
        await until(lambda: no_connections(app), "the end of the connection in the table")
        # A connected event is told beside the others, so it may come after what the client does first.
        assert app.told[:2] == ["OPTIONS", "sys.connect"]
        assert app.told.count("sys.connected") == app.told.count("sys.disconnected") == 1
        assert [t for t in app.told if t.startswith("user")] == [
            "user.SubscribeToJob",
            "user.UnsubscribeFromJob",
        ]


def into(queue: asyncio.Queue[Any]) -> Callable[[Any], Awaitable[None]]:
    async def keep(message: Any) -> None:
        await queue.put(message.data)

    return keep


async def no_connections(app: LiveApp) -> bool:
    return bool((await app.call("GET", "realtime/connections"))["connections"] == 0)


@pytest.mark.node
@pytest.mark.skipif(
    shutil.which("node") is None or not SDK.exists(), reason="Node or its packages are not installed"
)
@pytest.mark.parametrize("protocol", ["json", "reliable"])
async def test_the_javascript_client_subscribes_and_watches(protocol: str) -> None:
    async with live_app() as app:
        url = (await app.call("POST", "realtime/negotiate"))["url"]
        job_id = await of_a_colleague(app)
        async with javascript(url, protocol) as script:
            assert "connected" in await script.says()
            await script.does("subscribe", job_id)
            first = [await script.says(), await script.says()]
            assert {"raised": "SubscribeToJob"} in first
            (reply,) = [step["server"] for step in first if "server" in step]
            assert (reply["subscribed"], reply["lastSequence"]) == (True, 1)
            await run(app)
            log = await app.events_after(job_id, 1)
            durable: list[Any] = []
            while len(durable) < len(log):
                step = await script.says()
                durable += [step["data"]] if "sequence" in step["data"] else []
            assert log == durable


async def test_own_jobs_arrive_once_without_subscribing_and_once_with() -> None:
    async with live_app() as app:
        url = (await app.call("POST", "realtime/negotiate"))["url"]
        async with app.http.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket:
            await socket.receive_str(timeout=LIMIT_SECONDS)
            body = {"topic": "One of my own", "contentType": "blog_post", "audience": "b2b"}
            job_id = (await app.call("POST", "generate", body))["jobId"]
            event = {
                "type": "event",
                "event": "SubscribeToJob",
                "dataType": "json",
                "data": {"jobId": job_id},
            }
            await socket.send_str(json.dumps(event))
            await run(app)
            log = await app.events_after(job_id, 0)
            seen: list[int] = []
            replies = 0
            while len(seen) < len(log) or not replies:
                data = json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))["data"]
                if data["event"] == "SubscribeToJob":
                    replies += 1
                    assert data["group"].startswith("user:")
                elif "sequence" in data:
                    seen.append(data["sequence"])
            assert [update["sequence"] for update in log] == seen


async def test_a_socket_whose_token_is_not_of_this_app_is_refused() -> None:
    async with live_app() as app:
        for user in (None, "somebody"):
            token = app.stand_in.client_token(HUB, sub=user)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with app.http.ws_connect(
                    f"{app.stand_in.endpoint}/client/hubs/{HUB}?access_token={token}"
                ):
                    pass
            assert refused.value.status == 401
        assert await no_connections(app)


async def test_a_plain_websocket_receives_but_its_messages_are_no_events_of_ours() -> None:
    async with live_app() as app:
        job_id = await of_a_colleague(app)
        url = (await app.call("POST", f"job/{job_id}/negotiate"))["url"]
        async with app.http.ws_connect(url) as socket:
            await socket.send_str("SubscribeToJob")
            reply = json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))
            assert reply["error"]["code"] == "unknown_event"
            await run(app)
            sequence = 1
            while sequence < (await app.world.job(job_id)).sequence:
                update = json.loads(await socket.receive_str(timeout=LIMIT_SECONDS))
                sequence = update.get("sequence", sequence)
