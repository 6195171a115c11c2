"""A broker in memory behind the receiving port, for the listener's tests."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from localcloud.host.clock import Clock
from localcloud.host.receiving import BrokerError, Delivery, EntityRefusedError, LockLostError
from localcloud.host.servicebus_datums import MessageData

MAX_DELIVERIES = 5


@dataclass
class FakeDelivery:
    data: MessageData
    handle: object = field(default_factory=object)


class FakeBroker:
    """One queue. What happened to each message is recorded by its body."""

    def __init__(self, clock: Clock, *, lock_s: float = 30.0) -> None:
        self._clock = clock
        self._lock = timedelta(seconds=lock_s)
        self._waiting: deque[MessageData] = deque()
        self._arrived = asyncio.Condition()
        self.down: BrokerError | None = None
        self.renewals_fail: BrokerError | None = None
        self.opened = 0
        self.connected = 0
        self.completed: list[bytes] = []
        self.abandoned: list[bytes] = []
        self.renewed: list[bytes] = []
        self.locks: dict[bytes, datetime] = {}

    async def send(self, *bodies: bytes) -> None:
        for body in bodies:
            await self.put(MessageData(body=body, message_id=body.decode(), delivery_count=0))

    async def put(self, message: MessageData) -> None:
        async with self._arrived:
            self._waiting.append(message)
            self._arrived.notify_all()

    async def cut(self, error: BrokerError | None = None) -> None:
        """Break every connection; refuse new ones until ``heal``."""
        async with self._arrived:
            self.down = error or BrokerError("connection refused")
            self._arrived.notify_all()

    def heal(self) -> None:
        self.down = None

    def refuse(self) -> None:
        self.down = EntityRefusedError("the queue does not exist")

    def receiver(self) -> "FakeReceiver":
        return FakeReceiver(self)

    async def take(self, limit: int) -> Sequence[Delivery]:
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._waiting or self.down)
            if self.down is not None:
                raise self.down
            until = self._clock.now() + self._lock
            found = [
                replace(self._waiting.popleft(), locked_until=until)
                for _ in range(min(limit, len(self._waiting)))
            ]
            self.locks |= {message.body: until for message in found}
            return [FakeDelivery(message) for message in found]

    def check_lock(self, body: bytes) -> None:
        if self.down is not None:
            raise self.down
        if self.locks[body] < self._clock.now():
            raise LockLostError("the lock has expired")

    def renew(self, body: bytes) -> datetime:
        if self.renewals_fail is not None:
            raise self.renewals_fail
        self.check_lock(body)
        self.renewed.append(body)
        self.locks[body] = self._clock.now() + self._lock
        return self.locks[body]


class FakeReceiver:
    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._is_open = False

    async def open(self) -> None:
        if self._broker.down is not None:
            raise self._broker.down
        self._is_open = True
        self._broker.opened += 1
        self._broker.connected += 1

    async def receive(self, limit: int, wait_s: float) -> Sequence[Delivery]:
        return await self._broker.take(limit)

    async def complete(self, delivery: Delivery) -> None:
        self._broker.check_lock(delivery.data.body)
        self._broker.completed.append(delivery.data.body)

    async def abandon(self, delivery: Delivery) -> None:
        self._broker.check_lock(delivery.data.body)
        self._broker.abandoned.append(delivery.data.body)
        again = replace(delivery.data, delivery_count=delivery.data.delivery_count + 1)
        if again.delivery_count < MAX_DELIVERIES:
            await self._broker.put(again)

    async def renew(self, delivery: Delivery) -> datetime:
        return self._broker.renew(delivery.data.body)

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._broker.connected -= 1
