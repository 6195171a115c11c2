"""The unmodified Python SDK, synchronous and asynchronous, sends, receives and settles as it does against Azure."""

import asyncio
import contextlib
import datetime as dt
import inspect
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
    aio,
)
from azure.servicebus._pyamqp.utils import amqp_long_value
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


# Opening links of its own costs the synchronous SDK seconds, and the broker cannot tell the flavours apart.
SYNC_IN_LONG_RUNS = pytest.mark.parametrize(
    "sdk", [pytest.param("sync", marks=pytest.mark.long), "aio"], indirect=True
)


async def run(result: Any) -> Any:
    """Lets one test body drive both flavours: awaits what the asynchronous SDK returns."""
    return await result if inspect.isawaitable(result) else result


class Flavour:
    """One flavour of the SDK with long-lived links, because opening and closing each costs half a second."""

    def __init__(self, name: str, connection_string: str) -> None:
        self.name = name
        self.queue = f"sdk-{name}"
        self.stack = contextlib.AsyncExitStack()
        module = aio if name == "aio" else None
        self.client = (module.ServiceBusClient if module else ServiceBusClient).from_connection_string(
            connection_string, retry_total=0
        )
        self.renewer_class = aio.AutoLockRenewer if module else AutoLockRenewer

    async def open(self, link: Any) -> Any:
        """Opens a sender or receiver for the rest of the module, or of the given exit stack."""
        await run(link.__aenter__() if hasattr(link, "__aenter__") else link.__enter__())
        self.stack.push_async_callback(lambda: run(link.close()) if self.name == "aio" else _closed(link))
        return link

    async def start(self) -> None:
        self.sender = await self.open(self.client.get_queue_sender(self.queue))
        self.receiver = await self.open(self.client.get_queue_receiver(self.queue))
        self.dead = await self.open(
            self.client.get_queue_receiver(self.queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        )

    @contextlib.asynccontextmanager
    async def links_of_its_own(self) -> AsyncIterator[None]:
        """Closes the links opened within, instead of at the end of the module."""
        async with contextlib.AsyncExitStack() as stack:
            self.stack, outer = stack, self.stack
            try:
                yield
            finally:
                self.stack = outer

    async def send(self, *messages: ServiceBusMessage | str) -> None:
        wrapped = [ServiceBusMessage(each) if isinstance(each, str) else each for each in messages]
        await run(self.sender.send_messages(wrapped if len(wrapped) > 1 else wrapped[0]))

    async def receive(self, count: int = 1, *, receiver: Any = None) -> list[ServiceBusReceivedMessage]:
        """Receives exactly `count` messages; the SDK may return fewer than asked for."""
        found: list[ServiceBusReceivedMessage] = []
        limit = time.monotonic() + 10
        while len(found) < count and time.monotonic() < limit:
            found += await run(
                (receiver or self.receiver).receive_messages(count - len(found), max_wait_time=2)
            )
        assert len(found) == count
        return found

    async def one(self, *, receiver: Any = None) -> ServiceBusReceivedMessage:
        return (await self.receive(receiver=receiver))[0]

    async def settle(self, action: str, message: Any, *, receiver: Any = None, **how: str) -> None:
        await run(getattr(receiver or self.receiver, f"{action}_message")(message, **how))

    async def complete(self, *messages: Any, receiver: Any = None) -> None:
        for message in messages:
            await self.settle("complete", message, receiver=receiver)


async def _closed(link: Any) -> None:
    link.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sync", "aio"])
async def sdk(broker: Any, request: pytest.FixtureRequest) -> AsyncIterator[Flavour]:
    flavour = Flavour(request.param, broker.broker.connection_string)
    await flavour.start()
    yield flavour
    await flavour.stack.aclose()
    await run(flavour.client.close())


@pytest.fixture(autouse=True)
def nothing_left_behind(sdk: Flavour, broker: Any) -> Any:
    yield
    assert broker.stats(sdk.queue)["total"] == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


def text(message: Any) -> str:
    return b"".join(message.body).decode()


async def test_a_single_message_arrives_with_broker_properties(sdk: Flavour) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    await sdk.send("hello")
    message = await sdk.one()
    assert text(message) == "hello"
    assert message.delivery_count == 0
    assert message.sequence_number == message.enqueued_sequence_number
    assert before < message.enqueued_time_utc < message.locked_until_utc
    assert len(message.message_id) >= 32
    await sdk.complete(message)


async def test_a_list_and_a_batch_keep_their_order(sdk: Flavour) -> None:
    await sdk.send(*[f"list {number}" for number in range(5)])
    batch = await run(sdk.sender.create_message_batch())
    for number in range(20):
        batch.add_message(ServiceBusMessage(f"batch {number}"))
    await run(sdk.sender.send_messages(batch))
    messages = await sdk.receive(25)
    expected = [f"list {number}" for number in range(5)] + [f"batch {number}" for number in range(20)]
    assert [text(message) for message in messages] == expected
    numbers = [message.sequence_number for message in messages]
    assert numbers == list(range(numbers[0], numbers[0] + 25))
    await sdk.complete(*messages)


async def test_a_batch_of_one_message_is_one_message(sdk: Flavour) -> None:
    batch = await run(sdk.sender.create_message_batch())
    batch.add_message(ServiceBusMessage("alone", subject="s"))
    await run(sdk.sender.send_messages(batch))
    message = await sdk.one()
    assert (text(message), message.subject) == ("alone", "s")
    await sdk.complete(message)


async def test_every_property_survives_with_its_type(sdk: Flavour) -> None:
    properties = {
        "text": "ü",
        "number": 42,
        "large": amqp_long_value(2**40),
        "float": 1.5,
        "flag": True,
        "uuid": uuid.UUID(int=7),
        "nothing": None,
    }
    sent = ServiceBusMessage(
        "body",
        application_properties=properties,
        message_id="my-id",
        correlation_id="c",
        content_type="application/json",
        subject="subject",
        to="somewhere",
        reply_to="back",
        session_id="s",
        time_to_live=dt.timedelta(minutes=5),
    )
    await sdk.send(sent)
    got = await sdk.one()
    received = {key.decode(): value for key, value in got.application_properties.items()}
    assert received == {**properties, "text": "ü".encode(), "large": 2**40}
    assert (got.message_id, got.correlation_id, got.content_type) == ("my-id", "c", "application/json")
    assert (got.subject, got.to, got.reply_to, got.session_id) == ("subject", "somewhere", "back", "s")
    assert got.time_to_live == dt.timedelta(minutes=5)
    assert got.expires_at_utc == got.enqueued_time_utc + dt.timedelta(minutes=5)
    await sdk.complete(got)


@pytest.mark.parametrize(
    "body",
    [
        {"value_body": {b"key": [1, b"two", None]}},
        {"sequence_body": [[1, 2], [b"three"]]},
        {"data_body": [b"a", b"b"]},
    ],
    ids=["value", "sequence", "data"],
)
async def test_every_kind_of_body_survives(sdk: Flavour, body: dict[str, Any]) -> None:
    await run(sdk.sender.send_messages(AmqpAnnotatedMessage(**body)))
    got = await sdk.one()
    raw = got.raw_amqp_message.body
    assert (raw if "value_body" in body else list(raw)) == next(iter(body.values()))
    await sdk.complete(got)


async def test_a_large_message_arrives_whole_and_a_larger_one_is_refused(sdk: Flavour) -> None:
    await sdk.send("x" * 200_000)
    message = await sdk.one()
    assert len(text(message)) == 200_000
    await sdk.complete(message)
    with pytest.raises(MessageSizeExceededError):
        await sdk.send("x" * 270_000)


async def test_an_abandoned_message_comes_back_until_it_is_dead(sdk: Flavour) -> None:
    await sdk.send("poison")
    for attempt in range(3):
        message = await sdk.one()
        assert message.delivery_count == attempt
        await sdk.settle("abandon", message)
    dead = await sdk.one(receiver=sdk.dead)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert "3 delivery attempts" in dead.dead_letter_error_description
    assert (text(dead), dead.delivery_count) == ("poison", 3)
    await sdk.complete(dead, receiver=sdk.dead)


async def test_a_dead_letter_keeps_its_properties_and_names_its_reason(sdk: Flavour) -> None:
    await sdk.send(ServiceBusMessage("bad", message_id="m1", application_properties={"tenant": "local"}))
    await sdk.settle("dead_letter", await sdk.one(), reason="Malformed", error_description="no JSON")
    (peeked,) = await run(sdk.dead.peek_messages(5))
    assert peeked.message_id == "m1"
    dead = await sdk.one(receiver=sdk.dead)
    await run(sdk.dead.renew_message_lock(dead))
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Malformed", "no JSON")
    assert dead.application_properties[b"tenant"] == b"local"
    await sdk.settle("abandon", dead, receiver=sdk.dead)
    again = await sdk.one(receiver=sdk.dead)
    assert again.delivery_count == 1
    await sdk.complete(again, receiver=sdk.dead)


async def test_a_deferred_message_is_reached_by_its_number_alone_and_once(sdk: Flavour) -> None:
    await sdk.send("later", "now")
    later, now = await sdk.receive(2)
    await sdk.settle("defer", later)
    await sdk.settle("abandon", now)
    now = await sdk.one()
    assert text(now) == "now"
    await sdk.complete(now)
    (deferred,) = await run(sdk.receiver.receive_deferred_messages(later.sequence_number))
    assert text(deferred) == "later"
    await sdk.complete(deferred)
    with pytest.raises(MessageNotFoundError):
        await run(sdk.receiver.receive_deferred_messages(later.sequence_number))


async def test_peek_shows_every_state_and_locks_nothing(sdk: Flavour) -> None:
    await sdk.send("active", "locked", "deferred")
    first, locked, deferred = await sdk.receive(3)
    await sdk.settle("abandon", first)
    await sdk.settle("defer", deferred)
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    (number,) = await run(sdk.sender.schedule_messages(ServiceBusMessage("scheduled"), soon))
    peeked = await run(sdk.receiver.peek_messages(10, sequence_number=first.sequence_number))
    assert [text(each) for each in peeked] == ["active", "locked", "deferred", "scheduled"]
    assert [each.state.value for each in peeked] == [0, 0, 1, 2]
    assert peeked[3].sequence_number == number
    only_last = await run(sdk.receiver.peek_messages(10, sequence_number=number))
    assert [text(each) for each in only_last] == ["scheduled"]
    await run(sdk.sender.cancel_scheduled_messages(number))
    with pytest.raises(MessageNotFoundError):
        await run(sdk.sender.cancel_scheduled_messages(number))
    deferred = await run(sdk.receiver.receive_deferred_messages(deferred.sequence_number))
    await sdk.complete(locked, await sdk.one(), *deferred)
    assert await run(sdk.receiver.peek_messages(1, sequence_number=1)) == []


async def test_scheduled_messages_arrive_on_time_with_a_new_number(sdk: Flavour) -> None:
    # Opens the management link, which takes the SDK half a second, before the time runs.
    far = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    await run(
        sdk.sender.cancel_scheduled_messages(
            await run(sdk.sender.schedule_messages(ServiceBusMessage(""), far))
        )
    )
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    numbers = await run(
        sdk.sender.schedule_messages(
            [ServiceBusMessage("by request 1"), ServiceBusMessage("by request 2")], moment
        )
    )
    await sdk.send(ServiceBusMessage("by property", scheduled_enqueue_time_utc=moment))
    await sdk.send("at once")
    messages = await sdk.receive(4)
    assert [text(each) for each in messages] == ["at once", "by request 1", "by request 2", "by property"]
    for message in messages[1:]:
        assert message.enqueued_time_utc >= moment - dt.timedelta(milliseconds=2)
        assert message.sequence_number > max(numbers)
    assert messages[1].enqueued_sequence_number == numbers[0]
    await sdk.complete(*messages)


async def test_a_renewed_lock_ends_later(sdk: Flavour) -> None:
    await sdk.send("long work")
    message = await sdk.one()
    before = message.locked_until_utc
    received = time.time()
    await until(lambda: time.time() > received + 0.002)  # times of the wire are whole milliseconds
    renewed = await run(sdk.receiver.renew_message_lock(message))
    assert renewed > before
    assert message.locked_until_utc == renewed
    await sdk.complete(message)


async def test_a_lock_lost_on_the_server_is_told_on_settlement_and_renewal(sdk: Flavour, broker: Any) -> None:
    await sdk.send("slow")
    message = await sdk.one()

    async def settle_behind_its_back() -> None:
        queue = next(each for each in broker.broker._namespace if each.queue.settings.name == sdk.queue).queue
        queue.messages.complete(message.lock_token)

    broker.call(settle_behind_its_back())
    with pytest.raises(MessageLockLostError):
        await run(sdk.receiver.renew_message_lock(message))
    with pytest.raises(MessageLockLostError):
        await sdk.complete(message)


@pytest.mark.long
async def test_an_expired_lock_hands_the_message_on_and_a_renewed_one_does_not(
    sdk: Flavour, broker: Any
) -> None:
    async with sdk.links_of_its_own():
        queue = f"short-locks-{sdk.name}"
        sender = await sdk.open(sdk.client.get_queue_sender(queue))
        receiver = await sdk.open(sdk.client.get_queue_receiver(queue))
        renewer = sdk.renewer_class(max_lock_renewal_duration=30)
        await run(sender.send_messages(ServiceBusMessage("kept")))
        kept = await sdk.one(receiver=receiver)
        # Opening the management link takes the SDK longer than it leaves itself with so short a lock.
        await run(receiver.renew_message_lock(kept))
        renewer.register(receiver, kept)
        await run(sender.send_messages(ServiceBusMessage("lost")))
        lost = await sdk.one(receiver=receiver)
        # The synchronous SDK renews on a thread that has to wait while this one receives.
        await until(lambda: broker.stats(queue)["active"] == 1)
        again = await sdk.one(receiver=receiver)
        assert (text(again), again.delivery_count) == ("lost", 1)
        assert lost._lock_expired
        await sdk.complete(again, kept, receiver=receiver)
        await run(renewer.close())


@SYNC_IN_LONG_RUNS
async def test_settling_after_the_link_was_lost_takes_the_way_over_management(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        await sdk.send("complete", "abandon", "defer", "bury")
        receiver = await sdk.open(sdk.client.get_queue_receiver(sdk.queue))
        messages = await sdk.receive(4, receiver=receiver)
        await run(receiver._close_handler())
        await run(receiver._open_with_retry())
        for message in messages[:3]:
            await sdk.settle(text(message), message, receiver=receiver)
        await sdk.settle(
            "dead_letter", messages[3], receiver=receiver, reason="why", error_description="because"
        )
    again = await sdk.one()
    assert (text(again), again.delivery_count) == ("abandon", 1)
    dead = await sdk.one(receiver=sdk.dead)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("why", "because")
    deferred = await run(sdk.receiver.receive_deferred_messages(messages[2].sequence_number))
    await sdk.complete(again, *deferred)
    await sdk.complete(dead, receiver=sdk.dead)


@SYNC_IN_LONG_RUNS
async def test_prefetched_messages_are_released_uncounted_when_the_receiver_closes(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        await sdk.send(*[f"{number}" for number in range(5)])
        receiver = await sdk.open(sdk.client.get_queue_receiver(sdk.queue, prefetch_count=5))
        await sdk.complete(await sdk.one(receiver=receiver), receiver=receiver)
    rest = await sdk.receive(4)
    assert sorted((text(each), each.delivery_count) for each in rest) == [
        ("1", 0),
        ("2", 0),
        ("3", 0),
        ("4", 0),
    ]
    await sdk.complete(*rest)


@SYNC_IN_LONG_RUNS
async def test_receive_and_delete_needs_no_settlement(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        await sdk.send("gone 1", "gone 2")
        receiver = await sdk.open(
            sdk.client.get_queue_receiver(sdk.queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
        )
        messages = await sdk.receive(2, receiver=receiver)
        assert [text(each) for each in messages] == ["gone 1", "gone 2"]


@SYNC_IN_LONG_RUNS
async def test_a_message_that_expires_is_a_dead_letter_with_its_reason(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        queue = f"strict-{sdk.name}"
        sender = await sdk.open(sdk.client.get_queue_sender(queue))
        dead = await sdk.open(sdk.client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER))
        soon = dt.timedelta(milliseconds=200)
        await run(sender.send_messages(ServiceBusMessage("late", time_to_live=soon)))
        letter = await sdk.one(receiver=dead)
        assert (text(letter), letter.dead_letter_reason) == ("late", "TTLExpiredException")
        await sdk.complete(letter, receiver=dead)


@SYNC_IN_LONG_RUNS
async def test_a_repeated_message_id_is_dropped_alone_and_in_a_batch(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        queue = f"strict-{sdk.name}"
        sender = await sdk.open(sdk.client.get_queue_sender(queue))
        receiver = await sdk.open(sdk.client.get_queue_receiver(queue))
        first, second = (ServiceBusMessage(name, message_id=name) for name in ("one", "two"))
        await run(sender.send_messages(first))
        await run(sender.send_messages([first, second, second]))
        await run(sender.send_messages(second))
        messages = await sdk.receive(2, receiver=receiver)
        assert [text(each) for each in messages] == ["one", "two"]
        await sdk.complete(*messages, receiver=receiver)
        await run(sender.send_messages(first))  # settled or not: the window counts from the first one
        assert await run(receiver.receive_messages(1, max_wait_time=0.2)) == []


@SYNC_IN_LONG_RUNS
async def test_three_competing_consumers_get_every_message_once(sdk: Flavour) -> None:
    async with sdk.links_of_its_own():
        await sdk.send(*[f"{number}" for number in range(30)])
        consumers = [await sdk.open(sdk.client.get_queue_receiver(sdk.queue)) for _ in range(3)]
        seen: list[list[str]] = [[], [], []]
        while sum(map(len, seen)) < 30:
            for mine, consumer in zip(seen, consumers, strict=True):
                for each in await run(consumer.receive_messages(3, max_wait_time=0.2)):
                    mine.append(text(each))
                    await sdk.complete(each, receiver=consumer)
        assert sorted(itertools.chain(*seen), key=int) == [f"{number}" for number in range(30)]
        assert all(seen)
