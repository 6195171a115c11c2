"""A queue as clients know it: duplicate detection in front, messages, and the dead-letter queue behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.journal import Journal, Message
from localcloud.servicebus.messages import Content
from localcloud.servicebus.subqueue import Burial, Rules, SubQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Settings of a queue with the names of the service; times in milliseconds.

    No `default_ttl` means that messages live for ever, no `duplicate_window` that duplicates are not detected.
    """

    name: str
    lock_duration: int = 60_000
    max_delivery_count: int = 10
    default_ttl: int | None = None
    dead_letter_expired: bool = False
    duplicate_window: int | None = None


class Queue:
    """One queue with its dead-letter queue; both number their messages from one counter that never goes back."""

    def __init__(
        self,
        settings: QueueSettings,
        *,
        clock: Callable[[], int],
        last_sequence: int = 0,
        new_token: Callable[[], UUID] = uuid4,
    ) -> None:
        self.settings = settings
        self.journal = Journal()
        self.last_sequence = last_sequence
        self._clock = clock
        self._known_ids: dict[str, int] = {}
        self.dead_letters = SubQueue(
            Rules(lock_duration=settings.lock_duration, max_delivery_count=None, default_ttl=None),
            clock=clock,
            next_sequence=self._next_sequence,
            journal=self.journal,
            bury=None,
            expire=self._expire,
            new_token=new_token,
        )
        self.messages = SubQueue(
            Rules(
                lock_duration=settings.lock_duration,
                max_delivery_count=settings.max_delivery_count,
                default_ttl=settings.default_ttl,
            ),
            clock=clock,
            next_sequence=self._next_sequence,
            journal=self.journal,
            bury=self._bury,
            expire=self._expire,
            new_token=new_token,
        )

    def send(self, contents: Sequence[Content]) -> list[int]:
        """Enqueues messages; returns their sequence numbers.

        A message whose id was seen within the duplicate window is dropped without a word, as the service does; it
        still uses up a number.
        """
        return [self._send_one(content) for content in contents]

    def restore(self, message: Message) -> None:
        """Takes a message back from the store; see `SubQueue.restore`."""
        (self.dead_letters if message.dead else self.messages).restore(message)

    def restore_id(self, message_id: str, until: int) -> None:
        """Takes an entry of the duplicate window back from the store, oldest first."""
        self._known_ids[message_id] = until

    def advance(self) -> None:
        """Lets everything happen whose moment has come."""
        self.messages.advance()
        self.dead_letters.advance()

    def next_moment(self) -> int | None:
        """When `advance` may have something to do next, in milliseconds since the Unix epoch."""
        moments = (self.messages.next_moment(), self.dead_letters.next_moment())
        return min((moment for moment in moments if moment is not None), default=None)

    def _send_one(self, content: Content) -> int:
        if self._is_duplicate(content.message_id):
            return self._next_sequence()
        return self.messages.add(content).sequence

    def _is_duplicate(self, message_id: str) -> bool:
        window = self.settings.duplicate_window
        if window is None:
            return False
        now = self._clock()
        while self._known_ids:
            oldest, until = next(iter(self._known_ids.items()))
            if until > now:
                break
            del self._known_ids[oldest]
            self.journal.forget(oldest)
        if self._known_ids.get(message_id, 0) > now:
            return True
        self._known_ids[message_id] = now + window
        self.journal.remember(message_id, now + window)
        return False

    def _next_sequence(self) -> int:
        self.last_sequence += 1
        return self.last_sequence

    def _bury(self, message: Message, burial: Burial) -> None:
        changes = dict(burial.changes)
        if burial.reason is not None:
            changes["DeadLetterReason"] = encode.string(burial.reason)
        if burial.description is not None:
            changes["DeadLetterErrorDescription"] = encode.string(burial.description)
        self.dead_letters.add(
            message.content.with_properties(changes),
            enqueued_sequence=message.enqueued_sequence,
            delivery_count=message.delivery_count,
        )

    def _expire(self, message: Message) -> None:
        if self.settings.dead_letter_expired:
            text = "The message expired and was dead lettered."
            self._bury(message, Burial(reason="TTLExpiredException", description=text, changes={}))
