"""Requests and responses over a pair of links, the form of `$cbs` and `$management` (AMQP management pattern)."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.amqp.decode import decode, raw_items
from localcloud.servicebus.amqp.service import ReplyFinder
from localcloud.servicebus.amqp.types import DecodeError, Value
from localcloud.servicebus.messages import sections

_LOG = logging.getLogger(__name__)
_PROPERTIES = 0x73
_APPLICATION_PROPERTIES = 0x74
_VALUE = 0x77
_MESSAGE_ID = 0
_REPLY_TO = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request: its encoded message id, where the answer goes to, application properties and body."""

    message_id: bytes
    reply_to: str | None
    properties: Mapping[str, Value]
    body: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: encoded application properties and an encoded body."""

    properties: Mapping[str, bytes]
    body: bytes = encode.NULL


class RequestNode:
    """The target of request links: answers each request on the receiving link of the same session."""

    def __init__(
        self, address: str, find_reply_link: ReplyFinder, handle: Callable[[Request], Response]
    ) -> None:
        self._address = address
        self._find_reply_link = find_reply_link
        self._handle = handle

    def receive(self, message_format: int, payload: bytes) -> bytes:  # noqa: ARG002 - requests have one format
        """Handles one request; a client without a receiving link gets no answer, like from the service."""
        request = parse_request(payload)
        response = self._handle(request)
        link = self._find_reply_link(self._address, request.reply_to)
        if link is None:
            _LOG.warning("no link to answer a request to %s on", self._address)
        else:
            link.send(b"", _encode(request, response))
        return frames.ACCEPTED


def parse_request(payload: bytes) -> Request:
    """Reads a request; raises `DecodeError`."""
    found = dict(sections(payload))
    fields = raw_items(found[_PROPERTIES], 3) if _PROPERTIES in found else []
    reply_to = decode(fields[_REPLY_TO])[0] if len(fields) > _REPLY_TO else None
    properties = decode(found[_APPLICATION_PROPERTIES], 3)[0] if _APPLICATION_PROPERTIES in found else {}
    if not isinstance(properties, dict):
        raise DecodeError("application properties must be a map")
    return Request(
        message_id=fields[_MESSAGE_ID] if fields else encode.NULL,
        reply_to=reply_to if isinstance(reply_to, str) else None,
        properties=properties,
        body=decode(found[_VALUE], 3)[0] if _VALUE in found else None,
    )


def _encode(request: Request, response: Response) -> bytes:
    properties = [encode.NULL] * 5 + [request.message_id]
    pairs = [(encode.string(name), value) for name, value in response.properties.items()]
    return b"".join(
        (
            encode.composite(_PROPERTIES, properties),
            encode.described(_APPLICATION_PROPERTIES, encode.map_(pairs)),
            encode.described(_VALUE, response.body),
        )
    )
