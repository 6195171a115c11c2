"""Sends messages through Azure Service Bus. Senders are long-lived: opening one takes half a second.

A sender takes one call at a time; messages that come meanwhile go together in the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError

from orchestration.adapters.group_commit import GroupCommit
from orchestration.breaker import Breaker, BreakerOpen
from orchestration.errors import QueueUnavailable
from orchestration.ports import OutgoingMessage
from orchestration.telemetry.work import sending

_log = logging.getLogger(__name__)

SEND_TIMEOUT = 10.0
"""Seconds for one send, reconnect included; a job whose message is not sent by then is the sweeper's."""

_MOST_TOGETHER = 50
"""Messages of a few hundred bytes: far below the 256 KB of one call."""


class ServiceBusQueue:
    """One client, one sender a queue, one call at a time on each (the SDK's links are not concurrent)."""

    def __init__(self, connect: Callable[[], ServiceBusClient], breaker: Breaker) -> None:
        self._connect = connect
        self._breaker = breaker
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, ServiceBusSender] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._groups: GroupCommit[ServiceBusMessage] = GroupCommit(
            send=self._send_together, together=_together, apart=lambda _: False
        )

    def prepare(self, *queues: str) -> None:
        """Begin to open these queues' senders, one after the other: each is half a second of waiting.

        Whether it works shows when a message is sent, which opens the sender anew if need be.
        """
        task = asyncio.create_task(self._open_all(queues))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def send(self, message: OutgoingMessage) -> None:
        """Send, or schedule where the message is not for now."""
        properties: dict[str | bytes, int | float | bytes | bool | str | UUID] = dict(
            message.properties.items()
        )
        if "traceparent" in message.properties:
            properties["Diagnostic-Id"] = message.properties[
                "traceparent"
            ]  # by this name the host goes on from it
        outgoing = ServiceBusMessage(
            message.body,
            message_id=message.message_id,
            content_type="application/json",
            application_properties=properties,
            scheduled_enqueue_time_utc=message.not_before,
        )
        try:
            with sending(message), self._breaker.call() as outcome:
                try:
                    await self._send(message.queue, outgoing)
                except QueueUnavailable:
                    outcome.worked = False
                    raise
                outcome.worked = True
        except BreakerOpen as refused:
            raise QueueUnavailable(f"{message.queue} takes no message: {refused}") from refused

    async def close(self) -> None:
        """Close all senders and the client."""
        for task in list(self._opening):
            task.cancel()
            await asyncio.wait({task})
        for queue in list(self._senders):
            await self._forget(queue)
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _send(self, queue: str, outgoing: ServiceBusMessage) -> None:
        """Send it, waiting for one's turn included in the time limit; it may still go out after that."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._groups.add(queue, outgoing)
        except TimeoutError as error:
            raise QueueUnavailable(f"{queue} takes no message: TimeoutError") from error

    async def _send_together(self, queue: str, group: Sequence[ServiceBusMessage]) -> None:
        """One call of the queue's sender, waiting for it included in the time limit."""
        lock, used = self._locks.setdefault(queue, asyncio.Lock()), False
        try:
            async with asyncio.timeout(SEND_TIMEOUT), lock:
                used = True
                await self._sender(queue).send_messages(group[0] if len(group) == 1 else list(group))
        except (ServiceBusError, TimeoutError, OSError, ValueError) as error:
            if used:  # a sender whose turn never came is in somebody else's use, and may be well
                await self._forget(queue)
            raise QueueUnavailable(f"{queue} takes no message: {type(error).__name__}") from error

    async def _open_all(self, queues: Sequence[str]) -> None:
        for queue in queues:
            if not await self._open(queue):
                return  # the others would fare no better

    async def _open(self, queue: str) -> bool:
        try:
            async with asyncio.timeout(SEND_TIMEOUT), self._locks.setdefault(queue, asyncio.Lock()):
                await self._sender(queue).__aenter__()
        except (ServiceBusError, TimeoutError, OSError, ValueError) as error:
            _log.info("a sender could not be opened early", extra={"reason": type(error).__name__})
            await self._forget(queue)
            return False
        return True

    def _sender(self, queue: str) -> ServiceBusSender:
        if self._client is None:
            self._client = self._connect()
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    async def _forget(self, queue: str) -> None:
        """Drop a sender that failed, so that the next message opens a new one."""
        sender = self._senders.pop(queue, None)
        if sender is None:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await sender.close()
        except (ServiceBusError, TimeoutError, OSError):
            return  # it was broken already; the new sender is what matters


def _together(waiting: Sequence[ServiceBusMessage]) -> int:
    """Messages for now share a call; one for later goes alone."""
    for number, message in enumerate(waiting[:_MOST_TOGETHER]):
        if message.scheduled_enqueue_time_utc is not None:
            return max(number, 1)
    return min(len(waiting), _MOST_TOGETHER)
