"""The state machine of one sub-queue: a queue proper, or its dead-letter queue. No I/O; the clock is injected.

    scheduled --due--> active <--unlock-- locked --complete--> gone
                         |                  | defer
                         | expire           v
                         v               deferred --receive by number--> locked (still deferred)
                  dead letters or gone

Every operation first lets all moments pass that the clock has passed, so no caller ever sees a stale lock or an
expired message, however late the timer that calls `advance` fires.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID, uuid4

from localcloud.servicebus.journal import Journal, Lock, Message, State
from localcloud.servicebus.messages import Content

_STALE_TIMERS = 1000


class LockLostError(Exception):
    """The lock token is unknown: expired, settled before, or from before a restart."""


class MessageNotFoundError(Exception):
    """No message with the sequence number is in the state that the operation needs."""


class NotAllowedError(Exception):
    """The operation makes no sense on this sub-queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a sub-queue treats its messages; times in milliseconds, no limit where None."""

    lock_duration: int
    max_delivery_count: int | None
    default_ttl: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """Why a message goes to the dead-letter queue, with changes of its application properties (encoded values)."""

    reason: str | None
    description: str | None
    changes: Mapping[str, bytes]


Bury = Callable[[Message, Burial], None]


class SubQueue:
    """Messages in order of their sequence numbers, with locks and timers.

    `next_sequence` numbers messages, `journal` receives every durable change, `bury` takes messages that leave for the
    dead-letter queue (None in a dead-letter queue), `expire` those whose time to live is over.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        clock: Callable[[], int],
        next_sequence: Callable[[], int],
        journal: Journal,
        bury: Bury | None,
        expire: Callable[[Message], None],
        new_token: Callable[[], UUID] = uuid4,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._next_sequence = next_sequence
        self._journal = journal
        self._bury = bury
        self._expire = expire
        self._new_token = new_token
        self._messages: dict[int, Message] = {}
        self._locked: dict[UUID, Message] = {}
        self._ready: list[int] = []
        self._timers: list[tuple[int, int]] = []

    def add(
        self, content: Content, *, enqueued_sequence: int | None = None, delivery_count: int = 0
    ) -> Message:
        """Enqueues a message: scheduled when its time lies ahead, else active at once."""
        now = self.advance()
        sequence = self._next_sequence()
        message = Message(
            content=content,
            sequence=sequence,
            enqueued_sequence=sequence if enqueued_sequence is None else enqueued_sequence,
            state=State.ACTIVE,
            enqueued_at=now,
            dead=self._bury is None,
            delivery_count=delivery_count,
        )
        if content.scheduled_for is not None and content.scheduled_for > now and not message.dead:
            message.state = State.SCHEDULED
            message.due = content.scheduled_for
        else:
            message.expires_at = self._expiry(content, now)
        self._insert(message)
        self._journal.add(message)
        return message

    def restore(self, message: Message) -> None:
        """Takes a message back from the store; a lock of the last run counts as one that has just expired."""
        self._insert(message)

    def advance(self) -> int:
        """Lets everything happen whose moment has come; returns the time in milliseconds."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, sequence = heapq.heappop(self._timers)
            message = self._messages.get(sequence)
            if message is not None:
                self._pass_time(message, now)
        return now

    def next_moment(self) -> int | None:
        """When `advance` may have something to do next, in milliseconds since the Unix epoch."""
        return self._timers[0][0] if self._timers else None

    @property
    def ready(self) -> bool:
        """Whether `take` would return a message."""
        while self._ready:
            message = self._messages.get(self._ready[0])
            if message is not None and message.state is State.ACTIVE and message.lock is None:
                return True
            heapq.heappop(self._ready)
        return False

    def take(self) -> Message | None:
        """Locks the first active message for a receiver."""
        now = self.advance()
        if not self.ready:
            return None
        message = self._messages[heapq.heappop(self._ready)]
        self._lock(message, now)
        return message

    def take_and_delete(self) -> Message | None:
        """Hands out the first active message for good."""
        self.advance()
        if not self.ready:
            return None
        message = self._messages[heapq.heappop(self._ready)]
        self._remove(message)
        return message

    def complete(self, token: UUID) -> None:
        """Removes a locked message; raises `LockLostError`."""
        self._remove(self._held(token))

    def release(self, token: UUID) -> None:
        """Gives a lock back without counting the delivery; raises `LockLostError`."""
        message = self._held(token)
        self._unlock(message)
        self._journal.change(message)
        self._settle_down(message, self._clock())

    def abandon(self, token: UUID, changes: Mapping[str, bytes]) -> None:
        """Gives a lock back and counts the delivery; raises `LockLostError`."""
        message = self._held(token)
        self._modify(message, changes)
        self._count_delivery(message, self._clock())

    def defer(self, token: UUID, changes: Mapping[str, bytes]) -> None:
        """Sets a message aside, to be received by its sequence number alone; raises `LockLostError`."""
        message = self._held(token)
        self._unlock(message)
        message.state = State.DEFERRED
        self._journal.change(message)
        self._modify(message, changes)

    def dead_letter(self, token: UUID, burial: Burial) -> None:
        """Moves a message to the dead-letter queue; raises `LockLostError` or `NotAllowedError`."""
        message = self._held(token)
        if self._bury is None:
            raise NotAllowedError("a message of a dead-letter queue cannot be dead-lettered")
        self._remove(message)
        self._bury(message, burial)

    def renew(self, token: UUID) -> int:
        """Prolongs a lock; returns its new end in milliseconds since the Unix epoch; raises `LockLostError`."""
        message = self._held(token)
        self._unlock(message)
        return self._lock(message, self._clock(), token=token).until

    def peek(self, from_sequence: int, count: int) -> list[Message]:
        """Up to `count` messages of any state from a sequence number on, without locking them."""
        now = self.advance()
        following = (
            message
            for sequence, message in self._messages.items()
            if sequence >= from_sequence and (message.expires_at is None or message.expires_at > now)
        )
        return list(islice(following, count))

    def cancel(self, sequences: Iterable[int]) -> None:
        """Removes scheduled messages, all or none; raises `MessageNotFoundError`."""
        self.advance()
        for message in self._in_state(sequences, State.SCHEDULED):
            self._remove(message)

    def take_deferred(self, sequences: Iterable[int], *, delete: bool) -> list[Message]:
        """Locks or hands out deferred messages, all or none; raises `MessageNotFoundError`."""
        now = self.advance()
        messages = self._in_state(sequences, State.DEFERRED)
        # Deferred messages expire only when somebody asks for them.
        expired = [
            message for message in messages if message.expires_at is not None and message.expires_at <= now
        ]
        for message in expired:
            self._remove(message)
            self._expire(message)
        if expired:
            raise MessageNotFoundError("a deferred message has expired")
        for message in messages:
            if delete:
                self._remove(message)
            else:
                self._lock(message, now)
        return messages

    def counts(self) -> dict[str, int]:
        """Number of messages by state; locked ones count as locked only."""
        self.advance()
        counted = Counter(
            "locked" if message.lock is not None else message.state.name.lower()
            for message in self._messages.values()
        )
        return {name: counted[name] for name in ("active", "locked", "scheduled", "deferred")}

    def _in_state(self, sequences: Iterable[int], state: State) -> list[Message]:
        found = []
        for sequence in dict.fromkeys(sequences):
            message = self._messages.get(sequence)
            if message is None or message.state is not state or message.lock is not None:
                raise MessageNotFoundError(
                    f"no {state.name.lower()} message has the sequence number {sequence}"
                )
            found.append(message)
        return found

    def _held(self, token: UUID) -> Message:
        self.advance()
        message = self._locked.get(token)
        if message is None:
            raise LockLostError("the lock has expired or the message has been settled")
        return message

    def _insert(self, message: Message) -> None:
        self._messages[message.sequence] = message
        for moment in _moments(message):
            self._set_timer(moment, message)
        if message.lock is None and message.state is State.ACTIVE:
            heapq.heappush(self._ready, message.sequence)

    def _remove(self, message: Message) -> None:
        self._unlock(message)
        del self._messages[message.sequence]
        self._journal.remove(message)

    def _lock(self, message: Message, now: int, *, token: UUID | None = None) -> Lock:
        lock = Lock(token or self._new_token(), now + self._rules.lock_duration)
        message.lock = lock
        self._locked[lock.token] = message
        self._set_timer(lock.until, message)
        self._journal.change(message)
        return lock

    def _unlock(self, message: Message) -> None:
        if message.lock is not None:
            self._locked.pop(message.lock.token, None)
            message.lock = None

    def _modify(self, message: Message, changes: Mapping[str, bytes]) -> None:
        if changes:
            message.content = message.content.with_properties(changes)
            self._journal.rewrite(message)

    def _expiry(self, content: Content, now: int) -> int | None:
        limits = [ttl for ttl in (content.ttl, self._rules.default_ttl) if ttl is not None]
        return now + min(limits) if limits and self._bury is not None else None

    def _pass_time(self, message: Message, now: int) -> None:
        if message.lock is not None:
            if message.lock.until <= now:
                self._count_delivery(message, now)
        elif message.state is State.SCHEDULED:
            if message.due is not None and message.due <= now:
                self._activate(message, now)
        else:
            self._settle_down(message, now, requeue=False)

    def _activate(self, message: Message, now: int) -> None:
        """Makes a scheduled message active; the service gives it a new sequence number then."""
        self._remove(message)
        message.sequence = self._next_sequence()
        message.state = State.ACTIVE
        message.due = None
        message.enqueued_at = now
        message.expires_at = self._expiry(message.content, now)
        self._insert(message)
        self._journal.add(message)

    def _count_delivery(self, message: Message, now: int) -> None:
        self._unlock(message)
        message.delivery_count += 1
        self._journal.change(message)
        limit = self._rules.max_delivery_count
        if self._bury is not None and limit is not None and message.delivery_count >= limit:
            self._remove(message)
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._bury(message, Burial(reason="MaxDeliveryCountExceeded", description=text, changes={}))
        else:
            self._settle_down(message, now)

    def _settle_down(self, message: Message, now: int, *, requeue: bool = True) -> None:
        """Expires an unlocked active message or makes it available again."""
        if message.state is not State.ACTIVE:
            return
        if message.expires_at is not None and message.expires_at <= now:
            self._remove(message)
            self._expire(message)
        elif requeue:
            heapq.heappush(self._ready, message.sequence)

    def _set_timer(self, moment: int, message: Message) -> None:
        heapq.heappush(self._timers, (moment, message.sequence))
        # Settled messages leave their timers behind; with a time to live of days those would pile up.
        if len(self._timers) > _STALE_TIMERS + 4 * len(self._messages):
            self._timers = [
                (moment, message.sequence)
                for message in self._messages.values()
                for moment in _moments(message)
            ]
            heapq.heapify(self._timers)


def _moments(message: Message) -> list[int]:
    locked_until = None if message.lock is None else message.lock.until
    return [moment for moment in (message.due, message.expires_at, locked_until) if moment is not None]
