"""Receivers of a sub-queue: fair distribution of messages to links with credit, and settlement of deliveries."""

from collections import deque
from uuid import UUID

from localcloud.servicebus.amqp import frames
from localcloud.servicebus.amqp.frames import AmqpError
from localcloud.servicebus.amqp.service import Sender
from localcloud.servicebus.amqp.types import Described, Value
from localcloud.servicebus.messages import property_value, render
from localcloud.servicebus.subqueue import Burial, LockLostError, NotAllowedError, SubQueue

LOCK_LOST = "com.microsoft:message-lock-lost"
NOT_ALLOWED = "amqp:not-allowed"

_ACCEPTED = 0x24
_REJECTED = 0x25
_RELEASED = 0x26
_MODIFIED = 0x27


class Outlet:
    """The way out of a sub-queue: its receivers, served in turn while they have credit."""

    def __init__(self, messages: SubQueue) -> None:
        self.messages = messages
        self.delivered = 0
        self._links: deque[Sender] = deque()

    def join(self, link: Sender) -> None:
        """Adds a receiver."""
        self._links.append(link)

    def leave(self, link: Sender) -> None:
        """Removes a receiver; what it holds stays locked until the locks expire."""
        if link in self._links:
            self._links.remove(link)

    def dispatch(self) -> None:
        """Hands out messages until there are none or no receiver wants one."""
        refusals = 0
        while refusals < len(self._links) and self.messages.ready:
            link = self._links[0]
            self._links.rotate(-1)
            if link.ready and self._deliver(link):
                refusals = 0
            else:
                refusals += 1

    def _deliver(self, link: Sender) -> bool:
        message = self.messages.take_and_delete() if link.pre_settled else self.messages.take()
        if message is None:
            return False
        self.delivered += 1
        tag = message.lock.token.bytes_le if message.lock is not None else self.delivered.to_bytes(8, "big")
        link.send(tag, render(message.content, message.stamps(locked=True)))
        return True


class Consumer:
    """The source behind one receiving link."""

    def __init__(self, outlet: Outlet, link: Sender) -> None:
        self._outlet = outlet
        self._link = link
        outlet.join(link)

    def credit_changed(self) -> None:
        """Sends what is there."""
        self._outlet.messages.advance()
        self._outlet.dispatch()

    def detached(self) -> None:
        """Stops deliveries."""
        self._outlet.leave(self._link)

    def settled(self, tag: bytes, state: Described | None, *, final: bool) -> bytes | None:
        """Carries out what the client decided and echoes the kind of its decision, as the service does."""
        try:
            answer = self._settle(UUID(bytes_le=tag), state)
        except LockLostError as error:
            answer = frames.rejected(AmqpError(LOCK_LOST, f"The lock is lost: {error}."))
        except NotAllowedError as error:
            answer = frames.rejected(AmqpError(NOT_ALLOWED, f"Refused: {error}."))
        return None if final else answer

    def _settle(self, token: UUID, state: Described | None) -> bytes:
        messages = self._outlet.messages
        code = None if state is None else state.descriptor
        fields: list[Value] = state.value if state is not None and isinstance(state.value, list) else []
        if code == _ACCEPTED:
            messages.complete(token)
            return frames.ACCEPTED
        if code == _RELEASED:
            messages.release(token)
            return frames.RELEASED
        if code == _REJECTED:
            messages.dead_letter(token, _burial(fields))
            # The error that came with it must not come back: an SDK takes that for a failure.
            return frames.REJECTED
        if code == _MODIFIED:
            _, elsewhere, changes = [*fields, None, None, None][:3]
            # The JavaScript SDK leaves delivery-failed out when it abandons, so that field says nothing.
            settle = messages.defer if elsewhere else messages.abandon
            settle(token, property_changes(changes))
            return frames.MODIFIED
        return frames.rejected(
            AmqpError("amqp:not-implemented", "This delivery state is not supported here.")
        )


def property_changes(changes: Value) -> dict[str, bytes]:
    """Encodes the application properties that a client wants to set when it settles."""
    if not isinstance(changes, dict):
        return {}
    return {str(name): property_value(value) for name, value in changes.items()}


def _burial(fields: list[Value]) -> Burial:
    error = fields[0] if fields else None
    if not isinstance(error, Described) or not isinstance(error.value, list):
        return Burial(reason=None, description=None, changes={})
    condition, description, info = [*error.value, None, None, None][:3]
    if not isinstance(info, dict) or not info:
        return Burial(reason=text_or_none(condition), description=text_or_none(description), changes={})
    changes = {str(name): value for name, value in info.items()}
    reason = text_or_none(changes.pop("DeadLetterReason", None))
    explanation = text_or_none(changes.pop("DeadLetterErrorDescription", None))
    return Burial(reason=reason, description=explanation, changes=property_changes(changes))


def text_or_none(value: Value) -> str | None:
    """The text of a value that may be missing."""
    return None if value is None else str(value)
