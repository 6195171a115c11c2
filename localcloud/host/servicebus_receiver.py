"""The receiving port on top of ``azure-servicebus``: one SDK receiver, its errors translated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from localcloud.host.connections import BrokerClient
from localcloud.host.receiving import BrokerError, Delivery, Entity, EntityRefusedError, LockLostError
from localcloud.host.servicebus_datums import MessageData

_DEAD_LETTER_SUFFIX = "/$deadletterqueue"
_REFUSED = (
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)


class SdkDelivery:
    """A received SDK message."""

    def __init__(self, message: ServiceBusReceivedMessage) -> None:
        self.handle: Any = message

    @property
    def data(self) -> MessageData:
        """The message as a function sees it."""
        return message_data(self.handle)


class SdkReceiver:
    """A :class:`~localcloud.host.receiving.MessageReceiver` on the official client."""

    def __init__(self, client: BrokerClient, entity: Entity, *, prefetch: int) -> None:
        self._client = client
        self._entity = entity
        self._prefetch = prefetch
        self._receiver: ServiceBusReceiver | None = None

    async def open(self) -> None:
        """Connect."""
        await self._client.check_identity()
        receiver = _make_receiver(self._client.client, self._entity, self._prefetch)
        self._receiver = receiver
        with _translated():
            await receiver.__aenter__()

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """Wait for messages."""
        with _translated():
            messages = await self._opened().receive_messages(max_message_count=limit, max_wait_time=wait_s)
        return [SdkDelivery(message) for message in messages]

    async def complete(self, delivery: Delivery) -> None:
        """Remove a message."""
        with _translated():
            await (await self._reopened()).complete_message(delivery.handle)

    async def abandon(self, delivery: Delivery) -> None:
        """Give a message back."""
        with _translated():
            await (await self._reopened()).abandon_message(delivery.handle)

    async def renew(self, delivery: Delivery) -> datetime:
        """Extend the lock."""
        with _translated():
            return await (await self._reopened()).renew_message_lock(delivery.handle)

    async def close(self) -> None:
        """Disconnect."""
        if self._receiver is None:
            return
        receiver, self._receiver = self._receiver, None
        with _translated():
            await receiver.close()

    async def _reopened(self) -> ServiceBusReceiver:
        """Connect again if the connection was lost, without which the SDK refuses to settle or renew.

        On the new connection it settles by lock token, which lives on in the broker.
        """
        return await self._opened().__aenter__()

    def _opened(self) -> ServiceBusReceiver:
        if self._receiver is None:
            raise BrokerError("the receiver is closed")
        return self._receiver


def _make_receiver(client: ServiceBusClient, entity: Entity, prefetch: int) -> ServiceBusReceiver:
    name = entity.queue or entity.subscription or ""
    dead_letters = name.lower().endswith(_DEAD_LETTER_SUFFIX)
    options: Mapping[str, Any] = {
        "receive_mode": ServiceBusReceiveMode.PEEK_LOCK,
        "prefetch_count": prefetch,
        "sub_queue": ServiceBusSubQueue.DEAD_LETTER if dead_letters else None,
    }
    if dead_letters:
        name = name[: -len(_DEAD_LETTER_SUFFIX)]
    if entity.queue is not None:
        return client.get_queue_receiver(name, **options)
    return client.get_subscription_receiver(str(entity.topic), name, **options)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (MessageLockLostError, MessageAlreadySettled) as error:
        raise LockLostError(str(error)) from error
    except _REFUSED as error:
        raise EntityRefusedError(str(error)) from error
    except (ServiceBusError, OSError, ValueError) as error:
        # The SDK raises ValueError when it finds its connection closed before it sends anything.
        raise BrokerError(f"{type(error).__name__}: {error}") from error


def message_data(message: ServiceBusReceivedMessage) -> MessageData:
    """Read the parts of an SDK message.

    Raises:
        ValueError: the body is an AMQP value or sequence, which the Functions extension does not pass on either.
    """
    if message.body_type != AmqpMessageBodyType.DATA:
        raise ValueError(
            "The body of the message is an AMQP value or sequence; functions receive data bodies only."
        )
    properties: Mapping[Any, Any] = message.application_properties or {}
    return MessageData(
        body=b"".join(bytes(part) for part in message.body),
        message_id=message.message_id,
        delivery_count=message.delivery_count or 0,
        sequence_number=message.sequence_number,
        lock_token=None if message.lock_token is None else str(message.lock_token),
        locked_until=message.locked_until_utc,
        enqueued_time=message.enqueued_time_utc,
        expires_at=message.expires_at_utc,
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        subject=message.subject,
        to=message.to,
        reply_to=message.reply_to,
        reply_to_session_id=message.reply_to_session_id,
        session_id=message.session_id,
        partition_key=message.partition_key,
        dead_letter_source=message.dead_letter_source,
        application_properties={_key(key): value for key, value in properties.items()},
    )


def _key(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
