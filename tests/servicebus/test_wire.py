"""The wire, frame by frame: windows, credit, drain, multi-frame messages, heartbeats, and clients that misbehave."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.amqp.links import MAX_MESSAGE_SIZE
from localcloud.servicebus.amqp.session import WINDOW
from localcloud.servicebus.broker import Broker, BrokerSettings
from localcloud.servicebus.queues import QueueSettings
from tests.servicebus.conftest import KEY
from tests.servicebus.wire import (
    ATTACH,
    BEGIN,
    CLOSE,
    DETACH,
    DISPOSITION,
    END,
    FLOW,
    OPEN,
    RECEIVER,
    SENDER,
    TRANSFER,
    Wire,
    message,
)

ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27


@pytest.fixture
def port(broker: Any) -> int:
    return int(broker.broker.port)


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    async with await Wire.opened(port, KEY) as opened:
        yield opened


async def empty(wire: Wire, queue: str) -> None:
    """Takes everything out of a queue with a receiver that needs no settlement."""
    wire.attach(50, RECEIVER, queue, settle=1)
    wire.credit(50, 900, drain=True)
    await wire.expect(FLOW, lambda fields: fields[4] == 50)


async def send(wire: Wire, queue: str, *payloads: bytes, handle: int = 1, kind: int = 0) -> list[Any]:
    wire.attach(handle, SENDER, queue)
    states = []
    for number, payload in enumerate(payloads):
        wire.transfer(handle, number, payload, kind=kind)
        states.append((await wire.expect(DISPOSITION))[2][4])
    return states


def transfers(wire: Wire, handle: int) -> list[tuple[list[Any], bytes]]:
    return [
        (fields, payload)
        for _, code, fields, payload in wire.received
        if code == TRANSFER and fields[0] == handle
    ]


@pytest.mark.parametrize("mechanism", ["MSSBCBS", "ANONYMOUS", "EXTERNAL"])
async def test_mechanisms_without_password_lead_to_open(port: int, mechanism: str) -> None:
    async with await Wire.connect(port) as wire:
        assert await wire.login(mechanism) == 0
        wire.open()
        assert (await wire.expect(OPEN))[2][2] == frames.MAX_FRAME_SIZE


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [("PLAIN", b"\0RootManageSharedAccessKey\0wrong"), ("PLAIN", b"nonsense"), ("SCRAM-SHA-256", b"")],
)
async def test_a_wrong_login_is_refused_and_ends_the_connection(
    port: int, mechanism: str, response: bytes
) -> None:
    async with await Wire.connect(port) as wire:
        assert await wire.login(mechanism, response) == 1
        assert await wire.ended()


async def test_key_name_and_key_over_plain_need_no_token(port: int) -> None:
    async with await Wire.connect(port) as wire:
        assert await wire.login("PLAIN", f"\0{KEY.name}\0{KEY.secret}".encode()) == 0
        wire.open()
        wire.begin()
        assert [state.descriptor for state in await send(wire, "forgetful", message())] == [ACCEPTED]


async def test_without_a_token_links_are_refused(port: int) -> None:
    async with await Wire.connect(port) as wire:
        await wire.login("ANONYMOUS")
        wire.open()
        wire.begin()
        wire.attach(1, SENDER, "wire")
        attach = (await wire.expect(ATTACH))[2]
        detach = (await wire.expect(DETACH))[2]
        assert attach[5] is not None
        assert len(attach) <= 6 or attach[6] is None
        assert detach[2].value[0] == "amqp:unauthorized-access"


async def test_transactions_are_refused(wire: Wire) -> None:
    wire.attach(1, SENDER, "", target=encode.composite(0x30, []))
    assert (await wire.expect(DETACH))[2][2].value[0] == "amqp:not-implemented"


@pytest.mark.parametrize(
    "header", [b"AMQP\x00\x00\x09\x01", b"AMQP\x02\x01\x00\x00", b"GET / HT", frames.AMQP_HEADER]
)
async def test_another_protocol_header_is_answered_with_the_wanted_one(port: int, header: bytes) -> None:
    async with await Wire.connect(port) as wire:
        wire.writer.write(header)
        assert await wire.read(8) == frames.SASL_HEADER
        assert await wire.ended()


MALFORMED = {
    "too large": struct.pack(">IBBH", frames.MAX_FRAME_SIZE + 1, 2, 0, 0),
    "too small": struct.pack(">IBBH", 4, 2, 0, 0),
    "offset beyond": struct.pack(">IBBH", 8, 200, 0, 0),
    "unknown frame type": struct.pack(">IBBH", 8, 2, 9, 0),
    "not described": frames.frame(0, b"\x40"),
    "unknown performative": frames.frame(0, encode.composite(0x99, [])),
    "truncated list": frames.frame(0, b"\x00\x53\x14\xd0\x00\x00\xff\xff\x00\x00\x00\x01"),
    "missing field": frames.frame(0, encode.composite(TRANSFER, [])),
    "wrong field type": frames.frame(0, encode.composite(TRANSFER, [encode.string("handle")])),
    "nested for ever": frames.frame(0, b"\x00" * 60_000),
    "second begin": frames.frame(0, encode.composite(BEGIN, [encode.NULL, *[encode.uint(1)] * 3])),
    "handle in use": frames.frame(
        0, encode.composite(ATTACH, [encode.string("x"), encode.uint(100), encode.FALSE])
    ),
    "negative handle": frames.frame(
        0, encode.composite(ATTACH, [encode.string("x"), encode.int_(-1), encode.FALSE])
    ),
    "huge delivery id": frames.frame(0, encode.composite(TRANSFER, [encode.uint(100), encode.ulong(2**40)])),
    "unknown settle mode": frames.frame(
        0, encode.composite(ATTACH, [encode.string("x"), encode.uint(5), encode.FALSE, encode.ubyte(9)])
    ),
    "terminus that is no list": frames.frame(
        0,
        encode.composite(
            ATTACH,
            [
                encode.string("x"),
                encode.uint(5),
                encode.FALSE,
                *[encode.NULL] * 3,
                encode.described(0x29, encode.TRUE),
            ],
        ),
    ),
    "unknown type code": frames.frame(0, b"\x00\x53\x14\x1f"),
    "random": bytes(range(7, 255)),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_frames_end_their_own_connection_alone(port: int, wire: Wire, name: str) -> None:
    async with await Wire.opened(port, KEY) as bad:
        bad.writer.write(MALFORMED[name])
        error = (await bad.expect(CLOSE))[2][0]
        assert error.value[0] in {"amqp:connection:framing-error", "amqp:decode-error"}
        assert await bad.ended()
    assert [state.descriptor for state in await send(wire, "forgetful", message())] == [ACCEPTED]


async def test_malformed_messages_are_rejected_one_by_one(wire: Wire, broker: Any) -> None:
    before = broker.stats("forgetful")["incoming"]
    broken = [
        b"",
        b"garbage",
        encode.composite(0x70, []),
        message()[:-1],
        encode.described(0x70, encode.list_([encode.NULL, encode.long(900)])) + message(),
        encode.described(0x74, encode.list_([encode.uint(1)])) + message() + b"\x00",
        encode.described(0x75, encode.NULL)[:-1],
    ]
    states = await send(wire, "forgetful", *broken, message())
    assert [state.descriptor for state in states] == [REJECTED] * len(broken) + [ACCEPTED]
    assert {state.value[0].value[0] for state in states[:-1]} == {"amqp:decode-error"}
    assert broker.stats("forgetful")["incoming"] == before + 1


async def test_a_batch_with_one_malformed_message_is_rejected_whole(wire: Wire, broker: Any) -> None:
    before = broker.stats("forgetful")["incoming"]
    batch = message(message(b"good")) + message(b"bad")
    (state,) = await send(wire, "forgetful", batch, kind=0x80013700)
    assert state.descriptor == REJECTED
    assert broker.stats("forgetful")["incoming"] == before


async def test_a_message_in_many_frames_goes_both_ways(port: int) -> None:
    async with await Wire.opened(port, KEY, max_frame=512) as wire:
        payload = message(bytes(range(256)) * 20)
        wire.attach(1, SENDER, "wire")
        parts = [payload[start : start + 700] for start in range(0, len(payload), 700)]
        for part in parts:
            wire.transfer(1, 0, part, more=part is not parts[-1])
        assert (await wire.expect(DISPOSITION))[2][4].descriptor == ACCEPTED
        wire.attach(2, RECEIVER, "wire", settle=1)
        wire.credit(2, 1)
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2 and not fields[5])
        pieces = transfers(wire, 2)
        assert len(pieces) > 10
        assert b"".join(part for _, part in pieces).endswith(payload)


async def test_a_message_that_grows_too_large_is_rejected_and_the_link_lives_on(wire: Wire) -> None:
    wire.attach(1, SENDER, "forgetful")
    part = b"x" * 100_000
    for more in (True, True, False):
        wire.transfer(1, 0, part, more=more)
    state = (await wire.expect(DISPOSITION))[2][4]
    assert state.value[0].value[0] == "amqp:link:message-size-exceeded"
    assert str(MAX_MESSAGE_SIZE) in state.value[0].value[1]
    wire.transfer(1, 1, message())
    assert (await wire.expect(DISPOSITION))[2][4].descriptor == ACCEPTED


async def test_no_message_leaves_without_credit_and_drain_gives_the_rest_back(
    wire: Wire, broker: Any
) -> None:
    await send(wire, "wire", message(b"1"), message(b"2"), message(b"3"))
    wire.attach(2, RECEIVER, "wire", settle=1)
    wire.credit(2, 2)
    await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
    await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
    assert broker.stats("wire")["active"] == 1
    wire.credit(2, 10, count=2, drain=True)
    flow = (await wire.expect(FLOW, lambda fields: fields[4] == 2))[2]
    assert len(transfers(wire, 2)) == 3
    assert flow[5:9] == [12, 0, None, True]


async def test_a_closed_session_window_holds_messages_back(port: int, broker: Any) -> None:
    async with await Wire.opened(port, KEY, window=2) as wire:
        await send(wire, "windows", *[message(bytes([number])) for number in range(4)])
        wire.attach(2, RECEIVER, "windows", settle=1)
        wire.credit(2, 100, window=1, seen=1)
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
        assert broker.stats("windows")["active"] == 3
        wire.window(seen=2, window=2)
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
        assert broker.stats("windows")["active"] == 1
        wire.window(seen=4, window=5)
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2)


async def test_more_transfers_than_the_window_pass_in_one_session(wire: Wire) -> None:
    wire.attach(1, SENDER, "forgetful")
    await wire.expect(FLOW, lambda fields: fields[4:5] == [1])
    count = WINDOW // 2 + 100
    wire.writer.write(wire.transfer_frame(1, 0, b"\0\0\0", more=True) * count)
    # One message of many frames uses up no credit, so the flow that opens the window again names no link.
    flow = (await wire.expect(FLOW, lambda fields: len(fields) == 4))[2]
    assert flow[0] + flow[1] > WINDOW
    wire.transfer(1, 0, b"", more=False)
    assert (await wire.expect(DISPOSITION))[2][4].descriptor == REJECTED


async def test_settlements_of_a_range_are_echoed_one_by_one(wire: Wire, broker: Any) -> None:
    await send(wire, "wire", *[message(bytes([number])) for number in range(4)])
    wire.attach(2, RECEIVER, "wire")
    wire.credit(2, 4)
    numbers = [(await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[2][1] for _ in range(4)]
    wire.dispose(numbers[0], numbers[1], frames.ACCEPTED)
    for number in numbers[:2]:
        fields = (await wire.expect(DISPOSITION))[2]
        assert (fields[1], fields[3], fields[4].descriptor) == (number, True, ACCEPTED)
    wire.dispose(0, 0xFFFFFFFF, frames.RELEASED, settled=True)
    await empty(wire, "wire")
    assert len(transfers(wire, 50)) == 2
    wire.dispose(numbers[0], numbers[0], frames.ACCEPTED)
    assert broker.stats("wire")["total"] == 0


async def test_an_expired_lock_counts_and_hands_the_message_on(wire: Wire) -> None:
    await send(wire, "quick-locks", message())
    wire.attach(2, RECEIVER, "quick-locks")
    wire.credit(2, 2)
    (first, _), (second, payload) = [
        (await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[2:4] for _ in range(2)
    ]
    assert first[2] != second[2]
    assert payload.startswith(encode.composite(0x70, [encode.FALSE, *[encode.NULL] * 3, encode.uint(1)]))
    wire.dispose(first[1], second[1], frames.ACCEPTED)
    lost, done = [(await wire.expect(DISPOSITION))[2][4] for _ in range(2)]
    assert lost.value[0].value[0] == "com.microsoft:message-lock-lost"
    assert done.descriptor == ACCEPTED


async def test_a_delivery_state_that_means_nothing_here_is_refused(wire: Wire) -> None:
    await send(wire, "wire", message())
    wire.attach(2, RECEIVER, "wire")
    wire.credit(2, 1)
    number = (await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[2][1]
    wire.dispose(number, number, encode.composite(0x34, [encode.binary(b"txn"), frames.ACCEPTED]))
    assert (await wire.expect(DISPOSITION))[2][4].value[0].value[0] == "amqp:not-implemented"
    await empty(wire, "wire")


async def test_competing_receivers_share_messages_in_turn(port: int) -> None:
    wires = [await Wire.opened(port, KEY) for _ in range(3)]
    for wire in wires:
        wire.attach(2, RECEIVER, "crowd", settle=1)
        wire.credit(2, 100)
        await wire.expect(ATTACH, lambda fields: fields[1] == 2)
    async with await Wire.opened(port, KEY) as sender:
        await send(sender, "crowd", *[message(b"%d" % number) for number in range(9)])
    bodies = []
    for wire in wires:
        for _ in range(3):
            bodies.append((await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[3][-1:])
        await wire.close()
    assert sorted(bodies) == [b"%d" % number for number in range(9)]


async def test_a_hundred_connections_are_served(port: int, broker: Any) -> None:
    wires = await asyncio.gather(*(Wire.opened(port, KEY) for _ in range(100)))
    states = await asyncio.gather(*(send(wire, "crowd", message(b"x")) for wire in wires))
    assert {state.descriptor for (state,) in states} == {ACCEPTED}
    await empty(wires[0], "crowd")
    assert len(transfers(wires[0], 50)) == 100
    await asyncio.gather(*(wire.close() for wire in wires))


async def test_silent_connections_get_heartbeats_when_they_ask_for_them(port: int) -> None:
    async with await Wire.opened(port, KEY, idle=200) as wire:
        await wire.heartbeat()
        await wire.heartbeat()


async def test_frames_after_the_end_of_a_session_are_ignored(wire: Wire) -> None:
    wire.begin(channel=3)
    wire.send(END, [], channel=3)
    wire.send(DETACH, [encode.uint(0), encode.TRUE], channel=3)
    wire.transfer(77, 0, message())
    assert (await wire.expect(END))[0] == 3
    wire.send(CLOSE, [])
    await wire.expect(CLOSE)
    assert await wire.ended()


async def test_a_client_that_does_not_read_holds_nobody_up(port: int, broker: Any) -> None:
    async with await Wire.opened(port, KEY) as slow, await Wire.opened(port, KEY) as wire:
        count = 100
        slow.attach(2, RECEIVER, "crowd", settle=1)
        slow.credit(2, count, window=10_000)
        await slow.expect(ATTACH, lambda fields: fields[1] == 2)
        await send(wire, "crowd", *[message(bytes(200_000))] * count)
        assert broker.stats("crowd")["active"] > 0
        assert [state.descriptor for state in await send(wire, "forgetful", message(), handle=3)] == [
            ACCEPTED
        ]
        for _ in range(count):
            await slow.expect(TRANSFER, lambda fields: fields[0] == 2 and not fields[5])
        assert broker.stats("crowd")["active"] == 0


async def test_a_broker_that_stops_does_not_wait_for_a_client_that_does_not_read() -> None:
    queues = (QueueSettings(name="q"),)
    async with Broker(BrokerSettings(queues=queues, key=KEY)) as own:
        slow = await Wire.opened(own.port, KEY)
        await send(slow, "q", *[message(bytes(200_000))] * 100)
        slow.attach(2, RECEIVER, "q", settle=1)
        slow.credit(2, 100, window=10_000)
        await slow.expect(ATTACH, lambda fields: fields[1] == 2)
    await slow.close()
