"""Requests to `$management` and `$cbs` that no SDK sends: each is answered with a status that says what is wrong."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.messages import parse
from tests.servicebus.conftest import KEY
from tests.servicebus.wire import DISPOSITION, RECEIVER, SENDER, TRANSFER, Wire, message

MANAGEMENT, DEAD_MANAGEMENT, CBS = 10, 12, 100


@pytest.fixture
async def wire(broker: Any) -> AsyncIterator[Wire]:
    async with await Wire.opened(broker.broker.port, KEY) as opened:
        opened.pair(MANAGEMENT, "managed/$management")
        opened.pair(DEAD_MANAGEMENT, "managed/$deadletterqueue/$management")
        yield opened


def body(**fields: bytes) -> bytes:
    return encode.map_((encode.string(name.replace("_", "-")), value) for name, value in fields.items())


async def ask(
    wire: Wire, operation: str, fields: bytes, *, handle: int = MANAGEMENT
) -> tuple[int, str | None, Any]:
    properties, answer = await wire.request(handle, {"operation": f"com.microsoft:{operation}"}, fields)
    return properties["statusCode"], properties.get("errorCondition"), answer


TOKENS = encode.list_([encode.uuid_(uuid.UUID(int=1))])
NUMBERS = encode.array_of_longs([99])
NONSENSE = encode.list_([encode.string("x")])


@pytest.mark.parametrize(
    ("operation", "fields", "status", "condition"),
    [
        ("get-message-sessions", body(), 501, "amqp:not-implemented"),
        ("add-rule", body(), 501, "amqp:not-implemented"),
        ("renew-lock", encode.string("no map"), 400, "amqp:invalid-field"),
        ("renew-lock", body(), 400, "amqp:invalid-field"),
        ("renew-lock", body(lock_tokens=NONSENSE), 400, "amqp:invalid-field"),
        ("renew-lock", body(lock_tokens=TOKENS), 410, "com.microsoft:message-lock-lost"),
        ("peek-message", body(from_sequence_number=encode.long(1)), 400, "amqp:invalid-field"),
        ("cancel-scheduled-message", body(sequence_numbers=NUMBERS), 404, "com.microsoft:message-not-found"),
        ("schedule-message", body(messages=NONSENSE), 400, "amqp:invalid-field"),
        (
            "schedule-message",
            body(messages=encode.list_([body(message=encode.binary(b"garbage"))])),
            400,
            "amqp:decode-error",
        ),
        ("update-disposition", body(disposition_status=encode.string("eaten")), 400, "amqp:invalid-field"),
        (
            "update-disposition",
            body(disposition_status=encode.string("completed"), lock_tokens=TOKENS),
            410,
            "com.microsoft:message-lock-lost",
        ),
    ],
)
async def test_a_wrong_request_is_answered_with_its_error(
    wire: Wire, operation: str, fields: bytes, status: int, condition: str
) -> None:
    assert (await ask(wire, operation, fields))[:2] == (status, condition)


async def test_dead_letters_can_neither_be_scheduled_nor_buried_again(wire: Wire) -> None:
    messages = encode.list_([body(message=encode.binary(message()))])
    assert (await ask(wire, "schedule-message", body(messages=messages), handle=DEAD_MANAGEMENT))[0] == 403
    wire.attach(1, SENDER, "managed")
    wire.transfer(1, 50, message())
    await wire.expect(DISPOSITION)
    wire.attach(2, RECEIVER, "managed")
    wire.credit(2, 1)
    number = (await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[2][1]
    error = encode.composite(0x1D, [encode.symbol("my:condition"), encode.string("my text")])
    wire.dispose(number, number, encode.composite(0x25, [error]))
    await wire.expect(DISPOSITION)
    wire.attach(3, RECEIVER, "managed/$deadletterqueue")
    wire.credit(3, 1)
    _, _, fields, payload = await wire.expect(TRANSFER, lambda fields: fields[0] == 3)
    assert b"my:condition" in payload
    wire.dispose(fields[1], fields[1], encode.composite(0x25, []))
    state = (await wire.expect(DISPOSITION))[2][4]
    assert state.value[0].value[0] == "amqp:not-allowed"
    token = encode.list_([encode.uuid_(uuid.UUID(bytes_le=fields[2]))])
    done = body(disposition_status=encode.string("completed"), lock_tokens=token)
    assert (await ask(wire, "update-disposition", done, handle=DEAD_MANAGEMENT))[0] == 200


async def test_a_deferred_message_can_be_received_and_deleted_at_once(wire: Wire, broker: Any) -> None:
    wire.attach(1, SENDER, "managed")
    wire.transfer(1, 50, message(b"aside"))
    await wire.expect(DISPOSITION)
    wire.attach(2, RECEIVER, "managed")
    wire.credit(2, 1)
    _, _, fields, payload = await wire.expect(TRANSFER, lambda fields: fields[0] == 2)
    changes = encode.map_([(encode.symbol("step"), encode.double(0.5))])
    wire.dispose(fields[1], fields[1], encode.composite(0x27, [encode.NULL, encode.TRUE, changes]))
    await wire.expect(DISPOSITION)
    _, _, peeked = await ask(
        wire, "peek-message", body(from_sequence_number=encode.long(0), message_count=encode.int_(5))
    )
    annotations = dict(parse(peeked["messages"][0]["message"]).application_properties)
    assert annotations == {encode.string("step"): encode.double(0.5)}
    marker = encode.symbol("x-opt-sequence-number") + b"\x81"
    start = payload.index(marker) + len(marker)
    number = encode.array_of_longs([int.from_bytes(payload[start : start + 8], "big")])
    wanted = body(sequence_numbers=number, receiver_settle_mode=encode.uint(0))
    status, _, answer = await ask(wire, "receive-by-sequence-number", wanted)
    assert status == 200
    assert "lock-token" not in answer["messages"][0]
    assert broker.stats("managed")["total"] == 0


async def test_a_peek_is_cut_at_a_megabyte(wire: Wire) -> None:
    wire.attach(1, SENDER, "managed")
    for number in range(8):
        wire.transfer(1, 50 + number, message(bytes(200_000)))
        await wire.expect(DISPOSITION)
    fields = body(from_sequence_number=encode.long(0), message_count=encode.int_(100))
    _, _, answer = await ask(wire, "peek-message", fields)
    assert 4 <= len(answer["messages"]) <= 5
    wire.attach(2, RECEIVER, "managed", settle=1)
    wire.credit(2, 100, drain=True)
    for _ in range(8):
        await wire.expect(TRANSFER, lambda fields: fields[0] == 2 and not fields[5])


@pytest.mark.parametrize(
    ("properties", "token"),
    [
        ({"operation": "delete-token"}, encode.string("x")),
        ({"operation": "put-token", "type": "saml"}, encode.string("x")),
        ({"operation": "put-token", "type": "jwt"}, encode.string("x")),
        ({"operation": "put-token", "type": "jwt", "name": "sb://h/q"}, encode.binary(b"x")),
        ({"operation": "put-token", "type": "jwt", "name": "sb://h/q"}, encode.string("eyJ.a.b")),
    ],
)
async def test_a_wrong_put_token_is_answered_with_401(
    wire: Wire, properties: dict[str, str], token: bytes
) -> None:
    answer, _ = await wire.request(CBS, properties, token)
    assert (answer["status-code"], answer["error-condition"]) == (401, "amqp:unauthorized-access")


async def test_a_request_without_a_link_for_the_answer_is_accepted_and_not_answered(broker: Any) -> None:
    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, SENDER, "managed/$management")
        wire.transfer(1, 50, encode.described(0x77, encode.NULL))
        assert (await wire.expect(DISPOSITION))[2][4].descriptor == 0x24
        assert len([each for each in wire.received if each[1] == TRANSFER]) == 1
