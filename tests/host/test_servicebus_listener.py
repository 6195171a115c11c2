"""The Service Bus listener against a broker in memory and a clock moved by hand."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from localcloud.host.config import ClientRetryOptions
from localcloud.host.invoker import Call, Outcome
from localcloud.host.receiving import BrokerError, LockLostError
from localcloud.host.servicebus_datums import MessageData
from localcloud.host.servicebus_listener import FIRST_RECEIVERS, ListenerOptions, ServiceBusListener
from tests.host.fakes import FakeBroker
from tests.host.support import ManualClock, settle, until


class Function:
    """A function that runs until it is told how to end."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.running = 0
        self.most = 0
        self.free = asyncio.Event()
        self.errors: list[Exception] = []

    async def __call__(self, call: Call) -> Outcome:
        self.calls.append(call)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.free.wait()
        finally:
            self.running -= 1
        return Outcome(error=self.errors.pop(0) if self.errors else None)

    def bodies(self) -> list[bytes]:
        return [call.trigger.value.encode() for call in self.calls if call.trigger is not None]


class Bench:
    """A listener and everything around it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock)
        self.function = Function()
        self.listener: Any = None

    def start(self, **options: Any) -> None:
        given = {
            "function": "f", "entity": "q", "concurrency": 1, "batch_size": 0, "binary": False,
            "auto_complete": True, "max_lock_renewal_s": 300.0, "retry": ClientRetryOptions(),
        } | options  # fmt: skip
        self.listener = ServiceBusListener(
            ListenerOptions(**given), new_receiver=self.broker.receiver, run=self.function, clock=self.clock
        )
        self.listener.start()

    async def ready(self) -> None:
        async with asyncio.timeout(5):
            await self.listener.ready()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.function.free.set()
    if made.listener is not None:
        await made.listener.close()
    assert made.broker.connected == 0


async def test_a_success_completes_the_message(bench):
    bench.function.free.set()
    bench.start()
    await bench.ready()
    await bench.broker.send(b"a", b"b")
    await until(lambda: bench.broker.completed == [b"a", b"b"])


async def test_a_failure_abandons_the_message_and_it_comes_again_with_a_higher_count(bench):
    bench.function.free.set()
    bench.function.errors = [RuntimeError("first"), RuntimeError("second")]
    bench.start()
    await bench.broker.send(b"a")
    await until(lambda: bench.broker.completed == [b"a"])
    assert bench.broker.abandoned == [b"a", b"a"]
    assert [call.metadata["DeliveryCount"].value for call in bench.function.calls] == ["1", "2", "3"]


async def test_a_body_that_is_no_text_is_abandoned_unless_the_function_takes_bytes(bench, caplog):
    bench.function.free.set()
    bench.start()
    await bench.broker.send(b"ok")
    await until(lambda: bench.broker.completed)
    await bench.broker.put(MessageData(body=b"\xff\xfe", message_id="m", delivery_count=0))
    await until(lambda: bench.broker.abandoned)
    assert "A message cannot be handed to the function" in caplog.text
    assert bench.function.bodies() == [b"ok"]


async def test_case_28_no_more_than_the_allowed_calls_run_at_a_time(bench):
    bench.start(concurrency=2)
    await bench.broker.send(*(b"%d" % number for number in range(6)))
    await until(lambda: bench.function.running == 2)
    await settle()
    assert len(bench.function.calls) == 2
    bench.function.free.set()
    await until(lambda: len(bench.broker.completed) == 6)
    assert bench.function.most == 2


async def test_receivers_are_added_only_when_all_are_busy(bench):
    bench.start(concurrency=10)
    await bench.ready()
    assert bench.broker.opened == FIRST_RECEIVERS
    await bench.broker.send(*(b"%d" % number for number in range(12)))
    await until(lambda: bench.function.running == 10)
    assert bench.broker.opened == 10


async def test_the_lock_is_renewed_until_the_function_ends(bench):
    bench.start()
    await bench.broker.send(b"long")
    await until(lambda: bench.function.running == 1)
    await bench.clock.advance(100)
    assert len(bench.broker.renewed) >= 4
    bench.function.free.set()
    await until(lambda: bench.broker.completed == [b"long"])


async def test_renewal_ends_at_its_limit_and_a_lost_lock_is_tolerated(bench, caplog):
    bench.start(max_lock_renewal_s=50.0)
    await bench.broker.send(b"long")
    await until(lambda: bench.function.running == 1)
    await bench.clock.advance(200)
    assert len(bench.broker.renewed) == 2
    bench.function.free.set()
    await until(lambda: "the lock of a message is lost" in caplog.text)
    assert bench.broker.completed == []
    assert "reached maxAutoLockRenewalDuration" in caplog.text
    await bench.broker.send(b"next")
    await until(lambda: bench.broker.completed == [b"next"])


async def test_a_failed_renewal_is_tried_again_while_the_lock_lives(bench):
    bench.start()
    await bench.broker.send(b"long")
    await until(lambda: bench.function.running == 1)
    bench.broker.renewals_fail = BrokerError("busy")
    await bench.clock.advance(25)
    bench.broker.renewals_fail = None
    await bench.clock.advance(100)
    bench.function.free.set()
    await until(lambda: bench.broker.completed == [b"long"])


async def test_a_lock_lost_while_renewing_ends_the_renewal(bench, caplog):
    bench.start()
    await bench.broker.send(b"long")
    await until(lambda: bench.function.running == 1)
    bench.broker.renewals_fail = LockLostError("gone")
    await bench.clock.advance(60)
    assert caplog.text.count("was lost while its function was running") == 1


async def test_case_32_nothing_is_received_after_a_stop_and_a_late_success_is_abandoned(bench, caplog):
    bench.start()
    await bench.broker.send(b"a", b"b")
    await until(lambda: bench.function.running == 1)
    bench.listener.stop(drain=False)
    bench.function.free.set()
    await until(lambda: bench.broker.abandoned == [b"a"])
    await until(lambda: bench.broker.connected == 0)
    assert bench.function.bodies() == [b"a"]
    assert "succeeded while the host was stopping" in caplog.text


async def test_case_32_a_drain_completes_what_still_succeeds(bench):
    bench.start()
    await bench.broker.send(b"a", b"b")
    await until(lambda: bench.function.running == 1)
    bench.listener.stop(drain=True)
    bench.function.free.set()
    await until(lambda: bench.broker.connected == 0)
    assert (bench.broker.completed, bench.function.bodies()) == ([b"a"], [b"a"])


async def test_a_stop_while_idle_disconnects(bench):
    bench.start(concurrency=3)
    await bench.ready()
    bench.listener.stop(drain=False)
    await until(lambda: bench.broker.connected == 0)


async def test_an_outage_is_logged_once_and_ends_with_a_reconnection(bench, caplog):
    caplog.set_level("INFO")
    bench.function.free.set()
    bench.start(concurrency=3)
    await bench.ready()
    await bench.broker.cut()
    await until(lambda: bench.broker.connected == 0)
    await bench.clock.advance(60)
    bench.broker.heal()
    await bench.clock.advance(10)
    await bench.broker.send(b"a")
    await until(lambda: bench.broker.completed == [b"a"])
    assert caplog.text.count("has lost its connection") == 1
    assert caplog.text.count("is connected again") == 1


async def test_the_pause_between_tries_grows_and_is_capped(bench):
    bench.broker.down = BrokerError("down")
    tried: list[float] = []
    original = bench.broker.receiver

    def counted() -> Any:
        tried.append(bench.clock.now().timestamp())
        return original()

    bench.broker.receiver = counted
    bench.start()
    await bench.clock.advance(120)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert 24 <= len(tried) <= 70
    assert gaps[0] <= 0.25
    assert max(gaps) <= 5.0
    assert all(gap >= 2.5 for gap in gaps[6:])


async def test_a_refused_entity_does_not_hold_up_the_start(bench):
    bench.broker.refuse()
    bench.start()
    await bench.ready()
    bench.broker.heal()
    await bench.clock.advance(10)
    assert bench.broker.opened == 1


async def test_an_unreachable_broker_does_hold_up_the_start(bench):
    bench.broker.down = BrokerError("down")
    bench.start()
    await settle()
    waiting = asyncio.create_task(bench.listener.ready())
    await bench.clock.advance(20)
    assert not waiting.done()
    bench.broker.heal()
    await bench.clock.advance(20)
    await waiting


async def test_a_settlement_that_fails_is_logged_and_receiving_goes_on(bench, caplog):
    bench.start()
    await bench.broker.send(b"a")
    await until(lambda: bench.function.running == 1)
    await bench.broker.cut()
    bench.function.free.set()
    await settle()
    await bench.clock.advance(10)
    assert "could not be settled" in caplog.text
    bench.broker.heal()
    await bench.clock.advance(10)
    await bench.broker.send(b"b")
    await until(lambda: bench.broker.completed == [b"b"])


async def test_a_settlement_is_tried_again_through_a_short_loss_of_the_connection(bench):
    bench.start()
    await bench.broker.send(b"a")
    await until(lambda: bench.function.running == 1)
    await bench.broker.cut()
    bench.function.free.set()
    await bench.clock.advance(1)
    bench.broker.heal()
    await bench.clock.advance(2)
    assert bench.broker.completed == [b"a"]


async def test_without_auto_complete_a_success_is_left_alone(bench):
    bench.function.free.set()
    bench.function.errors = [RuntimeError()]
    bench.start(auto_complete=False)
    await bench.broker.send(b"a")
    await until(lambda: len(bench.function.calls) == 2)
    await settle()
    assert (bench.broker.completed, bench.broker.abandoned) == ([], [b"a"])


@pytest.mark.parametrize("fails", [False, True])
async def test_case_33_a_batch_settles_as_one_and_is_not_renewed(bench, fails):
    bench.function.errors = [RuntimeError()] if fails else []
    await bench.broker.send(b"a", b"b", b"c")
    bench.start(batch_size=10)
    await until(lambda: bench.function.running == 1)
    assert bench.function.calls[0].metadata["MessageIdArray"].value == '["a","b","c"]'
    await bench.clock.advance(20)
    assert bench.broker.renewed == []
    bench.listener.stop(drain=True)
    bench.function.free.set()
    settled: Callable[[], list[bytes]] = lambda: bench.broker.abandoned if fails else bench.broker.completed  # noqa: E731
    await until(lambda: settled() == [b"a", b"b", b"c"])
