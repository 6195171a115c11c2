"""The ``connections`` table: which sockets are open, whose they are and which jobs they watch.

Written from the events that Web PubSub sends; a row that its ``disconnected`` event never reached is found by the
clean-up. A row binds a connection id to the identity that connected with it: the signature of an event covers
that id alone, so the user id in a later event is believed only where it is the one in the row.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestration.checkpoints import Row
from orchestration.errors import RequestRefused, RowConflict, RowExists
from orchestration.ids import key_part
from orchestration.jobs import stamp
from orchestration.ports import Clock, JobStore, RealtimePublisher, RowTable, TaggedRow
from orchestration.sockets.groups import Watcher
from orchestration.sockets.interest import TABLE, Interest

if TYPE_CHECKING:
    from orchestration.contract.realtime_answers import ConnectionView

OPEN = "open"
"""The one partition of connections: connections come and go slowly against the 2,000 rows a second that it takes."""

MAX_JOBS = 100
"""Jobs that one connection may subscribe to."""

MAX_LISTED = 5000
QUIET = timedelta(minutes=10)
CHECKED_AT_ONCE = 200
_IN_FLIGHT = 8
_LAST = "~"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConnection:
    """A socket. ``group`` is the one that its token is in, ``jobs`` those that it subscribed to; times are stamps."""

    connection_id: str
    watcher: Watcher
    group: str
    jobs: tuple[str, ...] = ()
    since: str
    last_seen: str

    @property
    def has_own_jobs(self) -> bool:
        """Whether it gets the updates of every job that its user submits."""
        return self.group == self.watcher.group

    def to_row(self) -> Row:
        """The row; a foreign id that is no plain key becomes its digest."""
        values = {
            "connectionId": self.connection_id,
            "tenant": self.watcher.tenant,
            "user": self.watcher.user,
            "group": self.group,
            "jobs": json.dumps(self.jobs),
            "since": self.since,
            "lastSeen": self.last_seen,
        }
        return Row(key=key_part(self.connection_id), values=values)

    @classmethod
    def from_row(cls, row: Row) -> OpenConnection:
        """The connection of its row."""
        values = {name: str(value) for name, value in row.values.items()}
        return cls(
            connection_id=values["connectionId"],
            watcher=Watcher(tenant=values["tenant"], user=values["user"]),
            group=values["group"],
            jobs=tuple(json.loads(values["jobs"])),
            since=values["since"],
            last_seen=values["lastSeen"],
        )

    def to_wire(self) -> ConnectionView:
        """An item of ``GET realtime/connections``."""
        return {
            "connectionId": self.connection_id,
            "user": self.watcher.user,
            "group": self.group,
            "jobs": list(self.jobs),
            "since": self.since,
            "lastSeen": self.last_seen,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """What a clean-up did."""

    checked: int
    removed: int


Change = Callable[[OpenConnection], OpenConnection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRegistry:
    """Reads and writes the rows. Methods raise :class:`StorageUnavailable` when tables do not answer."""

    store: JobStore
    publisher: RealtimePublisher
    interest: Interest
    clock: Clock

    async def open(self, connection_id: str, watcher: Watcher, group: str) -> None:
        """Bind a connection to a watcher; told again, nothing changes.

        Raises :class:`RequestRefused` 403 when it is bound to another one.
        """
        now = stamp(self.clock.now())
        fresh = OpenConnection(
            connection_id=connection_id, watcher=watcher, group=group, since=now, last_seen=now
        )
        table = await self._table()
        try:
            await table.insert(OPEN, [fresh.to_row()])
        except RowExists:
            await self.bound(connection_id, watcher)

    async def bound(self, connection_id: str, watcher: Watcher) -> OpenConnection:
        """The connection, if it is this watcher's. Raises :class:`RequestRefused` 403 for any other."""
        _, connection = await self._read(connection_id, watcher)
        return connection

    async def change(self, connection_id: str, watcher: Watcher, change: Change) -> OpenConnection:
        """Replace the row by what ``change`` makes of it; somebody else's write in between is read again.

        Raises :class:`RequestRefused` as :meth:`bound` does, or what ``change`` raises.
        """
        table = await self._table()
        while True:
            tagged, connection = await self._read(connection_id, watcher)
            changed = replace(change(connection), last_seen=stamp(self.clock.now()))
            try:
                await table.replace(OPEN, changed.to_row(), etag=tagged.etag)
            except RowConflict:
                continue
            return changed

    async def close(self, connection_id: str, watcher: Watcher) -> None:
        """Remove the row of a connection that has ended; gone is as good, another's is left alone."""
        table = await self._table()
        row = await table.read(OPEN, key_part(connection_id))
        if row is not None and OpenConnection.from_row(row).watcher == watcher:
            await table.delete(OPEN, row.key)

    async def listed(self) -> list[OpenConnection]:
        """All connections of all tenants, at most 5,000."""
        table = await self._table()
        rows = await table.between(OPEN, after="", before=_LAST, limit=MAX_LISTED)
        return [OpenConnection.from_row(row) for row in rows]

    async def clean(self) -> CleanUp:
        """Ask Web PubSub about connections that were quiet for ten minutes, the quietest first; remove the dead.

        Raises :class:`DependencyUnavailable` when it does not answer: the next clean-up goes on from there.
        """
        before = stamp(self.clock.now() - QUIET)
        quiet = sorted((c for c in await self.listed() if c.last_seen < before), key=lambda c: c.last_seen)
        slots = asyncio.Semaphore(_IN_FLIGHT)

        async def check(connection: OpenConnection) -> bool:
            async with slots:
                return await self._is_gone(connection)

        chosen = quiet[:CHECKED_AT_ONCE]
        results = await asyncio.gather(*(check(c) for c in chosen), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        done = CleanUp(checked=len(results) - len(failed), removed=sum(r is True for r in results))
        if done.removed:
            _log.info("dead connections removed", extra={"removed": done.removed})
        if failed:
            raise failed[0]
        return done

    async def _is_gone(self, connection: OpenConnection) -> bool:
        """Whether it was removed; one that lives is noted as seen now."""
        if not await self.publisher.exists(connection.connection_id):
            await self.close(connection.connection_id, connection.watcher)
            return True
        await self.interest.keep(connection.watcher, own_jobs=connection.has_own_jobs)
        try:
            await self.change(connection.connection_id, connection.watcher, lambda same: same)
        except RequestRefused:
            return False  # its end was told in between
        return False

    async def _read(self, connection_id: str, watcher: Watcher) -> tuple[TaggedRow, OpenConnection]:
        table = await self._table()
        tagged = await table.read_tagged(OPEN, key_part(connection_id))
        connection = OpenConnection.from_row(tagged.row) if tagged else None
        if tagged is None or connection is None or connection.watcher != watcher:
            raise RequestRefused("the connection is not known as this user's", code="forbidden", status=403)
        return tagged, connection

    async def _table(self) -> RowTable:
        await self.store.prepare()
        return self.store.table(TABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFigures:
    """How many connections there are: in all, of how many users, and by job (subscribed or negotiated for)."""

    connections: int
    users: int
    by_job: dict[str, int]


def figures_of(connections: Sequence[OpenConnection]) -> ConnectionFigures:
    """Count connections."""
    by_job: Counter[str] = Counter()
    for connection in connections:
        kind, _, named = connection.group.partition(":")
        by_job.update({*connection.jobs, *((named,) if kind == "job" else ())})
    return ConnectionFigures(
        connections=len(connections),
        users=len({connection.watcher for connection in connections}),
        by_job=dict(by_job),
    )
