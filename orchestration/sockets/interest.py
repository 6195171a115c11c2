"""Who may be watching: only their groups are worth a call to Web PubSub.

Most jobs are submitted by programs that watch none, and publishing costs a job that does little as much as running it. So
a socket is handed out only after it was written down whose it is: the tenant, for updates of its jobs at all, and the
user, for those of the jobs that this user submits. Each process looks that up before it sends: at most twice a second
for each who does not watch, and once a minute for each who does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from orchestration.checkpoints import Row
from orchestration.errors import StorageUnavailable
from orchestration.ids import key_part
from orchestration.jobs import stamp
from orchestration.ports import Clock, JobStore
from orchestration.sockets.groups import Watcher

TABLE = "connections"
WATCHERS = "watchers"
LOOK_SECONDS = 0.5
"""How long nobody's watching is believed, and so how long the first socket waits."""

WATCHED_SECONDS = 60.0
"""How long somebody's watching is believed: it does not end before its time."""

KEPT = timedelta(days=1)
"""How long interest lasts after the last socket was asked for or found alive."""

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found, and until when that is believed (seconds of a clock that never goes back)."""

    until: float
    found: bool


def tenant_name(tenant: str) -> str:
    """The tenant as one of those who may be watching."""
    return f"tenant|{key_part(tenant)}"


def user_name(user: str) -> str:
    """The same for a user; ``user`` is a digest of :func:`orchestration.sockets.groups.user_of`."""
    return f"user|{user}"


@dataclass(kw_only=True)
class Interest:
    """Writes down and looks up who may be watching, by :func:`tenant_name` and :func:`user_name`."""

    store: JobStore
    clock: Clock
    _looks: dict[str, _Look] = field(default_factory=dict)
    _looking: dict[str, asyncio.Task[bool]] = field(default_factory=dict)

    async def note(self, watcher: Watcher, *, own_jobs: bool) -> None:
        """This watcher is about to get a socket, on a job or on all of its ``own_jobs``.

        The first time it waits until no process believes otherwise any more. Raises :class:`StorageUnavailable`.
        """
        if not await self.keep(watcher, own_jobs=own_jobs):
            await self.clock.sleep(LOOK_SECONDS)

    async def keep(self, watcher: Watcher, *, own_jobs: bool) -> bool:
        """Prolong the interest; whether there was all of it. Raises :class:`StorageUnavailable`."""
        names = [tenant_name(watcher.tenant), *([user_name(watcher.user)] if own_jobs else [])]
        return all(await asyncio.gather(*map(self._keep, names)))

    async def _keep(self, name: str) -> bool:
        until = await self._until(name)
        now = self.clock.now()
        if until < stamp(now + KEPT / 2):
            values = {"until": stamp(now + KEPT)}
            await self.store.table(TABLE).put(WATCHERS, [Row(key=name, values=values)])
        return until > stamp(now)

    def known(self, name: str) -> bool | None:
        """What :meth:`has` would say at once; None where it would look."""
        look = self._looks.get(name)
        return look.found if look is not None and self.clock.monotonic() < look.until else None

    async def has(self, name: str) -> bool:
        """Whether an update is worth sending to them. When storage does not say: yes."""
        known = self.known(name)
        return known if known is not None else await asyncio.shield(self.look(name))

    def look(self, name: str) -> asyncio.Task[bool]:
        """Begin to look, so that :meth:`known` knows soon; the look that is under way where there is one."""
        task = self._looking.get(name)
        if task is None:
            task = self._looking[name] = asyncio.create_task(self._look(name))
            task.add_done_callback(lambda _: self._looking.pop(name))
        return task

    async def _look(self, name: str) -> bool:
        began = self.clock.monotonic()
        try:
            found = await self._until(name) > stamp(self.clock.now())
        except StorageUnavailable:
            return True
        if len(self._looks) >= _MOST_REMEMBERED:
            self._looks.clear()
        believed = WATCHED_SECONDS if found else LOOK_SECONDS
        self._looks[name] = _Look(began + believed, found=found)
        return found

    async def _until(self, name: str) -> str:
        await self.store.prepare()
        row = await self.store.table(TABLE).read(WATCHERS, name)
        return str(row.values["until"]) if row else ""
