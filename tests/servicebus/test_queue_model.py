"""The queue state machine behaves like a much simpler model, whatever is done to it and whenever it is restarted."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.decode import decode
from localcloud.servicebus.journal import Lock, Message
from localcloud.servicebus.messages import Content
from localcloud.servicebus.queues import Queue, QueueSettings
from localcloud.servicebus.store import IN_MEMORY, Store
from localcloud.servicebus.subqueue import Burial, LockLostError, MessageNotFoundError

LOCK, TTL, WINDOW, MAX_DELIVERIES = 50, 400, 120, 3
SETTINGS = QueueSettings(
    name="model",
    lock_duration=LOCK,
    max_delivery_count=MAX_DELIVERIES,
    default_ttl=TTL,
    dead_letter_expired=True,
    duplicate_window=WINDOW,
)


def content(message_id: str, *, ttl: int | None = None, at: int | None = None) -> Content:
    return Content(
        properties=(encode.string(message_id),),
        body=encode.described(0x75, encode.binary(message_id.encode())),
        message_id=message_id,
        ttl=ttl,
        scheduled_for=at,
    )


@dataclass
class Entry:
    """A message of the model."""

    name: str
    number: int
    state: str = "active"
    count: int = 0
    token: UUID | None = None
    locked_until: int = 0
    due: int = 0
    ttl: int = TTL
    expires: int = 0
    reason: str | None = None
    arrived: int = 0


class QueueMachine(RuleBasedStateMachine):
    """Compares a queue with a plain list that is searched from front to back for everything."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.store = Store(IN_MEMORY)
        self.queue = self.store.load(SETTINGS, lambda: self.now)
        self.entries: list[Entry] = []
        self.known: dict[str, int] = {}
        self.last_number = 0
        self.tokens: list[UUID] = [uuid4()]
        self.arrivals = 0

    def teardown(self) -> None:
        self.store.close()

    # The model: what every moment and every settlement does.

    def settle_time(self) -> None:
        """Lets everything that is due happen in order of its moment."""
        while True:
            moments = [
                (moment, entry) for entry in self.entries if (moment := self.moment(entry)) <= self.now
            ]
            if not moments:
                return
            moment, entry = min(moments, key=lambda item: (item[0], item[1].arrived))
            if entry.token is not None:
                entry.token = None
                self.count_delivery(entry)
            elif entry.state == "scheduled":
                entry.state, entry.expires = "active", self.now + entry.ttl
                self.arrive(entry)
            else:
                self.bury(entry, "TTLExpiredException")

    def moment(self, entry: Entry) -> float:
        if entry.token is not None:
            return entry.locked_until
        if entry.state == "scheduled":
            return entry.due
        return entry.expires if entry.state == "active" else float("inf")

    def arrive(self, entry: Entry) -> None:
        self.arrivals += 1
        entry.arrived = self.arrivals

    def count_delivery(self, entry: Entry) -> None:
        entry.count += 1
        if entry.state != "dead" and entry.count >= MAX_DELIVERIES:
            self.bury(entry, "MaxDeliveryCountExceeded")

    def bury(self, entry: Entry, reason: str) -> None:
        entry.state, entry.reason, entry.token = "dead", reason, None
        self.arrive(entry)

    def waiting(self, state: str) -> list[Entry]:
        found = [entry for entry in self.entries if entry.state == state and entry.token is None]
        return sorted(found, key=lambda entry: entry.arrived)

    def holder(self, token: UUID) -> Entry | None:
        return next((entry for entry in self.entries if entry.token == token), None)

    # What may happen.

    @rule(
        name=st.integers(0, 30),
        ttl=st.none() | st.integers(1, 2 * TTL),
        delay=st.none() | st.integers(-5, 200),
    )
    def send(self, name: int, ttl: int | None, delay: int | None) -> None:
        self.settle_time()
        message_id = f"m{name}"
        due = None if delay is None else self.now + delay
        (number,) = self.queue.send([content(message_id, ttl=ttl, at=due)])
        assert number > self.last_number
        self.last_number = number
        if self.known.get(message_id, 0) > self.now:
            return
        self.known[message_id] = self.now + WINDOW
        entry = Entry(name=message_id, number=number, ttl=min(ttl or TTL, TTL))
        entry.expires = self.now + entry.ttl
        if due is not None and due > self.now:
            entry.state, entry.due = "scheduled", due
        self.arrive(entry)
        self.entries.append(entry)

    @rule(dead=st.booleans(), delete=st.booleans())
    def receive(self, dead: bool, delete: bool) -> None:
        self.settle_time()
        side = self.queue.dead_letters if dead else self.queue.messages
        message = side.take_and_delete() if delete else side.take()
        expected = self.waiting("dead" if dead else "active")
        assert (message is None) == (not expected)
        if message is None:
            return
        entry = expected[0]
        assert (message.content.message_id, message.delivery_count) == (entry.name, entry.count)
        assert reason(message) == entry.reason
        if delete:
            self.entries.remove(entry)
        else:
            self.hold(entry, message)

    def hold(self, entry: Entry, message: Message) -> None:
        assert message.lock is not None
        entry.number = message.sequence
        entry.token, entry.locked_until = message.lock.token, self.now + LOCK
        assert message.lock.until == entry.locked_until
        self.tokens.append(message.lock.token)

    @rule(
        action=st.sampled_from(["complete", "release", "abandon", "defer", "dead_letter", "renew"]),
        data=st.data(),
    )
    def settle(self, action: str, data: st.DataObject) -> None:
        self.settle_time()
        token = data.draw(st.sampled_from(self.tokens[-6:]))
        entry = self.holder(token)
        dead = entry is not None and entry.state == "dead"
        if action == "dead_letter" and dead:
            return
        side = self.queue.dead_letters if dead else self.queue.messages
        burial = Burial(reason="asked for", description=None, changes={})
        arguments = {"abandon": [{}], "defer": [{}], "dead_letter": [burial]}.get(action, [])
        if entry is None or (action == "defer" and dead):
            if entry is None:
                with pytest.raises(LockLostError):
                    getattr(side, action)(token, *arguments)
            return
        getattr(side, action)(token, *arguments)
        self.apply(action, entry)

    def apply(self, action: str, entry: Entry) -> None:
        if action == "renew":
            entry.locked_until = self.now + LOCK
            return
        entry.token = None
        if action == "complete":
            self.entries.remove(entry)
        elif action == "abandon":
            self.count_delivery(entry)
        elif action == "defer":
            entry.state = "deferred"
        elif action == "dead_letter":
            self.bury(entry, "asked for")

    @rule(delete=st.booleans(), data=st.data())
    def receive_deferred(self, delete: bool, data: st.DataObject) -> None:
        self.settle_time()
        entry = data.draw(st.sampled_from(self.waiting("deferred") or [Entry("none", 0, state="none")]))
        if entry.state == "none" or entry.expires <= self.now:
            with pytest.raises(MessageNotFoundError):
                self.queue.messages.take_deferred([entry.number], delete=delete)
            if entry.state != "none":
                self.bury(entry, "TTLExpiredException")
            return
        (message,) = self.queue.messages.take_deferred([entry.number], delete=delete)
        assert message.content.message_id == entry.name
        if delete:
            self.entries.remove(entry)
        else:
            self.hold(entry, message)

    @precondition(lambda self: any(entry.state == "scheduled" for entry in self.entries))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.settle_time()
        scheduled = [entry for entry in self.entries if entry.state == "scheduled"]
        if not scheduled:
            return
        entry = data.draw(st.sampled_from(scheduled))
        with pytest.raises(MessageNotFoundError):
            self.queue.messages.cancel([entry.number, -1])
        self.queue.messages.cancel([entry.number])
        self.entries.remove(entry)

    @rule(step=st.integers(1, 150))
    def wait(self, step: int) -> None:
        # Moments pass one by one, as they do for a broker whose timer is never late.
        for _ in range(step):
            self.now += 1
            self.queue.advance()
            self.settle_time()

    @rule()
    def crash_and_restart(self) -> None:
        self.settle_time()
        self.queue.advance()
        self.store.commit([self.queue])
        self.queue = self.store.load(SETTINGS, lambda: self.now)
        for entry in sorted(self.entries, key=lambda entry: entry.arrived):
            if entry.token is not None:
                entry.token = None
                self.count_delivery(entry)
        self.queue.advance()

    @invariant()
    def counts_agree(self) -> None:
        self.settle_time()
        counts = self.queue.messages.counts()
        for state in ("active", "scheduled", "deferred"):
            assert counts[state] == len(self.waiting(state)), state
        assert counts["locked"] == len([each for each in self.entries if each.token and each.state != "dead"])
        assert sum(self.queue.dead_letters.counts().values()) == len(
            [each for each in self.entries if each.state == "dead"]
        )

    @invariant()
    def the_next_moment_is_never_late(self) -> None:
        moments = [self.moment(entry) for entry in self.entries]
        soonest = min((moment for moment in moments if moment != float("inf")), default=None)
        planned = self.queue.next_moment()
        assert soonest is None or (planned is not None and planned <= soonest)


def reason(message: Message) -> str | None:
    found = {decode(key)[0]: decode(value)[0] for key, value in message.content.application_properties}
    return found.get("DeadLetterReason")


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_timers_of_settled_messages_do_not_pile_up() -> None:
    queue = Queue(QueueSettings(name="q", default_ttl=10**9), clock=lambda: 5)
    for number in range(5000):
        queue.send([content(f"{number}")])
        queue.messages.take_and_delete()
    assert len(queue.messages._timers) <= 1100


def test_a_lock_of_an_earlier_run_counts_as_a_delivery() -> None:
    store, now = Store(IN_MEMORY), 1000
    queue = store.load(SETTINGS, lambda: now)
    queue.send([content("a")])
    taken = queue.messages.take()
    assert taken is not None
    assert isinstance(taken.lock, Lock)
    store.commit([queue])
    again = store.load(SETTINGS, lambda: now)
    with pytest.raises(LockLostError):
        again.messages.complete(taken.lock.token)
    message = again.messages.take()
    assert message is not None
    assert (message.delivery_count, message.sequence) == (1, taken.sequence)
    store.close()
