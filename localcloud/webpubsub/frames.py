"""The frames that a client may send: parsed into values, or refused with a reason."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.webpubsub.payloads import Payload, PayloadError, payload_from_field


class FrameError(Exception):
    """A frame that the protocol does not know; the reason is told to the client before the socket closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroup:
    """The client wants to receive what is sent to a group."""

    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveGroup:
    """The client no longer wants what is sent to a group."""

    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToGroup:
    """The client publishes to a group; `no_echo` leaves out the client itself."""

    group: str
    payload: Payload
    no_echo: bool
    ack_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEvent:
    """The client sends an event to the upstream event handler."""

    event: str
    payload: Payload
    ack_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceAck:
    """A reliable client has everything up to and including this sequence id."""

    sequence_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The client asks for a sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """The client calls the upstream and wants a correlated response."""

    invocation_id: str


ClientFrame = JoinGroup | LeaveGroup | SendToGroup | UserEvent | SequenceAck | Ping | Invoke

_MAXIMUM_GROUP_LENGTH = 1024
_MAXIMUM_INTEGER = 2**64 - 1


def parse_frame(text: str) -> ClientFrame:
    """Reads one text frame of a JSON subprotocol.

    Raises:
        FrameError: Not a JSON object, an unknown `type`, or a field that is missing or of a wrong type.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"The frame is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise FrameError("The frame is not a JSON object.")
    parse = _PARSERS.get(str(fields.get("type")))
    if parse is None:
        raise FrameError(f"The frame type {fields.get('type')!r} is not supported.")
    try:
        return parse(fields)
    except PayloadError as error:
        raise FrameError(f"The {fields['type']} frame was refused: {error}.") from error


def _send_to_group(fields: Mapping[str, Any]) -> SendToGroup:
    if "stream" in fields:
        raise FrameError("Streams are not supported.")
    no_echo = fields.get("noEcho", False)
    if not isinstance(no_echo, bool):
        raise FrameError("noEcho must be true or false.")
    return SendToGroup(
        group=_group(fields), payload=_payload(fields), no_echo=no_echo, ack_id=_ack_id(fields)
    )


def _payload(fields: Mapping[str, Any]) -> Payload:
    if "data" not in fields:
        raise FrameError("data is missing.")
    return payload_from_field(fields.get("dataType"), fields["data"])


def _group(fields: Mapping[str, Any]) -> str:
    group = _text(fields, "group")
    if len(group) > _MAXIMUM_GROUP_LENGTH:
        raise FrameError(f"group is longer than {_MAXIMUM_GROUP_LENGTH} characters.")
    return group


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise FrameError(f"{name} must be a string that is not blank.")
    return value


def _ack_id(fields: Mapping[str, Any]) -> int | None:
    return None if fields.get("ackId") is None else _integer(fields, "ackId")


def _integer(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= _MAXIMUM_INTEGER:
        raise FrameError(f"{name} must be an unsigned 64-bit integer.")
    return value


_PARSERS: Mapping[str, Callable[[Mapping[str, Any]], ClientFrame]] = {
    "joinGroup": lambda fields: JoinGroup(group=_group(fields), ack_id=_ack_id(fields)),
    "leaveGroup": lambda fields: LeaveGroup(group=_group(fields), ack_id=_ack_id(fields)),
    "sendToGroup": _send_to_group,
    "event": lambda fields: UserEvent(
        event=_text(fields, "event"), payload=_payload(fields), ack_id=_ack_id(fields)
    ),
    "sequenceAck": lambda fields: SequenceAck(sequence_id=_integer(fields, "sequenceId")),
    "ping": lambda _: Ping(),
    "invoke": lambda fields: Invoke(invocation_id=_text(fields, "invocationId")),
}
