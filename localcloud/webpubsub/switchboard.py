"""All hubs with their live sockets: delivery, closing, and keeping reliable connections for recovery."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from aiohttp import WSCloseCode, web

from localcloud.webpubsub.hub import Connection, Hub
from localcloud.webpubsub.link import Link, Pace
from localcloud.webpubsub.outbox import OutboxFullError
from localcloud.webpubsub.payloads import Frame, Message, disconnected_frame

Departure = Callable[[Connection, str], None]
"""Told once about every connection that is gone for good, with the reason."""

_log = logging.getLogger(__name__)


class Switchboard:
    """Connects the pure hubs with the sockets.

    A reliable connection whose socket breaks without a close frame stays in its hub and collects messages for
    `retention` seconds; every other end of a socket ends the connection.
    """

    def __init__(self, *, retention: float, ack_latency: float, pace: Pace, on_departure: Departure) -> None:
        self._retention = retention
        self._ack_latency = ack_latency
        self._pace = pace
        self._on_departure = on_departure
        self._hubs: dict[str, Hub] = {}
        self._links: dict[str, Link] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}

    @property
    def live(self) -> int:
        """How many connections have a socket now."""
        return len(self._links)

    def hub(self, name: str) -> Hub:
        """The hub with this name; hubs come into being on first use, as in the service."""
        return self._hubs.setdefault(name, Hub(name))

    def attach(self, connection: Connection, socket: web.WebSocketResponse, request: web.Request) -> Link:
        """Makes a socket the live one of a connection, in place of an older one that may still be open."""
        if (replaced := self._links.pop(connection.id, None)) is not None:
            replaced.abort()
        if (expiry := self._expiries.pop(connection.id, None)) is not None:
            expiry.cancel()
        link = Link(socket=socket, request=request, outbox=connection.outbox, pace=self._pace)
        self._links[connection.id] = link
        return link

    def detach(self, connection: Connection, link: Link, *, clean: bool) -> None:
        """Takes note that a socket ended; `clean` says that the client sent a close frame."""
        if self._links.get(connection.id) is not link:
            return
        del self._links[connection.id]
        if clean or not connection.subprotocol.reliable:
            self._remove(
                connection, "The client closed the connection." if clean else "The connection was lost."
            )
            return
        self._expiries[connection.id] = asyncio.get_running_loop().call_later(
            self._retention, self._remove, connection, "The connection was not recovered in time."
        )

    def recoverable(self, hub: Hub, connection_id: str, token: str) -> Connection | None:
        """The connection that this id and secret may take over, or None."""
        connection = hub.get(connection_id)
        if connection is None or connection.reconnection_token is None:
            return None
        genuine = hmac.compare_digest(connection.reconnection_token.encode(), token.encode())
        return connection if genuine else None

    def deliver(self, receivers: Iterable[Connection], message: Message) -> None:
        """Queues a message for each receiver; one that cannot take it is closed, the others are not affected."""
        for connection in receivers:
            try:
                connection.outbox.push_message(message)
            except OutboxFullError as error:
                self._overflowed(connection, error)
            else:
                self._wake(connection)

    def answer(self, connection: Connection, frame: Frame) -> None:
        """Queues a control frame for one connection."""
        try:
            connection.outbox.push_control(frame)
        except OutboxFullError as error:
            self._overflowed(connection, error)
        else:
            self._wake(connection)

    def acknowledge(self, connection: Connection, frame: Frame) -> None:
        """Queues an ack after `ack_latency`.

        The synchronous official client starts to wait for an ack only after its send returned. An ack that is
        faster than that is lost on it, and the call blocks for 30 s; no real network is that fast.
        """
        asyncio.get_running_loop().call_later(self._ack_latency, self.answer, connection, frame)

    def close(self, connection: Connection, reason: str) -> None:
        """Ends a connection for good: a `disconnected` frame, then close code 1008.

        Code 1008 tells the official clients not to try to recover a connection that no longer exists.
        """
        if not self._remove(connection, reason):
            return
        self._say_goodbye(connection, reason, code=WSCloseCode.POLICY_VIOLATION)

    def drop(self, connection: Connection) -> bool:
        """Cuts the live socket of a connection as a network failure would; False where there is none."""
        link = self._links.get(connection.id)
        if link is None:
            return False
        link.abort()
        return True

    async def shut_down(self) -> None:
        """Closes every socket with code 1001 (going away) and waits until that is done."""
        for expiry in self._expiries.values():
            expiry.cancel()
        links = list(self._links.values())
        for hub in self._hubs.values():
            for connection in hub.everyone():
                self._remove(connection, "The service is stopping.")
                self._say_goodbye(connection, "The service is stopping.", code=WSCloseCode.GOING_AWAY)
        await asyncio.gather(*(link.ended() for link in links))

    def _overflowed(self, connection: Connection, error: OutboxFullError) -> None:
        _log.warning("closing connection %s: %s", connection.id, error)
        connection.outbox.clear()
        self.close(connection, str(error))

    def _say_goodbye(self, connection: Connection, reason: str, *, code: int) -> None:
        link = self._links.pop(connection.id, None)
        if link is None:
            return
        with suppress(OutboxFullError):  # a client that reads nothing learns the reason from the close frame
            connection.outbox.push_control(disconnected_frame(reason))
        link.finish(code=code, reason=reason)

    def _wake(self, connection: Connection) -> None:
        if (link := self._links.get(connection.id)) is not None:
            link.wake()

    def _remove(self, connection: Connection, reason: str) -> bool:
        if (expiry := self._expiries.pop(connection.id, None)) is not None:
            expiry.cancel()
        if not self.hub(connection.hub).remove(connection):
            return False
        self._on_departure(connection, reason)
        return True
