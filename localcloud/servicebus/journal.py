"""Messages as the queues hold them, and the journal of changes that the store has to make durable."""

from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID

from localcloud.servicebus.messages import Content, Stamps


class State(IntEnum):
    """State of a message with the numbers of the annotation `x-opt-message-state`."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(frozen=True, slots=True)
class Lock:
    """A receiver's claim on a message until a moment in milliseconds since the Unix epoch."""

    token: UUID
    until: int


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in a queue; changed by the state machine alone. Times in milliseconds since the Unix epoch.

    `enqueued_sequence` is the number that it got first; `dead` says that it is in the dead-letter sub-queue;
    `due` is when a scheduled message becomes active.
    """

    content: Content
    sequence: int
    enqueued_sequence: int
    state: State
    enqueued_at: int
    dead: bool = False
    delivery_count: int = 0
    due: int | None = None
    expires_at: int | None = None
    lock: Lock | None = None

    def stamps(self, *, locked: bool) -> Stamps:
        """What the broker tells receivers about the message; peeked messages show no lock."""
        return Stamps(
            delivery_count=self.delivery_count,
            enqueued_at=self.enqueued_at,
            sequence=self.sequence,
            enqueued_sequence=self.enqueued_sequence,
            state=self.state,
            locked_until=self.lock.until if locked and self.lock is not None else None,
            expires_at=self.expires_at,
        )


@dataclass(slots=True)
class Journal:
    """What changed in one queue since the last commit, each message at most once."""

    added: dict[int, Message] = field(default_factory=dict)
    rewritten: dict[int, Message] = field(default_factory=dict)
    changed: dict[int, Message] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    remembered: dict[str, int] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any(self._parts())

    def add(self, message: Message) -> None:
        """Notes a new message."""
        self.added[message.sequence] = message

    def change(self, message: Message) -> None:
        """Notes a new state of a message; its content must be the same as before."""
        if message.sequence not in self.added and message.sequence not in self.rewritten:
            self.changed[message.sequence] = message

    def rewrite(self, message: Message) -> None:
        """Notes a new state and new content of a message."""
        self.changed.pop(message.sequence, None)
        if message.sequence not in self.added:
            self.rewritten[message.sequence] = message

    def remove(self, message: Message) -> None:
        """Notes that a message is gone."""
        self.changed.pop(message.sequence, None)
        self.rewritten.pop(message.sequence, None)
        if self.added.pop(message.sequence, None) is None:
            self.removed.add(message.sequence)

    def remember(self, message_id: str, until: int) -> None:
        """Notes a message id that must not be accepted again before `until`."""
        self.forgotten.discard(message_id)
        self.remembered[message_id] = until

    def forget(self, message_id: str) -> None:
        """Notes that a message id has left the duplicate window."""
        self.remembered.pop(message_id, None)
        self.forgotten.add(message_id)

    def clear(self) -> None:
        """Starts over after a commit."""
        for changes in self._parts():
            changes.clear()

    def _parts(self) -> tuple[dict[int, Message] | dict[str, int] | set[int] | set[str], ...]:
        return (self.added, self.rewritten, self.changed, self.removed, self.remembered, self.forgotten)
