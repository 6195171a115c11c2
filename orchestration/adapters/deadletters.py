"""The dead-letter queues through the official Service Bus client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import ServiceBusError

from orchestration.errors import QueueUnavailable
from orchestration.management.letters import DeadLetter, Handler
from orchestration.messages import Delivery

CALL_TIMEOUT = 20.0
_TAKEN_AT_ONCE = 50
_WAIT = 1.0
"""Seconds without a letter after which the queue counts as empty."""


class ServiceBusDeadLetters:
    """Looks through long-lived receivers, takes through short-lived ones: locks end with them."""

    def __init__(self, connect: Callable[[], ServiceBusClient]) -> None:
        self._connect = connect
        self._client: ServiceBusClient | None = None
        self._receivers: dict[str, ServiceBusReceiver] = {}
        self._lock = asyncio.Lock()

    async def peek(self, queue: str, *, after: int, limit: int) -> list[DeadLetter]:
        """Peek; the SDK's receivers are not concurrent."""
        async with _translated(queue):
            try:
                async with asyncio.timeout(CALL_TIMEOUT), self._lock:
                    if queue not in self._receivers:
                        self._receivers[queue] = self._receiver(queue)
                    found = await self._receivers[queue].peek_messages(limit, sequence_number=after + 1)
            except (ServiceBusError, TimeoutError, OSError, ValueError):
                await self._forget(queue)
                raise
        return [_letter(queue, message) for message in found]

    async def settle(self, queue: str, handler: Handler, *, limit: int) -> int:
        """Receive under lock, complete what is done, give the rest back at the end."""
        kept: list[ServiceBusReceivedMessage] = []
        removed = 0
        async with _translated(queue), self._receiver(queue) as receiver:
            try:
                async for message in _received(receiver, limit, kept):
                    if await handler(_letter(queue, message)):
                        await receiver.complete_message(message)
                        kept.remove(message)
                        removed += 1
                    if handler.done:
                        break
            finally:
                for message in kept:
                    await receiver.abandon_message(message)
        return removed

    async def close(self) -> None:
        """Close the receivers and the client."""
        for queue in list(self._receivers):
            await self._forget(queue)
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _receiver(self, queue: str) -> ServiceBusReceiver:
        if self._client is None:
            self._client = self._connect()
        return self._client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    async def _forget(self, queue: str) -> None:
        """Drop a receiver, so that the next look opens a new one."""
        receiver = self._receivers.pop(queue, None)
        if receiver is None:
            return
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                await receiver.close()
        except (ServiceBusError, TimeoutError, OSError):
            return  # it was broken already; the new one is what matters


async def _received(
    receiver: ServiceBusReceiver, limit: int, held: list[ServiceBusReceivedMessage]
) -> AsyncIterator[ServiceBusReceivedMessage]:
    """Messages one by one, each once; all that are under lock are in ``held``."""
    seen: set[int] = set()
    while len(seen) < limit:
        wanted = min(_TAKEN_AT_ONCE, limit - len(seen))
        batch = await receiver.receive_messages(max_message_count=wanted, max_wait_time=_WAIT)
        held += batch
        fresh = [message for message in batch if message.sequence_number not in seen]
        if not fresh:
            return
        for message in fresh:
            seen.add(message.sequence_number or 0)
            yield message


def _letter(queue: str, message: ServiceBusReceivedMessage) -> DeadLetter:
    properties = {_text(name): _text(value) for name, value in (message.application_properties or {}).items()}
    return DeadLetter(
        sequence_number=message.sequence_number or 0,
        delivery=Delivery(
            queue=queue,
            message_id=message.message_id or "",
            delivery_count=message.delivery_count or 0,
            body=_body(message),
            properties=properties,
        ),
        reason=message.dead_letter_reason or "",
        description=message.dead_letter_error_description or "",
        enqueued_at=message.enqueued_time_utc,
    )


def _body(message: ServiceBusReceivedMessage) -> bytes:
    if message.body_type is AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    return str(message.body).encode()


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@asynccontextmanager
async def _translated(queue: str) -> AsyncIterator[None]:
    try:
        yield
    except (ServiceBusError, TimeoutError, OSError, ValueError) as error:
        raise QueueUnavailable(
            f"the dead-letter queue of {queue} does not answer: {type(error).__name__}"
        ) from error
