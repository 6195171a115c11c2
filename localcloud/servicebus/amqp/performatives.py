"""The performatives that a client sends, as checked values (OASIS AMQP 1.0, parts 2.7 and 5.3.3).

Field order, types and defaults are the standard's; fields after the last one that the broker reads are left out.
"""

import dataclasses
import typing
from dataclasses import dataclass

from localcloud.servicebus.amqp.types import DecodeError, Described, Value

MAX_UINT = 0xFFFF_FFFF
SENDER = False
RECEIVER = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Begins a connection; sizes in bytes, the idle time-out in milliseconds."""

    container_id: str
    hostname: str | None = None
    max_frame_size: int = MAX_UINT
    channel_max: int = 0xFFFF
    idle_time_out: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Begins a session on a channel."""

    remote_channel: int | None = None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """Attaches a link to a session; `role` is the client's."""

    name: str
    handle: int
    role: bool
    snd_settle_mode: int = 2
    rcv_settle_mode: int = 0
    source: Described | None = None
    target: Described | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Updates the flow state of a session and, with a handle, of a link."""

    next_incoming_id: int | None = None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Carries a part of a message; identity fields may be missing on all parts but the first."""

    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: Described | None = None
    resume: bool = False
    aborted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """Tells the state of the deliveries `first` to `last`."""

    role: bool
    first: int
    last: int | None = None
    settled: bool = False
    state: Described | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach:
    """Detaches a link."""

    handle: int
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Ends a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Closes a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslInit:
    """Chooses the SASL mechanism."""

    mechanism: str
    initial_response: bytes | None = None


Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close | SaslInit

_CLASSES: dict[int, type[Performative]] = {
    0x10: Open,
    0x11: Begin,
    0x12: Attach,
    0x13: Flow,
    0x14: Transfer,
    0x15: Disposition,
    0x16: Detach,
    0x17: End,
    0x18: Close,
    0x41: SaslInit,
}

_REQUIRED = dataclasses.MISSING


def _shape(cls: type[Performative]) -> tuple[tuple[str, typing.Any, typing.Any], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((field.name, hints[field.name], field.default) for field in dataclasses.fields(cls))


_SHAPES = {code: (cls, _shape(cls)) for code, cls in _CLASSES.items()}


def parse(value: Value) -> Performative:
    """Checks a decoded frame body and names its fields; raises `DecodeError` when it is no performative of a client."""
    if not isinstance(value, Described) or not isinstance(value.value, list):
        raise DecodeError("a frame body must be a described list")
    known = _SHAPES.get(value.descriptor) if isinstance(value.descriptor, int) else None
    if known is None:
        raise DecodeError(f"unknown performative {value.descriptor!r:.40}")
    cls, shape = known
    arguments = {}
    for (name, accepted, default), field in zip(shape, value.value, strict=False):
        if field is None:
            if default is _REQUIRED:
                raise DecodeError(f"{cls.__name__.lower()} lacks its field {name}")
        elif isinstance(field, accepted) and (not isinstance(field, int) or 0 <= field <= MAX_UINT):
            arguments[name] = field
        else:
            raise DecodeError(f"{cls.__name__.lower()} has a field {name} of a wrong type")
    try:
        return cls(**arguments)
    except TypeError as error:
        raise DecodeError(f"{cls.__name__.lower()} lacks a required field") from error
