"""Decoder of the AMQP 1.0 type system: from bytes to Python values, and slicing without decoding.

Message sections are stored as they came, so this module can also find where a value ends (`skip`) and cut a list or a map
into its encoded elements (`raw_items`). Input is hostile: every failure is a `DecodeError`, nesting is limited, and
no count is trusted further than the bytes that carry it.
"""

import struct
import uuid
from collections.abc import Callable

from localcloud.servicebus.amqp.types import DecodeError, Described, Symbol, Timestamp, Value

MAX_DEPTH = 32

_Reader = Callable[[bytes, int, int], tuple[Value, int]]
_U32 = struct.Struct(">I")
_DESCRIBED = 0x00
_COMPOUND_8 = 0xC0
_LIST_0 = 0x45
_MAPS = (0xC1, 0xD1)
_LISTS = (0xC0, 0xD0)


def decode(data: bytes, position: int = 0) -> tuple[Value, int]:
    """Decodes the value that starts at `position`; returns it and the position after it."""
    try:
        return _value(data, position, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise DecodeError(f"not a valid AMQP value: {error}") from error


def skip(data: bytes, position: int) -> int:
    """Finds the position after the value that starts at `position`, without decoding it."""
    try:
        end = _skip(data, position, 0)
    except (IndexError, struct.error) as error:
        raise DecodeError(f"not a valid AMQP value: {error}") from error
    if end > len(data):
        raise DecodeError("a value ends after its data")
    return end


def raw_items(data: bytes, position: int) -> list[bytes]:
    """Cuts the list or map at `position` into its encoded elements; a map gives key, value, key, value."""
    try:
        code = data[position]
        if code == _LIST_0:
            return []
        if code not in _LISTS and code not in _MAPS:
            raise DecodeError(f"expected a list or a map, not format code 0x{code:02x}")
        count, position, end = _compound_head(data, position + 1, wide=code >= 0xD0)
    except (IndexError, struct.error) as error:
        raise DecodeError(f"not a valid AMQP value: {error}") from error
    if code in _MAPS and count % 2:
        raise DecodeError("a map has a key without a value")
    items = []
    for _ in range(count):
        following = skip(data, position)
        items.append(data[position:following])
        position = following
    if position != end:
        raise DecodeError("a list or map does not fill its size")
    return items


def _value(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    reader = _READERS.get(data[position])
    if reader is None:
        raise DecodeError(f"unknown format code 0x{data[position]:02x}")
    return reader(data, position + 1, depth)


def _skip(data: bytes, position: int, depth: int) -> int:
    code = data[position]
    position += 1
    if code == _DESCRIBED:
        if depth >= MAX_DEPTH:
            raise DecodeError("values are nested too deeply")
        return _skip(data, _skip(data, position, depth + 1), depth + 1)
    width_class = code >> 4
    if width_class in _FIXED_WIDTHS:
        return position + _FIXED_WIDTHS[width_class]
    if width_class in {0xA, 0xC, 0xE}:
        return position + 1 + data[position]
    if width_class in {0xB, 0xD, 0xF}:
        return position + 4 + int(_U32.unpack_from(data, position)[0])
    raise DecodeError(f"unknown format code 0x{code:02x}")


def _compound_head(data: bytes, position: int, *, wide: bool) -> tuple[int, int, int]:
    """Reads size and count of a list, map or array; returns (count, position of the content, end of the content)."""
    if wide:
        size, count = struct.unpack_from(">II", data, position)
        start, end = position + 8, position + 4 + size
    else:
        size, count = data[position], data[position + 1]
        start, end = position + 2, position + 1 + size
    if end > len(data) or start > end:
        raise DecodeError("a list, map or array ends after its data")
    # Every element of a list or map takes at least one byte, and nobody sends arrays of zero-width elements.
    if count > end - start:
        raise DecodeError("a count is larger than the data that carries it")
    return count, start, end


def _read_list(data: bytes, position: int, depth: int, *, wide: bool) -> tuple[list[Value], int]:
    if depth >= MAX_DEPTH:
        raise DecodeError("values are nested too deeply")
    count, position, end = _compound_head(data, position, wide=wide)
    items = []
    for _ in range(count):
        value, position = _value(data, position, depth + 1)
        items.append(value)
    if position != end:
        raise DecodeError("a list or map does not fill its size")
    return items, end


def _read_map(data: bytes, position: int, depth: int, *, wide: bool) -> tuple[dict[Value, Value], int]:
    items, end = _read_list(data, position, depth, wide=wide)
    if len(items) % 2:
        raise DecodeError("a map has a key without a value")
    return dict(zip(items[::2], items[1::2], strict=True)), end


def _read_array(data: bytes, position: int, depth: int, *, wide: bool) -> tuple[list[Value], int]:
    if depth >= MAX_DEPTH:
        raise DecodeError("values are nested too deeply")
    count, position, end = _compound_head(data, position, wide=wide)
    code = data[position]
    position += 1
    descriptor: Value = None
    if code == _DESCRIBED:
        descriptor, position = _value(data, position, depth + 1)
        code = data[position]
        position += 1
    reader = _READERS.get(code)
    if reader is None or code == _DESCRIBED:
        raise DecodeError(f"unknown format code 0x{code:02x} of array elements")
    items = []
    for _ in range(count):
        value, position = reader(data, position, depth + 1)
        items.append(value if descriptor is None else Described(descriptor, value))
    if position != end:
        raise DecodeError("an array does not fill its size")
    return items, end


def _read_described(data: bytes, position: int, depth: int) -> tuple[Described, int]:
    if depth >= MAX_DEPTH:
        raise DecodeError("values are nested too deeply")
    descriptor, position = _value(data, position, depth + 1)
    value, position = _value(data, position, depth + 1)
    return Described(descriptor, value), position


def _constant(value: Value) -> _Reader:
    return lambda _data, position, _depth: (value, position)


def _fixed(layout: str, convert: Callable[[Value], Value] | None = None) -> _Reader:
    form = struct.Struct(layout)

    def read(data: bytes, position: int, _depth: int) -> tuple[Value, int]:
        (value,) = form.unpack_from(data, position)
        return (value if convert is None else convert(value)), position + form.size

    return read


def _variable(convert: Callable[[bytes], Value], *, wide: bool) -> _Reader:
    def read(data: bytes, position: int, _depth: int) -> tuple[Value, int]:
        if wide:
            start = position + 4
            end = start + _U32.unpack_from(data, position)[0]
        else:
            start = position + 1
            end = start + data[position]
        if end > len(data):
            raise DecodeError("a value ends after its data")
        return convert(data[start:end]), end

    return read


def _compound(read: Callable[..., tuple[Value, int]], *, wide: bool) -> _Reader:
    return lambda data, position, depth: read(data, position, depth, wide=wide)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def _symbol(raw: bytes) -> Symbol:
    return Symbol(raw.decode("ascii"))


def _character(raw: bytes) -> str:
    return raw.decode("utf-32-be")


def _uuid(raw: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=raw)


_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}

_READERS: dict[int, _Reader] = {
    _DESCRIBED: _read_described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(0),
    0x44: _constant(0),
    _LIST_0: lambda _data, position, _depth: ([], position),
    0x50: _fixed(">B"),
    0x51: _fixed(">b"),
    0x52: _fixed(">B"),
    0x53: _fixed(">B"),
    0x54: _fixed(">b"),
    0x55: _fixed(">b"),
    0x56: _fixed(">B", bool),
    0x60: _fixed(">H"),
    0x61: _fixed(">h"),
    0x70: _fixed(">I"),
    0x71: _fixed(">i"),
    0x72: _fixed(">f"),
    0x73: _fixed(">4s", _character),
    0x74: _fixed(">4s"),  # decimal32: opaque
    0x80: _fixed(">Q"),
    0x81: _fixed(">q"),
    0x82: _fixed(">d"),
    0x83: _fixed(">q", Timestamp),
    0x84: _fixed(">8s"),  # decimal64: opaque
    0x94: _fixed(">16s"),  # decimal128: opaque
    0x98: _fixed(">16s", _uuid),
    0xA0: _variable(bytes, wide=False),
    0xA1: _variable(_text, wide=False),
    0xA3: _variable(_symbol, wide=False),
    0xB0: _variable(bytes, wide=True),
    0xB1: _variable(_text, wide=True),
    0xB3: _variable(_symbol, wide=True),
    _COMPOUND_8: _compound(_read_list, wide=False),
    0xC1: _compound(_read_map, wide=False),
    0xD0: _compound(_read_list, wide=True),
    0xD1: _compound(_read_map, wide=True),
    0xE0: _compound(_read_array, wide=False),
    0xF0: _compound(_read_array, wide=True),
}
