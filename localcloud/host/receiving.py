"""What the Service Bus listener needs of a broker: a small port, so that it can be tested without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from localcloud.host.servicebus_datums import MessageData


class BrokerError(Exception):
    """The broker could not be reached or refused; the same may work later."""


class EntityRefusedError(BrokerError):
    """The queue does not exist or the credentials do not reach it; somebody has to change something."""


class LockLostError(BrokerError):
    """The lock of the message is gone; the broker delivers it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A queue or a subscription, or the dead-letter queue of one."""

    queue: str | None = None
    topic: str | None = None
    subscription: str | None = None

    @property
    def path(self) -> str:
        """The name for log lines."""
        return self.queue or f"{self.topic}/Subscriptions/{self.subscription}"


class Delivery(Protocol):
    """One locked message."""

    @property
    def data(self) -> MessageData:
        """The message as a function sees it.

        Raises:
            ValueError: the body has a form that functions cannot get.
        """
        ...

    @property
    def handle(self) -> Any:
        """The broker client's own object."""
        ...


class MessageReceiver(Protocol):
    """A PeekLock receiver on one entity. Each method raises :class:`BrokerError` when the broker fails."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        """Wait for at least one message, at most that many seconds; return what came, possibly nothing."""
        ...

    async def complete(self, delivery: Delivery) -> None:
        """Remove a message."""
        ...

    async def abandon(self, delivery: Delivery) -> None:
        """Give a message back at once; its delivery count rises."""
        ...

    async def renew(self, delivery: Delivery) -> datetime:
        """Extend the lock and return its new end."""
        ...

    async def close(self) -> None:
        """Disconnect; messages that were received but not handed out go back unchanged."""
        ...


class ReceiverFactory(Protocol):
    """Makes receivers for one entity."""

    def __call__(self) -> MessageReceiver:
        """Return a new receiver that is not open yet."""
        ...
