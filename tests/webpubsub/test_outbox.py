"""The outgoing queue, tested against a model client over any order of sends, acks and lost sockets."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localcloud.webpubsub.outbox import Outbox, OutboxFullError, OutboxLimits
from localcloud.webpubsub.payloads import DataType, Message, Payload, Subprotocol, server_message

GREETING = '{"type":"system","event":"connected"}'
ROOMY = OutboxLimits(messages=8, size=10_000)


def message(number: int) -> Message:
    return server_message(Payload(data_type=DataType.JSON, raw=str(number)))


def drain(outbox: Outbox) -> list[object]:
    frames = []
    while (frame := outbox.take()) is not None:
        frames.append(frame)
    return frames


class ReliableDelivery(RuleBasedStateMachine):
    """A reliable client behind a socket that may break at any time.

    The model: `sent` is what was accepted, `inbox` what the client has after dropping repeated numbers. Frames taken
    from the outbox are on the wire; a break loses what the client has not read yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(subprotocol=Subprotocol.RELIABLE, limits=ROOMY)
        self.sent = 0
        self.inbox: list[tuple[int, int]] = []
        self.acknowledged = 0
        self.on_the_wire: list[dict[str, object]] = []

    @rule()
    def publish(self) -> None:
        unacknowledged = self.sent - self.acknowledged
        if unacknowledged >= ROOMY.messages:
            with pytest.raises(OutboxFullError):
                self.outbox.push_message(message(self.sent + 1))
        else:
            self.sent += 1
            self.outbox.push_message(message(self.sent))

    @rule()
    def answer_a_ping(self) -> None:
        with contextlib.suppress(OutboxFullError):
            self.outbox.push_control('{"type":"pong"}')

    @rule(count=st.integers(1, 4))
    def write(self, count: int) -> None:
        for _ in range(count):
            if (frame := self.outbox.take()) is not None:
                self.on_the_wire.append(json.loads(frame))

    @rule(count=st.integers(1, 4))
    def read(self, count: int) -> None:
        for frame in self.on_the_wire[:count]:
            self._keep(frame)
        del self.on_the_wire[:count]

    @rule()
    def acknowledge_what_was_read(self) -> None:
        self.acknowledged = len(self.inbox)
        self.outbox.acknowledge(len(self.inbox))

    @rule(ahead=st.integers(1, 100))
    @precondition(lambda self: not self.on_the_wire and len(self.inbox) == self.sent)
    def acknowledge_what_was_never_sent(self, ahead: int) -> None:
        self.outbox.acknowledge(self.sent + ahead)
        self.acknowledged = self.sent

    @rule()
    def lose_the_socket_and_recover(self) -> None:
        self.on_the_wire.clear()
        self.outbox.rewind(GREETING)
        assert self.outbox.take() == GREETING

    @invariant()
    def the_client_has_a_gapless_prefix_in_order(self) -> None:
        assert self.inbox == [(number, number) for number in range(1, len(self.inbox) + 1)]

    @invariant()
    def exactly_the_unacknowledged_messages_are_held(self) -> None:
        assert self.outbox.held == self.sent - self.acknowledged

    def teardown(self) -> None:
        """However it went: once the socket stays up, everything that was accepted arrives."""
        self.lose_the_socket_and_recover()
        for frame in drain(self.outbox):
            self._keep(json.loads(str(frame)))
        assert len(self.inbox) == self.sent

    def _keep(self, frame: dict[str, object]) -> None:
        number = frame.get("sequenceId")
        if isinstance(number, int) and number > len(self.inbox):
            data = frame["data"]
            assert isinstance(data, int)
            self.inbox.append((number, data))


TestReliableDelivery = ReliableDelivery.TestCase
TestReliableDelivery.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("subprotocol", [Subprotocol.PLAIN, Subprotocol.JSON])
def test_an_unreliable_client_frees_its_queue_by_reading(subprotocol: Subprotocol) -> None:
    outbox = Outbox(subprotocol=subprotocol, limits=OutboxLimits(messages=2, size=1000))
    for number in range(20):
        outbox.push_message(message(number))
        assert len(drain(outbox)) == 1
    assert outbox.held == 0


@pytest.mark.parametrize("subprotocol", list(Subprotocol))
def test_the_number_and_the_bytes_of_waiting_messages_are_limited(subprotocol: Subprotocol) -> None:
    few = Outbox(subprotocol=subprotocol, limits=OutboxLimits(messages=2, size=1000))
    small = Outbox(subprotocol=subprotocol, limits=OutboxLimits(messages=1000, size=message(1).size))
    for outbox, room in ((few, 2), (small, 1)):
        for _ in range(room):
            outbox.push_message(message(1))
        with pytest.raises(OutboxFullError):
            outbox.push_message(message(1))


def test_a_client_that_only_pings_and_never_reads_is_limited_too() -> None:
    outbox = Outbox(subprotocol=Subprotocol.JSON, limits=OutboxLimits(messages=3, size=1000))
    for _ in range(6):
        outbox.push_control("{}")
    with pytest.raises(OutboxFullError):
        outbox.push_control("{}")


def test_plain_clients_get_payloads_and_nothing_else() -> None:
    outbox = Outbox(subprotocol=Subprotocol.PLAIN, limits=ROOMY)
    outbox.rewind(GREETING)
    outbox.push_control("{}")
    outbox.push_message(server_message(Payload(data_type=DataType.BINARY, raw=b"\x00\xff")))
    assert drain(outbox) == [b"\x00\xff"]


@given(st.text() | st.floats(allow_nan=False) | st.dictionaries(st.text(), st.integers()), st.integers(1))
def test_a_numbered_message_is_valid_json_for_any_payload(data: object, number: int) -> None:
    payload = Payload(data_type=DataType.JSON, raw=json.dumps(data))
    frame = json.loads(server_message(payload).frame(Subprotocol.RELIABLE, number))
    assert (data, number) == (frame["data"], frame["sequenceId"])
