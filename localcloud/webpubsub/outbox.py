"""What waits to go out on one connection: bounded, in order, and replayable for reliable clients."""

from collections import deque
from dataclasses import dataclass

from localcloud.webpubsub.payloads import Frame, Message, Subprotocol


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLimits:
    """How much may wait: the service's own limits for unacknowledged messages of a reliable client.

    Attributes:
        messages: Number of messages; also of waiting control frames.
        size: Bytes of messages.
    """

    messages: int = 1000
    size: int = 16 * 1024 * 1024


class OutboxFullError(Exception):
    """The client does not read, or does not acknowledge; the connection has to be closed for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    frame: Frame
    sequence_id: int | None = None
    size: int | None = None  # None marks a control frame, which no limit counts in bytes


class Outbox:
    """The outgoing queue of one connection, over all the sockets that it lives through.

    Messages of a reliable client get a dense `sequenceId` from 1 and stay held, also after they were taken for
    sending, until the client acknowledges them. After a lost socket, `rewind` makes everything that is held due
    again, in order; the client drops what it already has by its number. Delivery is therefore at least once on
    the wire and exactly once behind the client's filter, as long as the limits hold.
    """

    def __init__(self, *, subprotocol: Subprotocol, limits: OutboxLimits) -> None:
        self._subprotocol = subprotocol
        self._limits = limits
        self._unsent: deque[_Entry] = deque()
        self._unacknowledged: deque[_Entry] = deque()
        self._last_sequence_id = 0
        self._highest_sent = 0
        self._held_messages = 0
        self._held_bytes = 0

    @property
    def held(self) -> int:
        """Messages that count against the limits."""
        return self._held_messages

    def push_control(self, frame: Frame) -> None:
        """Queues a frame that is neither numbered nor replayed; plain clients have no such frames.

        Raises:
            OutboxFullError: Too many frames wait because the client does not read.
        """
        if not self._subprotocol.structured:
            return
        if len(self._unsent) >= 2 * self._limits.messages:
            raise OutboxFullError("The client does not read its frames.")
        self._unsent.append(_Entry(frame=frame))

    def push_message(self, message: Message) -> None:
        """Queues a message.

        Raises:
            OutboxFullError: One of the limits would be passed.
        """
        if (
            self._held_messages >= self._limits.messages
            or self._held_bytes + message.size > self._limits.size
        ):
            raise OutboxFullError("Too many messages wait for this client.")
        sequence_id = None
        if self._subprotocol.reliable:
            sequence_id = self._last_sequence_id = self._last_sequence_id + 1
        frame = message.frame(self._subprotocol, sequence_id)
        self._unsent.append(_Entry(frame=frame, sequence_id=sequence_id, size=message.size))
        self._held_messages += 1
        self._held_bytes += message.size

    def take(self) -> Frame | None:
        """The next frame to send, or None where nothing is due."""
        if not self._unsent:
            return None
        entry = self._unsent.popleft()
        if entry.sequence_id is None:
            self._release(entry)
        else:
            self._unacknowledged.append(entry)
            self._highest_sent = max(self._highest_sent, entry.sequence_id)
        return entry.frame

    def acknowledge(self, sequence_id: int) -> None:
        """Forgets messages up to `sequence_id`; numbers that were never sent cannot be acknowledged."""
        upto = min(sequence_id, self._highest_sent)
        self._unacknowledged = self._without(self._unacknowledged, upto)
        # After a recovery the client may acknowledge what it got before, and what waits to be sent again.
        self._unsent = self._without(self._unsent, upto)

    def rewind(self, greeting: Frame) -> None:
        """Prepares a new socket: first the greeting, then everything held is due again, in order.

        Control frames that were not sent belonged to the old socket and are dropped.
        """
        waiting = [entry for entry in self._unsent if entry.size is not None]
        self._unsent = deque([*self._unacknowledged, *waiting])
        self._unacknowledged = deque()
        if self._subprotocol.structured:
            self._unsent.appendleft(_Entry(frame=greeting))

    def clear(self) -> None:
        """Drops everything, because the connection ends."""
        self._unsent.clear()
        self._unacknowledged.clear()
        self._held_messages = self._held_bytes = 0

    def _without(self, entries: deque[_Entry], upto: int) -> deque[_Entry]:
        kept: deque[_Entry] = deque()
        for entry in entries:
            if entry.sequence_id is not None and entry.sequence_id <= upto:
                self._release(entry)
            else:
                kept.append(entry)
        return kept

    def _release(self, entry: _Entry) -> None:
        if entry.size is not None:
            self._held_messages -= 1
            self._held_bytes -= entry.size
