"""Which users may have a socket on their own jobs: only their groups are worth a call.

Most jobs are submitted by programs that watch none, and a second call to Web PubSub for each of their updates would
double the cost of publishing. So a socket on a user's jobs is handed out only after that was written down, and each
process looks it up, at most twice a second and user, before it sends to a user's group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from orchestration.checkpoints import Row
from orchestration.errors import StorageUnavailable
from orchestration.jobs import stamp
from orchestration.ports import Clock, JobStore

TABLE = "connections"
USERS = "users"
LOOK_SECONDS = 0.5
KEPT = timedelta(days=1)
"""How long interest lasts after the last socket was asked for or found alive."""

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found, and when the look began (seconds of a clock that never goes back)."""

    at: float
    found: bool


@dataclass(kw_only=True)
class UserInterest:
    """Writes down and looks up who may be watching. ``user`` is a digest of :func:`orchestration.sockets.groups.user_of`."""

    store: JobStore
    clock: Clock
    _looks: dict[str, _Look] = field(default_factory=dict)

    async def note(self, user: str) -> None:
        """This user is about to get a socket. The first time it waits until no process believes otherwise any more.

        Raises :class:`StorageUnavailable`.
        """
        if not await self.keep(user):
            await self.clock.sleep(LOOK_SECONDS)

    async def keep(self, user: str) -> bool:
        """Prolong the interest; whether there was any. Raises :class:`StorageUnavailable`."""
        until = await self._until(user)
        now = self.clock.now()
        if until < stamp(now + KEPT / 2):
            values = {"until": stamp(now + KEPT)}
            await self.store.table(TABLE).put(USERS, [Row(key=user, values=values)])
        return until > stamp(now)

    async def has(self, user: str) -> bool:
        """Whether an update of this user's jobs is worth sending to them. When storage does not say: yes."""
        began = self.clock.monotonic()
        look = self._looks.get(user)
        if look is not None and began - look.at < LOOK_SECONDS:
            return look.found
        try:
            found = await self._until(user) > stamp(self.clock.now())
        except StorageUnavailable:
            return True
        if len(self._looks) >= _MOST_REMEMBERED:
            self._looks.clear()
        self._looks[user] = _Look(began, found=found)
        return found

    async def _until(self, user: str) -> str:
        await self.store.prepare()
        row = await self.store.table(TABLE).read(USERS, user)
        return str(row.values["until"]) if row else ""
