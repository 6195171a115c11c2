"""Sockets for the flows, on Microsoft's own Web PubSub client (the extra ``realtime``). Without it there are none.

The client itself recovers a connection that was cut (``json.reliable``); a connection that is lost for good is
reported, and the flow negotiates another.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from typing import Any, Literal, TypeAlias

from content_architect_client.models import Event

Protocol: TypeAlias = Literal["json", "reliable"]
_OPEN_SECONDS = 10.0
"""A socket that is lost while it opens says nothing: the official client waits for so long."""

_log = logging.getLogger("content_architect_client")


def _options(protocol: Protocol) -> dict[str, Any]:
    from azure.messaging.webpubsubclient.models import WebPubSubProtocolType as Kind

    chosen = Kind.JSON_RELIABLE if protocol == "reliable" else Kind.JSON
    return {"protocol_type": chosen, "reconnect_retry_total": 0, "start_timeout": _OPEN_SECONDS}


class JobSocket:
    """A socket whose messages wait until they are asked for. ``protocol``: see docs/realtime.md."""

    def __init__(self, protocol: Protocol = "reliable") -> None:
        self._protocol = protocol
        self._inbox: queue.SimpleQueue[Event | Literal[False]] = queue.SimpleQueue()
        self._client: Any = None

    def open(self, url: str) -> bool:
        """Whether it is open. False too where the extra is not installed."""
        try:
            from azure.messaging.webpubsubclient import WebPubSubClient
            from azure.messaging.webpubsubclient.models import CallbackType, OpenClientError
        except ImportError:
            return False
        inbox = self._inbox = queue.SimpleQueue()  # what an earlier socket left says nothing about this one
        self._client = WebPubSubClient(url, **_options(self._protocol))
        for kind in (CallbackType.GROUP_MESSAGE, CallbackType.SERVER_MESSAGE):
            self._client.subscribe(kind, lambda message: inbox.put(message.data))
        for kind in (CallbackType.DISCONNECTED, CallbackType.STOPPED):
            self._client.subscribe(kind, lambda *_: inbox.put(False))
        try:
            self._client.open()
        except (OpenClientError, OSError) as error:
            _log.info("no socket", extra={"reason": str(error)})
            self._client = None
        return self._client is not None

    def receive(self, seconds: float) -> Event | Literal[False] | None:
        """An event, None after so many quiet seconds, False when the socket is gone."""
        try:
            return self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Close it, if it is open."""
        if self._client is not None:
            self._client.close()
            self._client = None


class AsyncJobSocket:
    """The same, asynchronous."""

    def __init__(self, protocol: Protocol = "reliable") -> None:
        self._protocol = protocol
        self._inbox: asyncio.Queue[Event | Literal[False]] = asyncio.Queue()
        self._client: Any = None

    async def open(self, url: str) -> bool:
        """Whether it is open. False too where the extra is not installed."""
        try:
            from azure.messaging.webpubsubclient.aio import WebPubSubClient
            from azure.messaging.webpubsubclient.models import CallbackType, OpenClientError
        except ImportError:
            return False

        inbox = self._inbox = asyncio.Queue()  # what an earlier socket left says nothing about this one

        async def keep(message: Any) -> None:
            await inbox.put(message.data)

        async def gone(*_: Any) -> None:
            await inbox.put(False)

        self._client = WebPubSubClient(url, **_options(self._protocol))
        for kind in (CallbackType.GROUP_MESSAGE, CallbackType.SERVER_MESSAGE):
            await self._client.subscribe(kind, keep)
        for kind in (CallbackType.DISCONNECTED, CallbackType.STOPPED):
            await self._client.subscribe(kind, gone)
        try:
            await self._client.open()
        except (OpenClientError, OSError) as error:
            _log.info("no socket", extra={"reason": str(error)})
            self._client = None
        return self._client is not None

    async def receive(self, seconds: float) -> Event | Literal[False] | None:
        """An event, None after so many quiet seconds, False when the socket is gone."""
        try:
            async with asyncio.timeout(seconds):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Close it, if it is open."""
        if self._client is not None:
            await self._client.close()
            self._client = None
