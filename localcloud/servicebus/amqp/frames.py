"""Frames: cutting the incoming bytes, building what the broker sends (OASIS AMQP 1.0, parts 2.3, 2.7, 3.4 and 5.3)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.performatives import MAX_UINT, RECEIVER, SENDER

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
HEADER_SIZE = 8
AMQP_FRAME = 0
SASL_FRAME = 1
MAX_FRAME_SIZE = 1024 * 1024
MIN_MAX_FRAME_SIZE = 512

_HEAD = struct.Struct(">IBBH")


class FrameError(ValueError):
    """The byte stream is not a sequence of AMQP frames; nothing after it on the connection can be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: type (AMQP or SASL), channel, and body, which is empty for a heartbeat."""

    type: int
    channel: int
    body: bytes


@dataclass(frozen=True, slots=True)
class AmqpError:
    """An error as the peer sees it: a condition symbol and a text for people."""

    condition: str
    description: str

    def encoded(self) -> bytes:
        """Encodes all three fields: the Python SDK reads the third without looking whether it is there."""
        return encode.composite(
            0x1D, [encode.symbol(self.condition), encode.string(self.description), encode.map_([])]
        )


def cut(buffer: bytearray) -> Frame | None:
    """Removes one complete frame from the front of `buffer`, if it holds one; raises `FrameError` on a malformed head."""
    if len(buffer) < HEADER_SIZE:
        return None
    size, offset, frame_type, channel = _HEAD.unpack_from(buffer)
    if size > MAX_FRAME_SIZE:
        raise FrameError(f"a frame of {size} bytes is larger than {MAX_FRAME_SIZE}")
    start = offset * 4
    if start < HEADER_SIZE or start > size or frame_type not in {AMQP_FRAME, SASL_FRAME}:
        raise FrameError("a frame head is malformed")
    if len(buffer) < size:
        return None
    body = bytes(memoryview(buffer)[start:size])
    del buffer[:size]
    return Frame(frame_type, channel, body)


def frame(channel: int, body: bytes, frame_type: int = AMQP_FRAME) -> bytes:
    """Builds a frame; an empty body makes a heartbeat."""
    return _HEAD.pack(HEADER_SIZE + len(body), 2, frame_type, channel) + body


HEARTBEAT = frame(0, b"")

ACCEPTED = encode.composite(0x24, [])
REJECTED = encode.composite(0x25, [])
RELEASED = encode.composite(0x26, [])
MODIFIED = encode.composite(0x27, [])


def rejected(error: AmqpError) -> bytes:
    """Builds the delivery state `rejected` with its reason."""
    return encode.composite(0x25, [error.encoded()])


def sasl_mechanisms(names: Sequence[str]) -> bytes:
    """Builds the offer of SASL mechanisms, always as an array, which both SDKs expect."""
    return frame(0, encode.composite(0x40, [encode.array_of_symbols(names)]), SASL_FRAME)


def sasl_outcome(code: int) -> bytes:
    """Builds the end of the SASL exchange: 0 for success, 1 for refused."""
    return frame(0, encode.composite(0x44, [encode.ubyte(code)]), SASL_FRAME)


def open_(container_id: str) -> bytes:
    """Builds the broker's half of opening a connection."""
    fields = [encode.string(container_id), encode.NULL, encode.uint(MAX_FRAME_SIZE), encode.ushort(0xFFFF)]
    return frame(0, encode.composite(0x10, fields))


def begin(channel: int, *, remote_channel: int, window: int) -> bytes:
    """Builds the answer to a session's begin; `window` counts transfer frames that the broker takes unasked."""
    fields = [
        encode.ushort(remote_channel),
        encode.uint(0),
        encode.uint(window),
        encode.uint(MAX_UINT),
        encode.uint(MAX_UINT),
    ]
    return frame(channel, encode.composite(0x11, fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachReply:
    """The broker's half of a link; a missing terminus refuses the link. `client_role` is the role in the request."""

    name: str
    handle: int
    client_role: bool
    snd_settle_mode: int
    rcv_settle_mode: int
    source: bytes
    target: bytes
    max_message_size: int


def attach(channel: int, reply: AttachReply) -> bytes:
    """Builds the broker's half of a link."""
    sends = reply.client_role is RECEIVER
    fields = [
        encode.string(reply.name),
        encode.uint(reply.handle),
        encode.boolean(SENDER if sends else RECEIVER),
        encode.ubyte(reply.snd_settle_mode),
        encode.ubyte(reply.rcv_settle_mode),
        reply.source,
        reply.target,
        encode.NULL,
        encode.NULL,
        encode.uint(0) if sends else encode.NULL,
        encode.NULL if sends else encode.ulong(reply.max_message_size),
    ]
    return frame(channel, encode.composite(0x12, fields))


def source(address: str) -> bytes:
    """Builds a source terminus."""
    return encode.composite(0x28, [encode.string(address)])


def target(address: str) -> bytes:
    """Builds a target terminus."""
    return encode.composite(0x29, [encode.string(address)])


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFlow:
    """The link part of a flow frame."""

    handle: int
    delivery_count: int
    credit: int
    drain: bool = False


def flow(
    channel: int, *, next_incoming_id: int, window: int, next_outgoing_id: int, link: LinkFlow | None
) -> bytes:
    """Builds a flow frame for a session and, when `link` is given, for that link."""
    fields = [
        encode.uint(next_incoming_id),
        encode.uint(window),
        encode.uint(next_outgoing_id),
        encode.uint(MAX_UINT),
    ]
    if link is not None:
        fields += [
            encode.uint(link.handle),
            encode.uint(link.delivery_count),
            encode.uint(link.credit),
            encode.NULL,
            encode.boolean(link.drain),
        ]
    return frame(channel, encode.composite(0x13, fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way to a client: numbers, tag, and whether it needs no settlement."""

    handle: int
    delivery_id: int
    tag: bytes
    settled: bool


def transfers(channel: int, delivery: Delivery, payload: bytes, max_frame_size: int) -> list[bytes]:
    """Cuts a message into transfer frames of at most `max_frame_size` bytes."""
    # Descriptor, list head, two numbers, three flags and the tag's head take at most 26 bytes.
    room = max(max_frame_size, MIN_MAX_FRAME_SIZE) - HEADER_SIZE - 32 - len(delivery.tag)
    frames = []
    for start in range(0, max(len(payload), 1), room):
        part = payload[start : start + room]
        more = start + room < len(payload)
        fields = [
            encode.uint(delivery.handle),
            encode.uint(delivery.delivery_id),
            encode.binary(delivery.tag),
            encode.uint(0),
            encode.boolean(delivery.settled),
            encode.boolean(more),
        ]
        frames.append(frame(channel, encode.composite(0x14, fields) + part))
    return frames


def disposition(channel: int, *, role: bool, delivery_id: int, state: bytes) -> bytes:
    """Builds the settlement of one delivery."""
    number = encode.uint(delivery_id)
    return frame(channel, encode.composite(0x15, [encode.boolean(role), number, number, encode.TRUE, state]))


def detach(channel: int, handle: int, *, closed: bool = True, error: AmqpError | None = None) -> bytes:
    """Builds the end of a link, for good when `closed`."""
    fields = [encode.uint(handle), encode.boolean(closed), encode.NULL if error is None else error.encoded()]
    return frame(channel, encode.composite(0x16, fields))


def end(channel: int, error: AmqpError | None = None) -> bytes:
    """Builds the end of a session."""
    return frame(channel, encode.composite(0x17, [] if error is None else [error.encoded()]))


def close(error: AmqpError | None = None) -> bytes:
    """Builds the end of a connection."""
    return frame(0, encode.composite(0x18, [] if error is None else [error.encoded()]))
