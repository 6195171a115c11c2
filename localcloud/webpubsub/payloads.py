"""Payloads, and the frames that the server sends in each subprotocol.

Source of the shapes: the public reference of `json.webpubsub.azure.v1` and its reliable variant.
"""

import base64
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Frame = str | bytes
"""What goes over a socket as one text or one binary WebSocket frame."""


class Subprotocol(StrEnum):
    """The WebSocket subprotocols, by the name under which they are negotiated."""

    PLAIN = ""
    JSON = "json.webpubsub.azure.v1"
    RELIABLE = "json.reliable.webpubsub.azure.v1"

    @property
    def structured(self) -> bool:
        """Whether frames are JSON objects with a type, not bare payloads."""
        return self is not Subprotocol.PLAIN

    @property
    def reliable(self) -> bool:
        """Whether messages are numbered, acknowledged and replayed after a reconnect."""
        return self is Subprotocol.RELIABLE


class DataType(StrEnum):
    """How the data of a message is to be read."""

    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


class PayloadError(ValueError):
    """The data does not fit its data type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Application data: JSON as its text, text as it is, binary as bytes."""

    data_type: DataType
    raw: str | bytes

    @property
    def body(self) -> bytes:
        """The payload as an HTTP body."""
        return self.raw if isinstance(self.raw, bytes) else self.raw.encode()

    def field(self) -> str:
        """The JSON text of a frame's `data` field; JSON payloads pass unchanged, so no number is rounded."""
        if isinstance(self.raw, bytes):
            return json.dumps(base64.b64encode(self.raw).decode())
        return self.raw if self.data_type is DataType.JSON else json.dumps(self.raw)


_CONTENT_TYPES = {
    DataType.JSON: "application/json",
    DataType.TEXT: "text/plain",
    DataType.BINARY: "application/octet-stream",
}
_DATA_TYPES = {content_type: data_type for data_type, content_type in _CONTENT_TYPES.items()}


def content_type_of(payload: Payload) -> str:
    """The HTTP media type under which a payload travels to an event handler."""
    return _CONTENT_TYPES[payload.data_type]


def data_type_of(content_type: str) -> DataType | None:
    """The data type of an HTTP media type (without parameters), or None where it is not supported."""
    return _DATA_TYPES.get(content_type.lower())


def payload_from_body(data_type: DataType, body: bytes) -> Payload:
    """Reads an HTTP body.

    Raises:
        PayloadError: Text that is not UTF-8, or JSON that is not JSON (RFC 8259: no NaN, no Infinity).
    """
    if data_type is DataType.BINARY:
        return Payload(data_type=data_type, raw=body)
    try:
        text = body.decode()
        if data_type is DataType.JSON:
            json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"The body is not {data_type}: {error}") from error
    return Payload(data_type=data_type, raw=text)


def payload_from_field(data_type: object, data: object) -> Payload:
    """Reads the `dataType` and `data` fields of a client's frame.

    Raises:
        PayloadError: An unknown data type, or data of another type.
    """
    try:
        known = DataType(str(data_type))
    except ValueError as error:
        raise PayloadError("dataType must be json, text or binary") from error
    if known is DataType.JSON:
        return Payload(data_type=known, raw=json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    if not isinstance(data, str):
        raise PayloadError(f"data must be a string when dataType is {known}")
    if known is DataType.TEXT:
        return Payload(data_type=known, raw=data)
    try:
        return Payload(data_type=known, raw=base64.b64decode(data, validate=True))
    except ValueError as error:
        raise PayloadError("data must be base64 when dataType is binary") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to many receivers, serialised once.

    Attributes:
        head: The JSON object without its closing brace, so that a receiver's sequence id can be appended.
        raw: What a receiver without a subprotocol gets.
        size: Bytes that the message counts for in a queue.
    """

    head: str
    raw: Frame
    size: int

    def frame(self, subprotocol: Subprotocol, sequence_id: int | None) -> Frame:
        """The message as one receiver gets it; only reliable receivers have a sequence id."""
        if not subprotocol.structured:
            return self.raw
        return f"{self.head}}}" if sequence_id is None else f'{self.head},"sequenceId":{sequence_id}}}'


def group_message(payload: Payload, *, group: str, from_user_id: str | None = None) -> Message:
    """A message that its receivers get as members of `group`."""
    return _message(payload, {"type": "message", "from": "group", "fromUserId": from_user_id, "group": group})


def server_message(payload: Payload) -> Message:
    """A message that the server side sent to a connection, a user or everybody."""
    return _message(payload, {"type": "message", "from": "server"})


def connected_frame(*, connection_id: str, user_id: str | None, reconnection_token: str | None) -> str:
    """The first frame after the handshake; the token is for reliable clients only."""
    return _object(
        {
            "type": "system",
            "event": "connected",
            "userId": user_id,
            "connectionId": connection_id,
            "reconnectionToken": reconnection_token,
        }
    )


def disconnected_frame(reason: str) -> str:
    """The last frame before the server closes the socket."""
    return _object({"type": "system", "event": "disconnected", "message": reason})


def ack_frame(ack_id: int, *, error: tuple[str, str] | None = None) -> str:
    """The answer to a request with an `ackId`; `error` is a name and a message."""
    failure = None if error is None else {"name": error[0], "message": error[1]}
    return _object({"type": "ack", "ackId": ack_id, "success": error is None, "error": failure})


def invocation_refused_frame(invocation_id: str, *, reason: str) -> str:
    """The answer to an `invoke`, which this stand-in does not carry out."""
    return _object(
        {
            "type": "invokeResponse",
            "invocationId": invocation_id,
            "success": False,
            "error": {"name": "NotSupported", "message": reason},
        }
    )


def is_message(frame: Frame) -> bool:
    """Whether a frame carries application data, and is no frame of the protocol itself."""
    return (
        isinstance(frame, bytes) or not frame.startswith('{"type":') or frame.startswith('{"type":"message"')
    )


PONG_FRAME = '{"type":"pong"}'


def _message(payload: Payload, envelope: dict[str, Any]) -> Message:
    opening = _object({**envelope, "dataType": payload.data_type})[:-1]
    head = f'{opening},"data":{payload.field()}'
    return Message(head=head, raw=payload.raw, size=len(head.encode()))


def _object(fields: dict[str, Any]) -> str:
    """A JSON object without its absent fields, as the protocol leaves them out rather than sending null."""
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")
