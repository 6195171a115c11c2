"""Values of the AMQP 1.0 type system that Python has no type for (OASIS AMQP 1.0, part 1)."""

from dataclasses import dataclass
from typing import Any

Value = Any  # None, bool, int, float, str, bytes, UUID, list, dict, or one of the types below


class Symbol(str):
    """A symbolic constant: ASCII text of a type of its own on the wire."""

    __slots__ = ()


class Timestamp(int):
    """A moment in milliseconds since the Unix epoch, UTC."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that names its meaning; descriptors are numbers for everything in the standard."""

    descriptor: Value
    value: Value


class DecodeError(ValueError):
    """The bytes are not a valid AMQP encoding, or not of the shape that the standard asks for here."""
