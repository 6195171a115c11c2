"""The dead-letter box: one contract over its twin and over the official client on the local broker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from orchestration.adapters.deadletters import ServiceBusDeadLetters
from orchestration.adapters.memory_deadletters import MemoryDeadLetters
from orchestration.errors import QueueUnavailable
from orchestration.management.letters import DeadLetter, DeadLetterBox
from orchestration.messages import Delivery

USES_SERVICES = True
QUEUE = "content-callbacks"


@dataclass
class Bench:
    """A dead-letter box, and a way to fill it."""

    box: DeadLetterBox
    bury: Any


@pytest.fixture(params=["memory", "broker"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        memory = MemoryDeadLetters()

        async def remember(bodies: list[str]) -> None:
            for number, body in enumerate(bodies, len(memory.letters) + 1):
                delivery = Delivery(
                    queue=QUEUE, message_id=f"m-{number}", delivery_count=1, body=body.encode()
                )
                memory.letters.append(
                    DeadLetter(sequence_number=number, delivery=delivery, reason="tested", description="why")
                )

        yield Bench(box=memory, bury=remember)
        return
    text = request.getfixturevalue("broker")

    async def bury(bodies: list[str]) -> None:
        messages = [ServiceBusMessage(body, message_id=uuid.uuid4().hex) for body in bodies]
        ours = {message.message_id for message in messages}
        async with ServiceBusClient.from_connection_string(text) as client:
            async with client.get_queue_sender(QUEUE) as sender:
                await sender.send_messages(messages)
            async with client.get_queue_receiver(QUEUE) as receiver:
                buried = 0
                while buried < len(bodies):
                    for message in await receiver.receive_messages(len(bodies), max_wait_time=5):
                        if message.message_id not in ours:  # left behind by another test on this broker
                            await receiver.complete_message(message)
                            continue
                        await receiver.dead_letter_message(message, reason="tested", error_description="why")
                        buried += 1

    box = ServiceBusDeadLetters(lambda: ServiceBusClient.from_connection_string(text))
    yield Bench(box=box, bury=bury)
    await box.close()


@dataclass
class Taker:
    """Removes the letters at these places of the order in which it sees them; fails at ``fails_at``."""

    places: Any
    seen: list[str] = field(default_factory=list)
    fails_at: int | None = None
    enough: int = 10_000

    @property
    def done(self) -> bool:
        return len(self.seen) >= self.enough

    async def __call__(self, letter: DeadLetter) -> bool:
        if self.fails_at == len(self.seen):
            raise QueueUnavailable("the handler failed")
        self.seen.append(letter.delivery.body.decode())
        return len(self.seen) - 1 in self.places


async def test_dead_letters_are_looked_at_and_taken_or_put_back_and_never_lost(bench: Bench) -> None:
    await bench.bury(["a", "b", "c", "d"])
    for _ in range(2):
        letters = await bench.box.peek(QUEUE, after=0, limit=2)
        assert [letter.delivery.body for letter in letters] == [b"a", b"b"]
    assert (letters[0].reason, letters[0].description) == ("tested", "why")
    rest = await bench.box.peek(QUEUE, after=letters[1].sequence_number, limit=5)
    assert [letter.delivery.body for letter in rest] == [b"c", b"d"]
    assert await bench.box.peek(QUEUE, after=rest[1].sequence_number, limit=5) == []

    some = Taker([1], enough=3)
    assert await bench.box.settle(QUEUE, some, limit=10) == 1
    assert some.seen == ["a", "b", "c"]
    with pytest.raises(QueueUnavailable):
        await bench.box.settle(QUEUE, Taker([0, 1, 2], fails_at=1), limit=10)
    left = Taker([0, 1], enough=2)
    assert await bench.box.settle(QUEUE, left, limit=10) == 2
    assert sorted(left.seen) == ["c", "d"]
    assert await bench.box.peek(QUEUE, after=0, limit=9) == []


async def test_a_broker_that_is_not_there_is_said_so() -> None:
    gone = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=a2V5;UseDevelopmentEmulator=true"
    box = ServiceBusDeadLetters(lambda: ServiceBusClient.from_connection_string(gone, retry_total=0))
    with pytest.raises(QueueUnavailable):
        await box.peek(QUEUE, after=0, limit=1)
    with pytest.raises(QueueUnavailable):
        await box.settle(QUEUE, Taker([]), limit=1)
    await box.close()
