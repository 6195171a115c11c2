"""The upstream event handler: blocking connect and user events, asynchronous connected and disconnected."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import aiohttp

from localcloud.webpubsub.cloudevents import (
    STATE_HEADER,
    ConnectReply,
    EventSource,
    ReplyError,
    event_headers,
    parse_connect_reply,
    parse_event_reply,
)
from localcloud.webpubsub.hub import Connection
from localcloud.webpubsub.payloads import Payload, content_type_of

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_FLUSH_SECONDS = 2.0
_JSON = "application/json; charset=utf-8"

_log = logging.getLogger(__name__)


class EventHandlerError(Exception):
    """The event handler could not be reached, or failed."""


class ConnectRefusedError(Exception):
    """The event handler refused a client; status and body are for the client."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"The event handler refused the connection with status {status}.")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    content_type: str
    body: bytes
    state: str | None

    @property
    def succeeded(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class EventHandler:
    """Sends the events of one hub to one URL.

    Before the first event the URL has to allow the deliveries (CloudEvents abuse protection: OPTIONS with
    `WebHook-Request-Origin`). Connected and disconnected events go out one by one in the order in which they
    happened; their failures are logged and change nothing.
    """

    def __init__(self, *, url: str, keys: Sequence[str], origin: str, now: Callable[[], datetime]) -> None:
        self._url = url
        self._keys = keys
        self._origin = origin
        self._now = now
        self._allowed = False
        self._client = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._announcements: asyncio.Queue[tuple[EventSource, str, bytes]] = asyncio.Queue()
        self._announcer = asyncio.create_task(self._announce())

    async def close(self) -> None:
        """Gives waiting announcements a moment, then stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._announcements.join(), _FLUSH_SECONDS)
        self._announcer.cancel()
        await asyncio.wait([self._announcer])
        await self._client.close()

    async def connect(self, source: EventSource, body: bytes) -> ConnectReply:
        """Asks whether a client may connect, and as whom.

        Raises:
            ConnectRefusedError: Answered with 4xx.
            EventHandlerError: Unreachable, or any other answer.
        """
        answer = await self._send(source, kind="sys", name="connect", content_type=_JSON, body=body)
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ConnectRefusedError(answer.status, answer.body.decode(errors="replace"))
        if not answer.succeeded:
            raise EventHandlerError(f"The event handler answered the connect event with {answer.status}.")
        try:
            return parse_connect_reply(answer.body, answer.state)
        except ReplyError as error:
            raise EventHandlerError(str(error)) from error

    async def user_event(self, connection: Connection, name: str, payload: Payload) -> Payload | None:
        """Hands a client's event over and returns the reply for the client, if there is one.

        Raises:
            EventHandlerError: Unreachable, or not answered with 2xx.
        """
        answer = await self._send(
            source_of(connection),
            kind="user",
            name=name,
            content_type=content_type_of(payload),
            body=payload.body,
        )
        if not answer.succeeded:
            raise EventHandlerError(f"The event handler answered with status {answer.status}.")
        if answer.state is not None:
            connection.state = answer.state
        try:
            return parse_event_reply(answer.content_type, answer.body)
        except ReplyError as error:
            raise EventHandlerError(str(error)) from error

    def announce_connected(self, connection: Connection) -> None:
        """Queues the connected event."""
        self._announcements.put_nowait((source_of(connection), "connected", b"{}"))

    def announce_disconnected(self, connection: Connection, reason: str) -> None:
        """Queues the disconnected event."""
        body = json.dumps({"reason": reason}).encode()
        self._announcements.put_nowait((source_of(connection), "disconnected", body))

    async def _announce(self) -> None:
        while True:
            source, name, body = await self._announcements.get()
            try:
                answer = await self._send(source, kind="sys", name=name, content_type=_JSON, body=body)
                if not answer.succeeded:
                    _log.warning("the event handler answered the %s event with %d", name, answer.status)
            except EventHandlerError as error:
                _log.warning("the %s event was not delivered: %s", name, error)
            finally:
                self._announcements.task_done()

    async def _send(
        self, source: EventSource, *, kind: str, name: str, content_type: str, body: bytes
    ) -> _Answer:
        headers = event_headers(
            source,
            kind=kind,
            name=name,
            event_id=str(uuid.uuid4()),
            time=self._now(),
            keys=self._keys,
            origin=self._origin,
        )
        headers["Content-Type"] = content_type
        try:
            await self._ask_permission()
            async with self._client.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _Answer(
                    status=response.status,
                    content_type=response.content_type,
                    body=await response.read(),
                    state=response.headers.get(STATE_HEADER),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise EventHandlerError(f"The event handler could not be reached: {reason}") from error

    async def _ask_permission(self) -> None:
        if self._allowed:
            return
        request = self._client.options(self._url, headers={"WebHook-Request-Origin": self._origin})
        async with request as response:
            allowed = response.headers.get("WebHook-Allowed-Origin", "")
            origins = {origin.strip() for origin in allowed.split(",")}
            if not response.ok or not origins & {"*", self._origin}:
                raise EventHandlerError(
                    f"The event handler does not allow deliveries: OPTIONS was answered with status "
                    f"{response.status} and WebHook-Allowed-Origin {allowed!r}."
                )
        self._allowed = True


def source_of(connection: Connection) -> EventSource:
    """The connection as events describe it now."""
    return EventSource(
        hub=connection.hub,
        connection_id=connection.id,
        user_id=connection.user_id,
        subprotocol=connection.subprotocol,
        state=connection.state,
    )
