"""The `$management` node of a queue: operations as requests (Service Bus AMQP request/response guide)."""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.types import DecodeError, Value
from localcloud.servicebus.consumers import LOCK_LOST, NOT_ALLOWED, Outlet, property_changes, text_or_none
from localcloud.servicebus.journal import Message
from localcloud.servicebus.messages import Content, parse, render
from localcloud.servicebus.requests import Request, Response
from localcloud.servicebus.subqueue import Burial, LockLostError, MessageNotFoundError, NotAllowedError

_PREFIX = "com.microsoft:"
_MAX_PEEKED_BYTES = 1024 * 1024
_RECEIVE_AND_DELETE = 0

Send = Callable[[list[Content]], list[int]]


class _BadRequestError(Exception):
    """The body lacks a field or has one of a wrong type."""


class Management:
    """Operations on one sub-queue; `send` is None where clients may not send."""

    def __init__(self, outlet: Outlet, send: Send | None) -> None:
        self._outlet = outlet
        self._messages = outlet.messages
        self._send = send
        self._operations: dict[str, Callable[[dict[Value, Value]], Response]] = {
            "renew-lock": self._renew,
            "peek-message": self._peek,
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "receive-by-sequence-number": self._receive_deferred,
            "update-disposition": self._update_disposition,
        }

    def handle(self, request: Request) -> Response:
        """Carries out one request; every refusal is an answer with a status and an error condition."""
        name = str(request.properties.get("operation", ""))
        operation = self._operations.get(name.removeprefix(_PREFIX))
        if operation is None or not name.startswith(_PREFIX):
            return _failure(501, "amqp:not-implemented", f"The operation {name} is not supported here.")
        if not isinstance(request.body, dict):
            return _failure(400, "amqp:invalid-field", "The body must be a map.")
        try:
            return operation(request.body)
        except LockLostError as error:
            return _failure(410, LOCK_LOST, f"The lock is lost: {error}.")
        except MessageNotFoundError as error:
            return _failure(404, "com.microsoft:message-not-found", f"Not found: {error}.")
        except NotAllowedError as error:
            return _failure(403, NOT_ALLOWED, f"Refused: {error}.")
        except _BadRequestError as error:
            return _failure(400, "amqp:invalid-field", f"The request is wrong: {error}.")
        except DecodeError as error:
            return _failure(400, "amqp:decode-error", f"A message is malformed: {error}.")

    def _renew(self, body: dict[Value, Value]) -> Response:
        ends = [self._messages.renew(token) for token in _list(body, "lock-tokens", UUID)]
        return _success({"expirations": encode.array_of_timestamps(ends)})

    def _peek(self, body: dict[Value, Value]) -> Response:
        start, count = _number(body, "from-sequence-number"), _number(body, "message-count")
        found: list[bytes] = []
        total = 0
        for message in self._messages.peek(start, max(count, 0)):
            raw = render(message.content, message.stamps(locked=False))
            total += len(raw)
            if found and total > _MAX_PEEKED_BYTES:
                break
            found.append(encode.map_([(encode.string("message"), encode.binary(raw))]))
        if not found:
            return Response(properties=_status(204, "No Content"), body=encode.map_([]))
        return _success({"messages": encode.list_(found)})

    def _schedule(self, body: dict[Value, Value]) -> Response:
        if self._send is None:
            raise NotAllowedError("clients may not send to a dead-letter queue")
        contents = [parse(_field(entry, "message", bytes)) for entry in _list(body, "messages", dict)]
        return _success({"sequence-numbers": encode.array_of_longs(self._send(contents))})

    def _cancel(self, body: dict[Value, Value]) -> Response:
        self._messages.cancel(_list(body, "sequence-numbers", int))
        return _success({})

    def _receive_deferred(self, body: dict[Value, Value]) -> Response:
        delete = _number(body, "receiver-settle-mode") == _RECEIVE_AND_DELETE
        messages = self._messages.take_deferred(_list(body, "sequence-numbers", int), delete=delete)
        self._outlet.delivered += len(messages)
        return _success({"messages": encode.list_([_locked(message) for message in messages])})

    def _update_disposition(self, body: dict[Value, Value]) -> Response:
        settle = self._settlement(body)
        for token in _list(body, "lock-tokens", UUID):
            settle(token)
        return _success({})

    def _settlement(self, body: dict[Value, Value]) -> Callable[[UUID], None]:
        status = body.get("disposition-status")
        changes = property_changes(body.get("properties-to-modify"))
        if status == "completed":
            return self._messages.complete
        if status == "abandoned":
            return partial(self._messages.abandon, changes=changes)
        if status == "defered":  # the protocol's own spelling
            return partial(self._messages.defer, changes=changes)
        if status == "suspended":
            burial = Burial(
                reason=text_or_none(body.get("deadletter-reason")),
                description=text_or_none(body.get("deadletter-description")),
                changes=changes,
            )
            return partial(self._messages.dead_letter, burial=burial)
        raise _BadRequestError(f"unknown disposition-status {status}")


def _locked(message: Message) -> bytes:
    pairs = [
        (encode.string("message"), encode.binary(render(message.content, message.stamps(locked=True)))),
    ]
    if message.lock is not None:
        pairs.append((encode.string("lock-token"), encode.uuid_(message.lock.token)))
    return encode.map_(pairs)


def _field(body: dict[Value, Value], name: str, kind: type) -> Value:
    value = body.get(name)
    if not isinstance(value, kind):
        raise _BadRequestError(f"{name} is missing or of a wrong type")
    return value


def _number(body: dict[Value, Value], name: str) -> int:
    return int(_field(body, name, int))


def _list(body: dict[Value, Value], name: str, kind: type) -> list[Value]:
    values: list[Value] = _field(body, name, list)
    if not all(isinstance(value, kind) for value in values):
        raise _BadRequestError(f"{name} has an element of a wrong type")
    return values


def _success(body: dict[str, bytes]) -> Response:
    pairs: Iterable[tuple[bytes, bytes]] = ((encode.string(name), value) for name, value in body.items())
    return Response(properties=_status(200, "OK"), body=encode.map_(pairs))


def _failure(code: int, condition: str, description: str) -> Response:
    return Response(properties={**_status(code, description), "errorCondition": encode.symbol(condition)})


def _status(code: int, description: str) -> dict[str, bytes]:
    return {"statusCode": encode.int_(code), "statusDescription": encode.string(description)}
