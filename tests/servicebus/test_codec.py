"""The codec: round trips, agreement with the independent codec inside the Python SDK, and hostile input."""

import struct
import uuid
from typing import Any

import pytest
from azure.servicebus._pyamqp import _decode as sdk_decode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.decode import MAX_DEPTH, decode, raw_items, skip
from localcloud.servicebus.amqp.performatives import parse
from localcloud.servicebus.amqp.types import DecodeError, Described, Symbol, Timestamp
from localcloud.servicebus.messages import (
    BATCH_FORMAT,
    Stamps,
    parse_transfer,
    property_value,
    render,
    serialize,
)
from localcloud.servicebus.messages import (
    parse as parse_message,
)

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
I32, I64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=300)
TEXT = st.text(max_size=300)


# A busy machine is no reason to fail.
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Whole messages are slow to make up, and their parts have been through the tests above.
FEWER = settings(STEADY, max_examples=40)


def pair(strategy: st.SearchStrategy[Any], encoder: Any, wrap: Any = lambda value: value) -> Any:
    """Values together with their encodings."""
    return strategy.map(lambda value: (wrap(value), encoder(value)))


scalars = st.one_of(
    st.just((None, encode.NULL)),
    pair(st.booleans(), encode.boolean),
    pair(st.integers(0, 255), encode.ubyte),
    pair(st.integers(0, 65535), encode.ushort),
    pair(U32, encode.uint),
    pair(U64, encode.ulong),
    pair(I32, encode.int_),
    pair(I64, encode.long),
    pair(st.floats(allow_nan=False), encode.double),
    pair(I64, encode.timestamp, Timestamp),
    pair(st.uuids(), encode.uuid_),
    pair(st.binary(max_size=300), encode.binary),
    pair(TEXT, encode.string),
    pair(ASCII, encode.symbol, Symbol),
    pair(st.lists(I64, min_size=1, max_size=5), encode.array_of_longs),
)


def lists(inner: Any) -> Any:
    return st.lists(inner, max_size=5).map(
        lambda items: ([value for value, _ in items], encode.list_([raw for _, raw in items]))
    )


def maps(inner: Any) -> Any:
    entries = st.lists(st.tuples(TEXT, inner), max_size=4, unique_by=lambda entry: entry[0])
    return entries.map(
        lambda items: (
            {key: value for key, (value, _) in items},
            encode.map_((encode.string(key), raw) for key, (_, raw) in items),
        )
    )


def described(inner: Any) -> Any:
    return st.tuples(st.integers(0, 255), inner).map(
        lambda item: (Described(item[0], item[1][0]), encode.described(item[0], item[1][1]))
    )


values = st.recursive(scalars, lambda inner: lists(inner) | maps(inner) | described(inner), max_leaves=12)


@STEADY
@given(values, st.binary(max_size=4))
def test_what_is_encoded_decodes_to_the_same_value_and_ends_where_it_ended(case: Any, rest: bytes) -> None:
    value, raw = case
    assert decode(b"\x40" + raw + rest, 1) == (value, 1 + len(raw))
    assert skip(b"\x40" + raw + rest, 1) == 1 + len(raw)


@STEADY
@given(st.one_of(lists(scalars), maps(scalars)))
def test_raw_items_cut_a_list_or_map_into_its_encodings(case: Any) -> None:
    value, raw = case
    items = raw_items(raw, 0)
    flat = [each for entry in value.items() for each in entry] if isinstance(value, dict) else value
    assert [decode(item)[0] for item in items] == flat


def as_sdk(value: Any) -> Any:
    """The same value as the SDK's decoder returns it: text and symbols stay bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [as_sdk(each) for each in value]
    if isinstance(value, dict):
        return {as_sdk(key): as_sdk(each) for key, each in value.items()}
    return value


@STEADY
@given(st.recursive(scalars, lambda inner: lists(inner) | maps(inner), max_leaves=12))
def test_the_sdk_decodes_what_is_encoded_here(case: Any) -> None:
    value, raw = case
    rest, decoded = sdk_decode._DECODE_BY_CONSTRUCTOR[raw[0]](memoryview(raw)[1:])
    assert bytes(rest) == b""
    assert decoded == as_sdk(value)


@STEADY
@given(st.binary(max_size=200))
@example(b"\x00" * 10_000)
@example(b"\xf0\x00\x00\x00\x09\xff\xff\xff\xff\x40")
@example(b"\xd1\x00\x00\x00\x06\x00\x00\x00\x02\x45\x40")
@example(b"\xe0\x01\x00")
def test_garbage_is_decoded_or_refused_and_nothing_else(data: bytes) -> None:
    for read in (
        decode,
        skip,
        raw_items,
        lambda data, _: parse(decode(data)[0]),
        lambda data, _: parse_message(data),
    ):
        try:
            read(data, 0)
        except DecodeError:
            continue


@STEADY
@given(values, st.data())
def test_a_truncated_value_is_refused(case: Any, data: st.DataObject) -> None:
    raw = case[1]
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(DecodeError):
        decode(raw[:cut])
    with pytest.raises(DecodeError):
        skip(raw[:cut], 0)


def test_nesting_is_limited() -> None:
    raw = encode.NULL
    for _ in range(MAX_DEPTH + 1):
        raw = encode.list_([raw])
    with pytest.raises(DecodeError, match="nested"):
        decode(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\x56\x01", True),
        (b"\x51\xff", -1),
        (b"\x61\xff\xfe", -2),
        (b"\x72" + struct.pack(">f", 0.5), 0.5),
        (b"\x73\x00\x01\xf6\x00", "😀"),
        (b"\x94" + bytes(16), bytes(16)),
        (b"\xe0\x07\x02\x00\x53\x24\x50\x01\x02", [Described(0x24, 1), Described(0x24, 2)]),
    ],
)
def test_types_that_are_never_sent_from_here_are_read(raw: bytes, value: Any) -> None:
    assert decode(raw) == (value, len(raw))


header = st.builds(
    lambda durable, priority, ttl: encode.composite(
        0x70,
        [encode.boolean(durable), encode.ubyte(priority), encode.NULL if ttl is None else encode.uint(ttl)],
    ),
    st.booleans(),
    st.integers(0, 9),
    st.none() | U32,
)
properties = TEXT.map(lambda text: encode.composite(0x73, [encode.string(text)]))
application = maps(scalars).map(lambda item: encode.described(0x74, item[1]))
annotations = maps(scalars).map(lambda item: encode.described(0x72, item[1]))
bodies = st.one_of(
    st.lists(st.binary(max_size=300), min_size=1, max_size=3).map(
        lambda parts: b"".join(encode.described(0x75, encode.binary(part)) for part in parts)
    ),
    values.map(lambda item: encode.described(0x77, item[1])),
)
optional = [st.just(b"") | each for each in (header, annotations, properties, application)]
encoded_messages = st.tuples(*optional, bodies).map(b"".join)


@FEWER
@given(encoded_messages)
def test_a_stored_message_reads_back_as_it_was(raw: bytes) -> None:
    content = parse_message(raw)
    assert parse_message(serialize(content)) == content


@FEWER
@given(encoded_messages)
def test_the_sdk_reads_a_rendered_message_with_the_broker_stamps(raw: bytes) -> None:
    content = parse_message(raw)
    stamps = Stamps(
        delivery_count=3,
        enqueued_at=1000,
        sequence=7,
        enqueued_sequence=6,
        state=0,
        locked_until=2000,
        expires_at=1500,
    )
    decoded = sdk_decode.decode_payload(memoryview(render(content, stamps)))
    assert (decoded.header.delivery_count, decoded.header.ttl) == (3, 500)
    wanted = {
        b"x-opt-enqueued-time": 1000,
        b"x-opt-sequence-number": 7,
        b"x-opt-enqueue-sequence-number": 6,
        b"x-opt-message-state": 0,
        b"x-opt-locked-until": 2000,
    }
    assert wanted.items() <= decoded.message_annotations.items()
    assert render(content, stamps).endswith(content.body)


@FEWER
@given(st.lists(encoded_messages, min_size=1, max_size=4))
def test_a_batch_holds_its_messages_and_nothing_of_its_envelope(raws: list[bytes]) -> None:
    envelope = encode.composite(0x73, [encode.string("of the envelope")])
    batch = envelope + b"".join(encode.described(0x75, encode.binary(raw)) for raw in raws)
    contents = parse_transfer(BATCH_FORMAT, batch)
    assert [content.body for content in contents] == [parse_message(raw).body for raw in raws]


def test_a_message_without_id_gets_one_and_loses_what_only_the_broker_may_say() -> None:
    forged = encode.map_([(encode.symbol("x-opt-sequence-number"), encode.long(99))])
    content = parse_message(encode.described(0x72, forged) + encode.described(0x75, encode.binary(b"x")))
    assert uuid.UUID(hex=content.message_id)
    assert content.annotations == ()


def test_annotations_may_have_keys_of_any_type() -> None:
    keys = [encode.list_([]), encode.NULL, encode.ulong(1), encode.symbol("x-opt-partition-key")]
    pairs = tuple((key, encode.TRUE) for key in keys)
    content = parse_message(
        encode.described(0x72, encode.map_(pairs)) + encode.described(0x75, encode.binary(b"x"))
    )
    assert content.annotations == pairs


@pytest.mark.parametrize(
    "value", [None, True, -1, 2**64 - 1, 1.5, "ü", b"\xff", Symbol("s"), Timestamp(5), uuid.UUID(int=3)]
)
def test_a_property_to_modify_keeps_its_value(value: Any) -> None:
    assert decode(property_value(value))[0] == value


def test_changed_application_properties_replace_those_of_the_same_name() -> None:
    raw = encode.described(
        0x74, encode.map_([(encode.string("a"), encode.long(1)), (encode.string("b"), encode.long(2))])
    )
    content = parse_message(raw + encode.described(0x75, encode.binary(b"x")))
    changed = content.with_properties({"b": encode.string("new"), "c": encode.TRUE})
    assert {decode(key)[0]: decode(value)[0] for key, value in changed.application_properties} == {
        "a": 1,
        "b": "new",
        "c": True,
    }
