"""CloudEvents in binary HTTP mode, as the service sends them to an event handler. Pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from localcloud.webpubsub.payloads import Payload, PayloadError, data_type_of, payload_from_body

STATE_HEADER = "ce-connectionState"

_UNRESERVED_IN_HEADERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class ReplyError(ValueError):
    """The event handler answered with something that the protocol does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """The connection that an event is about, as it is when the event is sent."""

    hub: str
    connection_id: str
    user_id: str | None
    subprotocol: str
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectReply:
    """What the event handler decided about a client that wants to connect; all optional."""

    user_id: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    subprotocol: str | None = None
    state: str | None = None


def signature(keys: Sequence[str], connection_id: str) -> str:
    """The `ce-signature` value: it proves the origin for this connection id, and covers nothing else.

    One signature for each key, so that a receiver that holds either one can check it.
    """
    digests = (hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest() for key in keys)
    return ",".join(f"sha256={digest}" for digest in digests)


def event_headers(
    source: EventSource,
    *,
    kind: str,
    name: str,
    event_id: str,
    time: datetime,
    keys: Sequence[str],
    origin: str,
) -> dict[str, str]:
    """The headers of one event; `kind` is `sys` or `user`, `time` is UTC.

    Values are percent-encoded as section 3.1.3.2 of the CloudEvents HTTP binding demands.
    """
    attributes = {
        "specversion": "1.0",
        "type": f"azure.webpubsub.{kind}.{name}",
        "source": f"/hubs/{source.hub}/client/{source.connection_id}",
        "id": event_id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "signature": signature(keys, source.connection_id),
        "hub": source.hub,
        "connectionId": source.connection_id,
        "eventName": name,
        "userId": source.user_id,
        "subprotocol": source.subprotocol or None,
    }
    headers = {
        f"ce-{attribute}": quote(value, safe=_UNRESERVED_IN_HEADERS)
        for attribute, value in attributes.items()
        if value is not None
    }
    if source.state is not None:
        headers[STATE_HEADER] = source.state  # opaque: goes back exactly as the event handler set it
    return {**headers, "WebHook-Request-Origin": origin}


def connect_body(
    *,
    claims: Mapping[str, Sequence[str]],
    query: Mapping[str, Sequence[str]],
    headers: Mapping[str, Sequence[str]],
    subprotocols: Sequence[str],
) -> bytes:
    """The body of the connect event."""
    fields = {
        "claims": claims,
        "query": query,
        "headers": headers,
        "subprotocols": subprotocols,
        "clientCertificates": [],
    }
    return json.dumps(fields).encode()


def parse_connect_reply(body: bytes, state: str | None) -> ConnectReply:
    """Reads a successful answer to the connect event; an empty body accepts the client as it is.

    Raises:
        ReplyError: Not a JSON object, or a field of a wrong type.
    """
    if not body.strip():
        return ConnectReply(state=state)
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise ReplyError("the answer to the connect event is not JSON") from error
    if not isinstance(fields, dict):
        raise ReplyError("the answer to the connect event is not a JSON object")
    return ConnectReply(
        user_id=_text(fields, "userId"),
        groups=_texts(fields, "groups"),
        roles=_texts(fields, "roles"),
        subprotocol=_text(fields, "subprotocol"),
        state=state,
    )


def parse_event_reply(content_type: str, body: bytes) -> Payload | None:
    """Reads a successful answer to a user event: a payload for the client, or None for an empty one.

    Raises:
        ReplyError: A media type other than the three of the protocol, or a body that does not fit it.
    """
    if not body:
        return None
    data_type = data_type_of(content_type)
    if data_type is None:
        raise ReplyError(f"the event handler answered with the unsupported content type {content_type!r}")
    try:
        return payload_from_body(data_type, body)
    except PayloadError as error:
        raise ReplyError(str(error)) from error


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise ReplyError(f"{name} in the answer to the connect event is not a string")


def _texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ReplyError(f"{name} in the answer to the connect event is not a list of strings")
