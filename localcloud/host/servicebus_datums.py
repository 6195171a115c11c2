"""Service Bus messages as the host sends them to the Python worker: one body datum and trigger metadata."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from azure.functions.meta import Datum

_NEVER = "9999-12-31T23:59:59.9999999"
"""``DateTime.MaxValue``: what .NET shows for a message without a time to live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageData:
    """The parts of a received message that reach a function."""

    body: bytes
    message_id: str | None
    delivery_count: int
    """Deliveries before this one, as the broker counts: 0 the first time."""
    sequence_number: int | None = None
    lock_token: str | None = None
    locked_until: datetime | None = None
    enqueued_time: datetime | None = None
    expires_at: datetime | None = None
    content_type: str | None = None
    correlation_id: str | None = None
    subject: str | None = None
    to: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    session_id: str | None = None
    partition_key: str | None = None
    transaction_partition_key: str | None = None
    dead_letter_source: str | None = None
    application_properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown_delivery_count(self) -> int:
        """The count .NET shows, in which the first delivery is number 1."""
        return self.delivery_count + 1


@dataclass(frozen=True, slots=True)
class _Texts:
    """Stands in for the protobuf message behind a ``collection_string`` datum."""

    string: list[str]


@dataclass(frozen=True, slots=True)
class _Blobs:
    """Stands in for the protobuf message behind a ``collection_bytes`` datum."""

    bytes: list[bytes]


def single_datums(message: MessageData, *, binary: bool) -> tuple[Datum | None, dict[str, Datum]]:
    """Return the body datum (None for an empty body) and the metadata of one message.

    Raises:
        UnicodeDecodeError: the body travels as text and is not UTF-8.
    """
    metadata = {name: _datum(value) for name, value in _values(message).items() if value is not None}
    return _body(message, binary=binary), metadata


def batch_datums(messages: Sequence[MessageData], *, binary: bool) -> tuple[Datum, dict[str, Datum]]:
    """Return the body datum and the parallel ``...Array`` metadata of a batch.

    Raises:
        UnicodeDecodeError: the bodies travel as text and one is not UTF-8.
    """
    rows = [_values(message) for message in messages]
    metadata = {f"{name}Array": Datum(_json([row[name] for row in rows]), "json") for name in rows[0]}
    if binary:
        return Datum(_Blobs([message.body for message in messages]), "collection_bytes"), metadata
    return Datum(_Texts([message.body.decode() for message in messages]), "collection_string"), metadata


def _body(message: MessageData, *, binary: bool) -> Datum | None:
    if not message.body:
        return None
    return Datum(message.body, "bytes") if binary else Datum(message.body.decode(), "string")


def _values(message: MessageData) -> dict[str, Any]:
    """The host's binding data by name; the host sends no others, so Python sees None for them."""
    properties = {_text(key): _plain(value) for key, value in message.application_properties.items()}
    return {
        "DeliveryCount": message.shown_delivery_count,
        "DeadLetterSource": message.dead_letter_source,
        "LockToken": message.lock_token,
        "ExpiresAtUtc": _naive(message.expires_at) or _NEVER,
        "ExpiresAt": _offset(message.expires_at) or f"{_NEVER}+00:00",
        "EnqueuedTimeUtc": _naive(message.enqueued_time),
        "EnqueuedTime": _offset(message.enqueued_time),
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "ReplyTo": message.reply_to,
        "SequenceNumber": message.sequence_number,
        "To": message.to,
        "Subject": message.subject,
        "Label": message.subject,
        "CorrelationId": message.correlation_id,
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
        "TransactionPartitionKey": message.transaction_partition_key,
    }


def _datum(value: Any) -> Datum:
    return Datum(value, "string") if isinstance(value, str) else Datum(_json(value), "json")


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _naive(moment: datetime | None) -> str | None:
    """Write a time as .NET writes ``DateTimeOffset.DateTime``: UTC, but without a ``Z``."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _offset(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _text_or_base64(value: bytes) -> str:
    """Undo that the client hands over AMQP strings as bytes; what is no text was a binary value."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _plain(value: Any) -> Any:
    """Turn an AMQP value into what JSON.NET would write for it."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, bytes):
        return _text_or_base64(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return str(value)
