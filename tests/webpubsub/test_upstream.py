"""Client events at an event handler: a small CloudEvents receiver plays the application."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.webpubsub.support import (
    JSON,
    KEY,
    LIMIT_SECONDS,
    RELIABLE,
    Client,
    StandIn,
    connected,
    eventually,
    socket_to,
    started,
)

HUB = "contentjobs"
Answer = Callable[[], web.Response]


@dataclass(slots=True)
class Handler:
    """The application's side: answers by event type, and remembers what came."""

    allowed_origin: str = "*"
    answers: dict[str, Answer] = field(default_factory=dict)
    events: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)

    async def allow(self, request: web.Request) -> web.Response:
        self.origins.append(request.headers["WebHook-Request-Origin"])
        return web.Response(headers={"WebHook-Allowed-Origin": self.allowed_origin})

    async def receive(self, request: web.Request) -> web.Response:
        kind = request.headers["ce-type"].removeprefix("azure.webpubsub.")
        self.events.append((kind, dict(request.headers), await request.read()))
        return self.answers.get(kind, web.Response)()

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]

    def headers_of(self, kind: str) -> dict[str, str]:
        return next(headers for seen, headers, _ in self.events if seen == kind)

    def body_of(self, kind: str) -> bytes:
        return next(body for seen, _, body in self.events if seen == kind)


@pytest.fixture
async def handler() -> Handler:
    return Handler()


@asynccontextmanager
async def serving(handler: Handler, **settings: Any) -> AsyncIterator[StandIn]:
    """The stand-in with this event handler."""
    application = web.Application()
    application.add_routes([web.options("/events", handler.allow), web.post("/events", handler.receive)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    server = started(upstream=upstream, **settings)
    running = await asyncio.to_thread(server.__enter__)
    yield running
    await asyncio.to_thread(server.__exit__, None, None, None)
    await runner.cleanup()


@pytest.fixture
async def stand_in(handler: Handler) -> AsyncIterator[StandIn]:
    async with serving(handler) as server:
        yield server


async def event(client: Client, data: object = "d", data_type: str = "text") -> dict[str, Any]:
    return await client.ask(type="event", event="Subscribe", dataType=data_type, data=data, ackId=1)


async def refused_with(stand_in: StandIn) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(stand_in, HUB):
            pass
    return refused.value.status


async def test_the_life_of_a_client_is_told_in_order_and_signed(stand_in: StandIn, handler: Handler) -> None:
    async with connected(stand_in, HUB, user="ünï", roles=["r"]) as client:
        assert (await event(client))["success"]
    await eventually(lambda: seen(handler, "sys.disconnected"))
    assert handler.kinds() == ["sys.connect", "sys.connected", "user.Subscribe", "sys.disconnected"]
    assert handler.origins == ["127.0.0.1"]
    expected = hmac.new(KEY.encode(), client.id.encode(), hashlib.sha256).hexdigest()
    for _, headers, _ in handler.events:
        assert headers["ce-signature"] == f"sha256={expected}"
        assert (headers["ce-hub"], headers["ce-connectionId"]) == (HUB, client.id)
        assert (headers["ce-specversion"], headers["ce-userId"]) == ("1.0", "%C3%BCn%C3%AF")
        assert headers["WebHook-Request-Origin"] == "127.0.0.1"
    assert len({headers["ce-id"] for _, headers, _ in handler.events}) == 4
    asked = json.loads(handler.body_of("sys.connect"))
    assert asked["subprotocols"] == ["json.reliable.webpubsub.azure.v1"]
    assert asked["claims"]["role"] == ["r"]
    assert "access_token" not in asked["query"]
    assert json.loads(handler.body_of("sys.disconnected"))["reason"]


async def seen(handler: Handler, kind: str) -> bool:
    return kind in handler.kinds()


async def test_events_are_signed_with_both_keys_while_keys_are_replaced(handler: Handler) -> None:
    second = "the-second-key-is-long-enough-for-hs256-too"
    async with serving(handler, secondary_key=second) as server:
        async with connected(server, HUB) as client:
            digests = [
                hmac.new(k.encode(), client.id.encode(), hashlib.sha256).hexdigest() for k in (KEY, second)
            ]
        assert handler.headers_of("sys.connect")["ce-signature"] == ",".join(f"sha256={d}" for d in digests)


async def test_the_handler_decides_user_groups_roles_and_state(stand_in: StandIn, handler: Handler) -> None:
    decision = {"userId": "boss", "groups": ["g"], "roles": ["webpubsub.joinLeaveGroup.h"]}
    handler.answers["sys.connect"] = lambda: web.json_response(
        decision, headers={"ce-connectionState": "b25l"}
    )
    handler.answers["user.Subscribe"] = lambda: web.Response(headers={"ce-connectionState": "dHdv"})
    async with connected(stand_in, HUB, user="ann") as client, stand_in.async_service(HUB) as service:
        assert client.connected["userId"] == "boss"
        assert (await client.ask(type="joinGroup", group="h", ackId=9))["success"]
        await service.send_to_group("g", 1)
        assert (await client.receive())["data"] == 1
        await event(client)
    await eventually(lambda: seen(handler, "sys.disconnected"))
    kinds = ("sys.connected", "user.Subscribe", "sys.disconnected")
    states = [handler.headers_of(kind)["ce-connectionState"] for kind in kinds]
    assert states == ["b25l", "b25l", "dHdv"]


async def test_the_handler_may_choose_among_the_offered_subprotocols(
    stand_in: StandIn, handler: Handler
) -> None:
    handler.answers["sys.connect"] = lambda: web.json_response({"subprotocol": JSON})
    path = f"/client/hubs/{HUB}?access_token={stand_in.client_token(HUB)}"
    async with socket_to(stand_in, path, subprotocols=[RELIABLE, JSON]) as client:
        assert client.socket.protocol == JSON
    assert await refused_with(stand_in) == 500


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: web.Response(status=403, text="no"), 403),
        (lambda: web.Response(status=500), 500),
        (lambda: web.Response(text="not json"), 500),
        (lambda: web.json_response([]), 500),
        (lambda: web.json_response({"groups": "g"}), 500),
        (lambda: web.json_response({"userId": 1}), 500),
    ],
)
async def test_a_client_that_the_handler_does_not_accept_is_refused(
    stand_in: StandIn, handler: Handler, answer: Answer, status: int
) -> None:
    handler.answers["sys.connect"] = answer
    assert await refused_with(stand_in) == status
    assert handler.kinds() == ["sys.connect"]


async def test_nothing_is_sent_to_a_handler_that_does_not_allow_it(
    stand_in: StandIn, handler: Handler
) -> None:
    handler.allowed_origin = "other.example"
    assert await refused_with(stand_in) == 500
    assert handler.kinds() == []
    handler.allowed_origin = "other.example, 127.0.0.1"
    async with connected(stand_in, HUB):
        pass


@pytest.mark.parametrize(
    ("data_type", "data", "as_http"),
    [
        ("text", "ü", ("text/plain", "ü".encode())),
        ("json", {"a": [1]}, ("application/json", b'{"a":[1]}')),
        ("binary", "AP8=", ("application/octet-stream", b"\x00\xff")),
    ],
)
async def test_an_event_travels_as_its_data_type_and_so_does_the_reply(
    stand_in: StandIn, handler: Handler, data_type: str, data: object, as_http: tuple[str, bytes]
) -> None:
    content_type, body = as_http
    handler.answers["user.Subscribe"] = lambda: web.Response(body=body, content_type=content_type)
    async with connected(stand_in, HUB) as client:
        reply = await event(client, data, data_type)
        assert (reply["from"], reply["dataType"], reply["data"]) == ("server", data_type, data)
        assert (await client.receive())["success"]
    assert handler.headers_of("user.Subscribe")["Content-Type"].partition(";")[0] == content_type
    assert handler.body_of("user.Subscribe") == body


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=302, headers={"Location": "/events"}),
        lambda: web.Response(text="<p>", content_type="text/html"),
        lambda: web.Response(body=b"{", content_type="application/json"),
    ],
)
async def test_an_event_that_the_handler_fails_is_acknowledged_as_an_error(
    stand_in: StandIn, handler: Handler, answer: Answer
) -> None:
    handler.answers["user.Subscribe"] = answer
    async with connected(stand_in, HUB) as client:
        ack = await event(client)
        assert (ack["success"], ack["error"]["name"]) == (False, "InternalServerError")
        handler.answers.clear()
        assert (await event(client))["success"]


async def test_a_plain_client_talks_to_the_handler_in_bare_payloads(
    stand_in: StandIn, handler: Handler
) -> None:
    handler.answers["user.message"] = lambda: web.Response(text="pong")
    path = f"/client/hubs/{HUB}?access_token={stand_in.client_token(HUB)}"
    async with socket_to(stand_in, path, subprotocols=[]) as client:
        await client.socket.send_str("ping")
        assert await client.socket.receive_str(timeout=LIMIT_SECONDS) == "pong"
        handler.answers["user.message"] = lambda: web.Response(status=500)
        await client.socket.send_bytes(b"\x00")
        assert await client.closed_with() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_only_the_hub_of_the_handler_is_told(stand_in: StandIn, handler: Handler) -> None:
    async with connected(stand_in, "other") as client:
        assert not (await event(client))["success"]
    assert handler.kinds() == []


async def test_a_handler_that_is_not_there_refuses_connections_and_does_not_stop_the_server() -> None:
    with started(upstream="http://127.0.0.1:1/events") as server:
        assert await refused_with(server) == 500
        async with connected(server, "other"):
            pass
