"""One contract, two queues: the memory twin and Service Bus (on the local broker)."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from orchestration.adapters import servicebus
from orchestration.adapters.memory import MemoryQueue
from orchestration.adapters.servicebus import ServiceBusQueue
from orchestration.breaker import Breaker
from orchestration.errors import QueueUnavailable
from orchestration.ports import MessageQueue, OutgoingMessage

USES_SERVICES = True
QUEUE = "content-jobs-low"
LIMIT = 20.0
Arrived = tuple[str, str, dict[str, object]]


def breaker() -> Breaker:
    return Breaker("service bus", time.monotonic)


@dataclass
class Subject:
    queue: MessageQueue
    arrived: Callable[[int], Awaitable[list[Arrived]]]


def plain(message: ServiceBusReceivedMessage) -> Arrived:
    properties = {
        (k.decode() if isinstance(k, bytes) else k): (v.decode() if isinstance(v, bytes) else v)
        for k, v in (message.application_properties or {}).items()
    }
    return str(message.message_id), b"".join(message.body).decode(), properties


@pytest.fixture(params=["memory", "azure"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = MemoryQueue()

        async def taken(count: int) -> list[Arrived]:
            found = []
            while message := memory.take():
                if message.not_before is None or message.not_before <= datetime.now(UTC):
                    found.append((message.message_id, message.body, dict(message.properties)))
            assert len(found) == count
            return found

        yield Subject(memory, taken)
        return
    connection = request.getfixturevalue("broker")
    queue = ServiceBusQueue(
        lambda: ServiceBusClient.from_connection_string(connection, retry_total=0), breaker()
    )

    async def received(count: int) -> list[Arrived]:
        client = ServiceBusClient.from_connection_string(connection)
        found: list[Arrived] = []
        async with asyncio.timeout(LIMIT), client, client.get_queue_receiver(QUEUE) as receiver:
            while len(found) < count:
                for message in await receiver.receive_messages(max_message_count=1, max_wait_time=1):
                    found.append(plain(message))
                    await receiver.complete_message(message)
        return found

    yield Subject(queue, received)
    await queue.close()


def outgoing(message_id: str | None = None, **changes: object) -> OutgoingMessage:
    values = {
        "queue": QUEUE,
        "message_id": message_id or str(uuid.uuid4()),
        "body": '{"jobId":"grün"}',
        **changes,
    }
    return OutgoingMessage(**values)  # type: ignore[arg-type]


async def test_a_message_arrives_as_it_was_sent(subject: Subject) -> None:
    message = outgoing(properties={"tenantId": "a", "attempt": 3})
    await subject.queue.send(message)
    assert await subject.arrived(1) == [(message.message_id, message.body, {"tenantId": "a", "attempt": 3})]


async def test_a_repeated_id_is_dropped_without_a_word(subject: Subject) -> None:
    first = outgoing()
    await subject.queue.send(first)
    await subject.queue.send(outgoing(first.message_id, body="{}"))
    await subject.queue.send(second := outgoing())
    assert [(i, b) for i, b, _ in await subject.arrived(2)] == [
        (first.message_id, first.body),
        (second.message_id, second.body),
    ]


async def test_a_scheduled_message_is_not_there_yet_and_one_for_the_past_is(subject: Subject) -> None:
    now = datetime.now(UTC)
    await subject.queue.send(outgoing("later-" + str(uuid.uuid4()), not_before=now + timedelta(hours=1)))
    past = outgoing(not_before=now - timedelta(hours=1))
    await subject.queue.send(past)
    assert [i for i, _, _ in await subject.arrived(1)] == [past.message_id]


async def test_many_messages_at_once_all_arrive_in_order(subject: Subject) -> None:
    messages = [outgoing() for _ in range(70)]
    later = outgoing(not_before=datetime.now(UTC) + timedelta(hours=1))
    messages.insert(20, later)
    await asyncio.gather(*map(subject.queue.send, messages))
    expected = [message.message_id for message in messages if message is not later]
    assert [i for i, _, _ in await subject.arrived(70)] == expected


async def test_what_waits_for_the_sender_shares_a_call(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        await queue.send(outgoing())
        sender, calls = queue._senders[QUEUE], list[int]()
        send_messages = sender.send_messages

        async def counted(given: object, **options: object) -> None:
            calls.append(len(given) if isinstance(given, list) else 1)
            await send_messages(given, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(sender, "send_messages", counted)
        async with queue._locks[QUEUE]:
            tasks = [asyncio.create_task(queue.send(outgoing())) for _ in range(12)]
        await asyncio.gather(*tasks)
        assert sum(calls) == 12
        assert len(calls) < 12
    finally:
        await queue.close()


async def test_an_unknown_queue_is_unavailable_and_the_known_ones_stay_usable(broker: str) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        await queue.send(outgoing(queue="content-jobs"))
        with pytest.raises(QueueUnavailable, match="nowhere takes no message"):
            await queue.send(outgoing(queue="nowhere"))
        await queue.send(outgoing(queue="content-jobs"))
    finally:
        await queue.close()


async def test_a_broker_that_is_not_there_is_unavailable_within_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servicebus, "SEND_TIMEOUT", 0.5)
    text = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true"
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(text, retry_total=0), breaker())
    with pytest.raises(QueueUnavailable):
        await queue.send(outgoing())
    await queue.close()


async def test_waiting_too_long_for_ones_turn_does_not_close_the_sender_that_another_uses(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        await queue.send(outgoing())
        sender = queue._senders[QUEUE]
        monkeypatch.setattr(servicebus, "SEND_TIMEOUT", 0.05)
        async with queue._locks[QUEUE]:
            with pytest.raises(QueueUnavailable, match="TimeoutError"):
                await queue.send(outgoing())
        assert queue._senders[QUEUE] is sender
    finally:
        await queue.close()


async def test_a_sender_that_was_opened_early_is_the_one_that_sends(broker: str) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        queue.prepare(QUEUE)
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*queue._opening)
        sender = queue._senders[QUEUE]
        assert sender._running
        await queue.send(outgoing())
        assert queue._senders == {QUEUE: sender}
    finally:
        await queue.close()


async def test_senders_are_opened_early_in_the_order_given(broker: str) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        queue.prepare(QUEUE, "content-jobs")
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*queue._opening)
        assert list(queue._senders) == [QUEUE, "content-jobs"]
        assert all(sender._running for sender in queue._senders.values())
    finally:
        await queue.close()


async def test_a_message_waits_for_a_sender_that_is_being_opened(broker: str) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    try:
        queue.prepare(QUEUE)
        await asyncio.sleep(0)
        assert queue._locks[QUEUE].locked()
        await queue.send(outgoing())
        assert queue._opening == set()
    finally:
        await queue.close()


async def test_a_sender_that_cannot_be_opened_early_is_tried_again_by_the_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    text = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true"
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(text, retry_total=0), breaker())
    queue.prepare(QUEUE)
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*queue._opening)
    assert "a sender could not be opened early" in caplog.text
    assert queue._senders == {}
    with pytest.raises(QueueUnavailable):
        await queue.send(outgoing())
    await queue.close()


async def test_closing_ends_what_is_being_opened(broker: str) -> None:
    queue = ServiceBusQueue(lambda: ServiceBusClient.from_connection_string(broker, retry_total=0), breaker())
    queue.prepare(QUEUE)
    await asyncio.sleep(0)
    await queue.close()
    assert (queue._opening, queue._senders) == (set(), {})
