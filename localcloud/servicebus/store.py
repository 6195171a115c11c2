"""Durable home of the queues: one SQLite file, written once per commit cycle.

A commit returns after SQLite has written its log (WAL, synchronous=NORMAL): what was committed survives the death of the
process; only a power cut may take the last moments. The file is held exclusively, so that two brokers never share it.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import uuid4

from localcloud.servicebus.journal import Lock, Message, State
from localcloud.servicebus.messages import parse, serialize
from localcloud.servicebus.queues import Queue, QueueSettings

IN_MEMORY = ":memory:"

_VERSION = 1
# One 64-bit row id holds the queue and the sequence number, so that a message costs one B-tree and no index.
_SEQUENCE_BITS = 40
_SEQUENCE_MASK = (1 << _SEQUENCE_BITS) - 1
# SQLite syncs the disk at checkpoints alone; a larger log makes those rarer.
_CHECKPOINT_PAGES = 4000

_SCHEMA = f"""
CREATE TABLE queues(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_sequence INTEGER NOT NULL);
CREATE TABLE messages(
    id INTEGER PRIMARY KEY, dead INTEGER NOT NULL, state INTEGER NOT NULL, locked INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL, enqueued_sequence INTEGER NOT NULL, enqueued_at INTEGER NOT NULL,
    due INTEGER, expires_at INTEGER, content BLOB NOT NULL);
CREATE TABLE known_ids(
    queue INTEGER NOT NULL, message_id TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY(queue, message_id)) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
"""


class StoreError(Exception):
    """The file cannot be opened, belongs to a running broker, or is of another version."""


class Store:
    """The SQLite file; used from one thread."""

    def __init__(self, path: str) -> None:
        if path != IN_MEMORY:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise StoreError(f"cannot use {path}: {error}") from error
        self._numbers: dict[str, int] = {}
        self._last_sequences: dict[str, int] = {}

    def load(self, settings: QueueSettings, clock: Callable[[], int]) -> Queue:
        """Builds a queue with everything that the file holds for it."""
        name = settings.name.lower()
        self._database.execute("INSERT OR IGNORE INTO queues(name, last_sequence) VALUES(?, 0)", (name,))
        number, last_sequence = self._database.execute(
            "SELECT id, last_sequence FROM queues WHERE name = ?", (name,)
        ).fetchone()
        self._numbers[name], self._last_sequences[name] = number, last_sequence
        queue = Queue(settings, clock=clock, last_sequence=last_sequence)
        base = number << _SEQUENCE_BITS
        rows = self._database.execute(
            "SELECT id, dead, state, locked, delivery_count, enqueued_sequence, enqueued_at, due, expires_at, content"
            " FROM messages WHERE id BETWEEN ? AND ? ORDER BY id",
            (base, base | _SEQUENCE_MASK),
        )
        for row in rows:
            queue.restore(_message(row))
        known = self._database.execute(
            "SELECT message_id, until FROM known_ids WHERE queue = ? ORDER BY until", (number,)
        )
        for message_id, until in known:
            queue.restore_id(message_id, until)
        return queue

    def commit(self, queues: Iterable[Queue]) -> None:
        """Writes the journals of all queues in one transaction and clears them; raises `sqlite3.Error`."""
        changed = [queue for queue in queues if queue.journal or queue.last_sequence != self._last(queue)]
        if not changed:
            return
        self._database.execute("BEGIN IMMEDIATE")
        for queue in changed:
            self._write(queue)
        self._database.execute("COMMIT")
        for queue in changed:
            queue.journal.clear()
            self._last_sequences[queue.settings.name.lower()] = queue.last_sequence

    def close(self) -> None:
        """Closes the file; an open transaction is rolled back."""
        self._database.close()

    def _last(self, queue: Queue) -> int:
        return self._last_sequences[queue.settings.name.lower()]

    def _prepare(self) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        (version,) = run("PRAGMA user_version").fetchone()
        if version == 0:
            self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif version != _VERSION:
            raise StoreError(f"the data file has version {version}, this broker knows version {_VERSION}")

    def _write(self, queue: Queue) -> None:
        journal = queue.journal
        number = self._numbers[queue.settings.name.lower()]
        base = number << _SEQUENCE_BITS
        run, run_many = self._database.execute, self._database.executemany
        run_many("DELETE FROM messages WHERE id = ?", [(base | sequence,) for sequence in journal.removed])
        fresh = [*journal.added.values(), *journal.rewritten.values()]
        run_many(
            "INSERT OR REPLACE INTO messages VALUES(?,?,?,?,?,?,?,?,?,?)",
            [_row(base, each) for each in fresh],
        )
        run_many(
            "UPDATE messages SET state = ?, locked = ?, delivery_count = ? WHERE id = ?",
            [
                (each.state, each.lock is not None, each.delivery_count, base | each.sequence)
                for each in journal.changed.values()
            ],
        )
        run_many(
            "DELETE FROM known_ids WHERE queue = ? AND message_id = ?",
            [(number, each) for each in journal.forgotten],
        )
        run_many(
            "INSERT OR REPLACE INTO known_ids VALUES(?,?,?)",
            [(number, message_id, until) for message_id, until in journal.remembered.items()],
        )
        run("UPDATE queues SET last_sequence = ? WHERE id = ?", (queue.last_sequence, number))


def _row(base: int, message: Message) -> tuple[object, ...]:
    return (
        base | message.sequence,
        message.dead,
        message.state,
        message.lock is not None,
        message.delivery_count,
        message.enqueued_sequence,
        message.enqueued_at,
        message.due,
        message.expires_at,
        serialize(message.content),
    )


def _message(row: tuple[int, int, int, int, int, int, int, int | None, int | None, bytes]) -> Message:
    number, dead, state, locked, delivery_count, enqueued_sequence, enqueued_at, due, expires_at, content = (
        row
    )
    return Message(
        content=parse(content),
        sequence=number & _SEQUENCE_MASK,
        enqueued_sequence=enqueued_sequence,
        state=State(state),
        enqueued_at=enqueued_at,
        dead=bool(dead),
        delivery_count=delivery_count,
        due=due,
        expires_at=expires_at,
        # Locks do not outlive the process: this one ended before the broker started.
        lock=Lock(uuid4(), 0) if locked else None,
    )
