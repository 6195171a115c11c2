"""Encoder of the AMQP 1.0 type system: one function for each type, because Python's types do not name AMQP's.

Each function returns the complete encoding of one value; composite values take encoded elements.
"""

import struct
import uuid
from collections.abc import Iterable, Sequence

NULL = b"\x40"
TRUE = b"\x41"
FALSE = b"\x42"
EMPTY_LIST = b"\x45"

_SMALL = 0xFF
_U16 = struct.Struct(">BH").pack
_U32 = struct.Struct(">BI").pack
_I32 = struct.Struct(">Bi").pack
_U64 = struct.Struct(">BQ").pack
_I64 = struct.Struct(">Bq").pack
_F64 = struct.Struct(">Bd").pack
_WIDE_COMPOUND = struct.Struct(">BII").pack


def boolean(value: bool) -> bytes:
    """Encodes a boolean."""
    return TRUE if value else FALSE


def ubyte(value: int) -> bytes:
    """Encodes an unsigned 8-bit number."""
    return bytes((0x50, value))


def ushort(value: int) -> bytes:
    """Encodes an unsigned 16-bit number."""
    return _U16(0x60, value)


def uint(value: int) -> bytes:
    """Encodes an unsigned 32-bit number."""
    if value == 0:
        return b"\x43"
    return bytes((0x52, value)) if value <= _SMALL else _U32(0x70, value)


def ulong(value: int) -> bytes:
    """Encodes an unsigned 64-bit number."""
    if value == 0:
        return b"\x44"
    return bytes((0x53, value)) if value <= _SMALL else _U64(0x80, value)


def int_(value: int) -> bytes:
    """Encodes a signed 32-bit number."""
    return _I32(0x71, value)


def long(value: int) -> bytes:
    """Encodes a signed 64-bit number."""
    return _I64(0x81, value)


def double(value: float) -> bytes:
    """Encodes a 64-bit floating-point number."""
    return _F64(0x82, value)


def timestamp(value: int) -> bytes:
    """Encodes a moment in milliseconds since the Unix epoch."""
    return _I64(0x83, value)


def uuid_(value: uuid.UUID) -> bytes:
    """Encodes a UUID."""
    return b"\x98" + value.bytes


def binary(value: bytes) -> bytes:
    """Encodes bytes."""
    return _variable(0xA0, value)


def string(value: str) -> bytes:
    """Encodes text."""
    return _variable(0xA1, value.encode())


def symbol(value: str) -> bytes:
    """Encodes a symbol; it must be ASCII."""
    return _variable(0xA3, value.encode("ascii"))


def list_(items: Sequence[bytes]) -> bytes:
    """Encodes a list of encoded elements."""
    if not items:
        return EMPTY_LIST
    return _compound(0xC0, len(items), b"".join(items))


def map_(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encodes a map from pairs of encoded keys and values."""
    flat = [item for pair in pairs for item in pair]
    return _compound(0xC1, len(flat), b"".join(flat))


def composite(code: int, fields: Sequence[bytes]) -> bytes:
    """Encodes a described list, the form of every performative and delivery state; trailing nulls are dropped."""
    last = len(fields)
    while last and fields[last - 1] == NULL:
        last -= 1
    return described(code, list_(fields[:last]))


def described(code: int, value: bytes) -> bytes:
    """Encodes a value with a numeric descriptor below 256, always as smallulong: an SDK reads just that byte."""
    return bytes((0x00, 0x53, code)) + value


def array_of_symbols(values: Sequence[str]) -> bytes:
    """Encodes an array of symbols of at most 255 characters."""
    raw = [value.encode("ascii") for value in values]
    return _array(0xA3, [bytes((len(item),)) + item for item in raw])


def array_of_longs(values: Sequence[int]) -> bytes:
    """Encodes an array of signed 64-bit numbers."""
    return _array(0x81, [struct.pack(">q", value) for value in values])


def array_of_timestamps(values: Sequence[int]) -> bytes:
    """Encodes an array of moments in milliseconds since the Unix epoch."""
    return _array(0x83, [struct.pack(">q", value) for value in values])


def _variable(code: int, raw: bytes) -> bytes:
    if len(raw) <= _SMALL:
        return bytes((code, len(raw))) + raw
    return _U32(code + 0x10, len(raw)) + raw


def _compound(code: int, count: int, body: bytes) -> bytes:
    if len(body) < _SMALL and count <= _SMALL:
        return bytes((code, len(body) + 1, count)) + body
    return _WIDE_COMPOUND(code + 0x10, len(body) + 4, count) + body


def _array(constructor: int, elements: Sequence[bytes]) -> bytes:
    body = bytes((constructor,)) + b"".join(elements)
    return _WIDE_COMPOUND(0xF0, len(body) + 4, len(elements)) + body
