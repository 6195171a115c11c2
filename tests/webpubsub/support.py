"""What the tests of the Web PubSub stand-in share: a server in a thread, tokens, and a plain WebSocket client."""

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncServiceClient

from localcloud.webpubsub.server import ServerSettings, running

KEY = "a-key-for-tests-that-is-long-enough-for-hs256"
JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    port: int
    connection_string: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def service(self, hub: str) -> WebPubSubServiceClient:
        return WebPubSubServiceClient.from_connection_string(self.connection_string, hub=hub, retry_total=0)

    def async_service(self, hub: str) -> AsyncServiceClient:
        return AsyncServiceClient.from_connection_string(self.connection_string, hub=hub, retry_total=0)

    def client_token(self, hub: str, **changes: Any) -> str:
        """A good client token, or one with some claims changed; None takes a claim out."""
        claims = {
            "aud": f"{self.endpoint}/client/hubs/{hub}",
            "exp": datetime.now(UTC) + timedelta(minutes=1),
            **changes,
        }
        return jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, "HS256")

    def rest_headers(self, url: str, **changes: Any) -> dict[str, str]:
        claims = {"aud": url, "exp": datetime.now(UTC) + timedelta(minutes=1), **changes}
        return {"Authorization": f"Bearer {jwt.encode(claims, KEY, 'HS256')}"}


@contextlib.contextmanager
def started(**settings: Any) -> Iterator[StandIn]:
    """Runs the stand-in on a thread of its own, so that blocking clients can talk to it as well."""
    loop = asyncio.new_event_loop()
    ready: Any = threading.Event()
    stop = asyncio.Event()
    found: list[StandIn] = []

    async def serve() -> None:
        async with running(ServerSettings(key=KEY, **settings)) as server:
            found.append(StandIn(port=server.port, connection_string=server.connection_string))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(LIMIT_SECONDS), "the stand-in did not start"
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(LIMIT_SECONDS)
        loop.close()


class Client:
    """A WebSocket client that knows no protocol: it shows every frame as it comes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.connected: dict[str, Any] = {}

    @property
    def id(self) -> str:
        return str(self.connected["connectionId"])

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        frame = json.loads(await self.socket.receive_str(timeout=LIMIT_SECONDS))
        assert isinstance(frame, dict)
        return frame

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Sends a request and returns the next frame, which is its ack where nothing else is on the way."""
        await self.send(**frame)
        return await self.receive()

    async def settled(self) -> list[dict[str, Any]]:
        """Everything that the server sent before it answered a ping."""
        await self.send(type="ping")
        frames: list[dict[str, Any]] = []
        while (frame := await self.receive())["type"] != "pong":
            frames.append(frame)
        return frames

    async def closed_with(self) -> int | None:
        """Reads to the end and returns the close code."""
        async with asyncio.timeout(LIMIT_SECONDS):
            async for _ in self.socket:
                pass
        return self.socket.close_code

    def cut(self) -> None:
        """Loses the network: no close frame."""
        transport = self.socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]


@contextlib.asynccontextmanager
async def socket_to(
    stand_in: StandIn, path: str, *, subprotocols: Sequence[str] = (RELIABLE,), **headers: str
) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{stand_in.endpoint}{path}", protocols=subprotocols, headers=headers) as socket,
    ):
        yield Client(socket)


@contextlib.asynccontextmanager
async def connected(
    stand_in: StandIn,
    hub: str,
    *,
    user: str | None = None,
    roles: Sequence[str] | str = (),
    groups: Sequence[str] = (),
    subprotocol: str = RELIABLE,
) -> AsyncIterator[Client]:
    """A client of a JSON subprotocol, past its `connected` frame."""
    claims = {"sub": user, "role": roles or None, "webpubsub.group": list(groups) or None}
    path = f"/client/hubs/{hub}?access_token={stand_in.client_token(hub, **claims)}"
    async with socket_to(stand_in, path, subprotocols=[subprotocol]) as client:
        client.connected = await client.receive()
        yield client


def recovery_path(hub: str, client: Client, **changes: str) -> str:
    identity = changes.get("connection_id", client.id)
    token = changes.get("token", client.connected["reconnectionToken"])
    return f"/client/hubs/{hub}?awps_connection_id={identity}&awps_reconnection_token={token}"


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Waits until the condition holds, within the time limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


def eventually_sync(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def fresh_hub() -> str:
    """A hub that no other test uses."""
    return f"hub{uuid.uuid4().hex}"
