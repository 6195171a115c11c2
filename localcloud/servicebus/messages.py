"""Message content: sections kept as the bytes that came, with just the parts decoded that the broker acts upon.

Bodies and application properties are never decoded and encoded again, because that would change their types. Section
codes and annotation names are those of AMQP 1.0 part 3.2 and of the Service Bus AMQP protocol guide.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.decode import decode, raw_items, skip
from localcloud.servicebus.amqp.performatives import MAX_UINT
from localcloud.servicebus.amqp.types import DecodeError, Symbol, Timestamp, Value

BATCH_FORMAT = 0x80013700

_HEADER = 0x70
_DELIVERY_ANNOTATIONS = 0x71
_ANNOTATIONS = 0x72
_PROPERTIES = 0x73
_APPLICATION_PROPERTIES = 0x74
_DATA = 0x75
_BODY_AND_FOOTER = range(0x75, 0x79)

_LATEST = 253_402_300_799_999  # the last millisecond of the year 9999, the service's own limit
_MAX_LONG = 2**63 - 1
_SCHEDULED_TIME = "x-opt-scheduled-enqueue-time"
_OWN_ANNOTATIONS = frozenset(
    {
        "x-opt-enqueued-time",
        "x-opt-sequence-number",
        "x-opt-enqueue-sequence-number",
        "x-opt-locked-until",
        "x-opt-message-state",
        "x-opt-deadletter-source",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a client sent. `ttl` is in milliseconds, `scheduled_for` in milliseconds since the Unix epoch.

    `annotations` and `application_properties` hold encoded keys and values; `properties` the encoded fields;
    `body` the body and footer sections as they came.
    """

    durable: bool = False
    priority: int | None = None
    ttl: int | None = None
    annotations: tuple[tuple[bytes, bytes], ...] = ()
    properties: tuple[bytes, ...]
    application_properties: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes
    message_id: str
    scheduled_for: int | None = None

    def with_properties(self, changes: Mapping[str, bytes]) -> "Content":
        """Sets application properties, given as encoded values, and keeps all others."""
        if not changes:
            return self
        merged = dict(self.application_properties)
        merged.update((encode.string(name), value) for name, value in changes.items())
        return replace(self, application_properties=tuple(merged.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """What the broker adds on the way out; times in milliseconds since the Unix epoch."""

    delivery_count: int
    enqueued_at: int
    sequence: int
    enqueued_sequence: int
    state: int
    locked_until: int | None
    expires_at: int | None


def _whole_number(value: int) -> bytes:
    return encode.ulong(value) if value > _MAX_LONG else encode.long(value)


_PROPERTY_ENCODERS: tuple[tuple[type, Callable[[Value], bytes]], ...] = (
    (bool, encode.boolean),
    (Timestamp, encode.timestamp),
    (int, _whole_number),
    (float, encode.double),
    (uuid.UUID, encode.uuid_),
    (Symbol, encode.symbol),
    (bytes, encode.binary),
)


def parse_transfer(message_format: int, payload: bytes) -> list[Content]:
    """Reads what one delivery carries: one message, or all messages of a batch.

    A batch is an envelope with one data section for each complete message; its other sections repeat those of the
    first message and are ignored. Raises `DecodeError` when any message is malformed, so a batch is all or nothing.
    """
    if message_format != BATCH_FORMAT:
        return [parse(payload)]
    contents = []
    for code, raw in sections(payload):
        if code == _DATA:
            inner, _ = decode(raw, 3)
            if not isinstance(inner, bytes):
                raise DecodeError("a batch must carry messages as data sections")
            contents.append(parse(inner))
    if not contents:
        raise DecodeError("a batch carries no message")
    return contents


def parse(payload: bytes) -> Content:
    """Reads one encoded message; a message without an id gets one, which the JavaScript SDK relies upon."""
    head: dict[int, bytes] = {}
    body = []
    for code, raw in sections(payload):
        if code in _BODY_AND_FOOTER:
            body.append(raw)
        else:
            head[code] = raw
    if not body:
        raise DecodeError("a message has no body")
    header = _header(head.get(_HEADER))
    annotations = _pairs(head.get(_ANNOTATIONS))
    properties, message_id = _identified(head.get(_PROPERTIES))
    return Content(
        durable=bool(header[0]),
        priority=_number(header[1], 0xFF),
        ttl=_number(header[2], MAX_UINT),
        annotations=tuple(pair for pair in annotations if _name(pair[0]) not in _OWN_ANNOTATIONS),
        properties=properties,
        application_properties=_pairs(head.get(_APPLICATION_PROPERTIES)),
        body=b"".join(body),
        message_id=message_id,
        scheduled_for=_scheduled_time(annotations),
    )


def serialize(content: Content) -> bytes:
    """Encodes a message as it was sent, for the store; `parse` reads it back."""
    return _assemble(content, ttl=content.ttl, delivery_count=None, annotations=content.annotations)


def render(content: Content, stamps: Stamps) -> bytes:
    """Encodes a message for a receiver, with the broker's header and annotations."""
    own = [
        (encode.symbol("x-opt-enqueued-time"), encode.timestamp(stamps.enqueued_at)),
        (encode.symbol("x-opt-sequence-number"), encode.long(stamps.sequence)),
        (encode.symbol("x-opt-enqueue-sequence-number"), encode.long(stamps.enqueued_sequence)),
        (encode.symbol("x-opt-message-state"), encode.int_(stamps.state)),
    ]
    if stamps.locked_until is not None:
        own.append((encode.symbol("x-opt-locked-until"), encode.timestamp(stamps.locked_until)))
    ttl = content.ttl if stamps.expires_at is None else min(stamps.expires_at - stamps.enqueued_at, MAX_UINT)
    return _assemble(
        content, ttl=ttl, delivery_count=stamps.delivery_count, annotations=(*content.annotations, *own)
    )


def property_value(value: Value) -> bytes:
    """Encodes a decoded application property; types that Python does not tell apart become the widest of them."""
    if value is None:
        return encode.NULL
    for kind, encoder in _PROPERTY_ENCODERS:
        if isinstance(value, kind):
            return encoder(value)
    return encode.string(str(value))


def sections(payload: bytes) -> list[tuple[int, bytes]]:
    """Cuts a message into sections; returns their codes and encodings. Raises `DecodeError`."""
    found = []
    position = 0
    while position < len(payload):
        end = skip(payload, position)
        # SDKs write section descriptors as smallulong; the long form is legal and rewritten to the short one.
        code, start = decode(payload, position + 1) if payload[position] == 0 else (None, 0)
        if not isinstance(code, int) or not _HEADER <= code < _BODY_AND_FOOTER.stop:
            raise DecodeError("a message holds something that is no message section")
        found.append((code, encode.described(code, payload[start:end])))
        position = end
    return found


def _header(raw: bytes | None) -> list[Value]:
    fields: Value = []
    if raw is not None:
        fields, _ = decode(raw, 3)
        if not isinstance(fields, list):
            raise DecodeError("a message header must be a list")
    return [*fields, None, None, None][:3]


def _number(value: Value, largest: int) -> int | None:
    if value is not None and (not isinstance(value, int) or not 0 <= value <= largest):
        raise DecodeError("a message header or annotation is no number or out of range")
    return value


def _pairs(raw: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    if raw is None:
        return ()
    items = raw_items(raw, 3)
    return tuple(zip(items[::2], items[1::2], strict=True))


def _name(raw: bytes) -> str:
    name, _ = decode(raw)
    return name if isinstance(name, str) else ""


def _identified(raw: bytes | None) -> tuple[tuple[bytes, ...], str]:
    fields = raw_items(raw, 3) if raw is not None else []
    known = decode(fields[0])[0] if fields else None
    if known is None:
        known = uuid.uuid4().hex
        fields[:1] = [encode.string(known)]
    return tuple(fields), str(known)


def _scheduled_time(annotations: tuple[tuple[bytes, bytes], ...]) -> int | None:
    for key, value in annotations:
        if _name(key) == _SCHEDULED_TIME:
            moment, _ = decode(value)
            return _number(moment, _LATEST)
    return None


def _assemble(
    content: Content,
    *,
    ttl: int | None,
    delivery_count: int | None,
    annotations: tuple[tuple[bytes, bytes], ...],
) -> bytes:
    header = [
        encode.boolean(content.durable),
        encode.NULL if content.priority is None else encode.ubyte(content.priority),
        encode.NULL if ttl is None else encode.uint(ttl),
        encode.NULL,
        encode.NULL if delivery_count is None else encode.uint(delivery_count),
    ]
    parts = [encode.composite(_HEADER, header)]
    if annotations:
        parts.append(encode.described(_ANNOTATIONS, encode.map_(annotations)))
    parts.append(encode.described(_PROPERTIES, encode.list_(content.properties)))
    if content.application_properties:
        parts.append(encode.described(_APPLICATION_PROPERTIES, encode.map_(content.application_properties)))
    parts.append(content.body)
    return b"".join(parts)
