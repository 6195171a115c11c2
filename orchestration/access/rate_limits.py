"""Requests a minute of one tenant, over all instances, without a round trip for any request.

An instance takes tokens in blocks from the tenant's row, by ETag, in the background: while it spends one block it
takes the next. A minute begins with a block on credit, so the limit may be exceeded by one block for each instance.
Instances that want a block at the same time get one after the other.
While the row cannot be written calls are let through, up to the whole limit in each process, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestration.checkpoints import Row
from orchestration.errors import RequestRefused, RowConflict, RowExists, StorageUnavailable
from orchestration.expiring import ExpiringCache
from orchestration.ids import key_part
from orchestration.ports import Clock, JobStore

LIMITS = "limits"
WINDOW_SECONDS = 60
BLOCKS = 10
"""A block is this part of the limit."""

WAIT_SECONDS = 1.0
"""How long a call waits for a block that is being taken when nothing else is left."""

_TENANTS = 10_000
_TRIES = 2 * BLOCKS + 1
"""Every conflict is a block that another instance took. A minute has no more than BLOCKS of them, and a taking sees at
most the turn of one minute, so whoever looks that often gets a block or finds that none is left."""

_PAUSE_SECONDS = 0.05
"""The longest pause after a conflict. Chance sets its length, so that those who collided do not meet again."""

_KEY = "rate"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Window:
    """What this instance may still spend in one minute.

    ``taken`` is what all instances together had taken when this one last looked; ``on_credit`` says that the first
    block is not among it yet. ``given`` counts the calls that this one let through.
    """

    number: int
    left: int
    given: int = 0
    taken: int = 0
    on_credit: bool = True
    spent_out: bool = False
    refill: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Limits every tenant to ``per_minute`` calls; 0 is no limit."""

    store: JobStore
    clock: Clock
    per_minute: int
    _windows: ExpiringCache[str, _Window] = field(init=False)

    def __post_init__(self) -> None:
        """Nobody has called yet."""
        windows: ExpiringCache[str, _Window] = ExpiringCache(
            size=_TENANTS, seconds=2 * WINDOW_SECONDS, monotonic=self.clock.monotonic
        )
        object.__setattr__(self, "_windows", windows)

    async def spend(self, tenant: str) -> Mapping[str, str]:
        """Take one token; the headers that every answer of a limited tenant has.

        The names are those of the IETF draft "RateLimit header fields for HTTP" (version 11). Raises
        :class:`RequestRefused` 429 with the same headers and ``Retry-After``.
        """
        if not self.per_minute:
            return {}
        window = self._window(tenant)
        if window.left <= self._block // 2 and not window.spent_out:
            self._refilling(tenant, window)
        await self._await_tokens(tenant, window)
        # However slow the table is, one process alone never lets more through than the tenant has.
        if window.given >= self.per_minute or (window.left < 1 and window.spent_out):
            headers = {**self._headers(window), "Retry-After": str(self._seconds_left)}
            detail = f"a tenant has {self.per_minute} calls a minute"
            raise RequestRefused(detail, code="rate_limited", status=429, headers=headers)
        window.left -= 1
        window.given += 1
        return self._headers(window)

    async def _await_tokens(self, tenant: str, window: _Window) -> None:
        """Wait for a refill when nothing is left; a second one, when the first only paid for the credit."""
        for _ in range(2):
            if window.left >= 1 or window.spent_out:
                return
            ended, _ = await asyncio.wait([self._refilling(tenant, window)], timeout=WAIT_SECONDS)
            if not ended:
                return

    @property
    def _block(self) -> int:
        return math.ceil(self.per_minute / BLOCKS)

    @property
    def _seconds_left(self) -> int:
        return WINDOW_SECONDS - int(self.clock.now().timestamp()) % WINDOW_SECONDS

    def _window(self, tenant: str) -> _Window:
        number = int(self.clock.now().timestamp()) // WINDOW_SECONDS
        window = self._windows.get(tenant)
        if window is None or window.number != number:
            window = _Window(number=number, left=self._block)
            self._windows.put(tenant, window)
            self._refilling(tenant, window)
        return window

    def _refilling(self, tenant: str, window: _Window) -> asyncio.Task[None]:
        """The refill that is under way, or a new one."""
        if window.refill is None or window.refill.done():
            window.refill = asyncio.get_running_loop().create_task(self._refill(tenant, window))
        return window.refill

    async def _refill(self, tenant: str, window: _Window) -> None:
        try:
            got, window.taken = await self._take(tenant, window.number)
        except StorageUnavailable as error:
            _log.warning("calls are not counted now", extra={"reason": str(error)})
            window.left += self._block
            return
        window.left += got - self._block if window.on_credit else got
        window.on_credit = False
        window.spent_out = got < self._block

    async def _take(self, tenant: str, number: int) -> tuple[int, int]:
        """Up to a block of the minute's tokens, and how many are taken then.

        Raises :class:`StorageUnavailable` when the row cannot be written; other instances are no reason.
        """
        await self.store.prepare()
        table, partition = self.store.table(LIMITS), key_part(tenant)
        for _ in range(_TRIES):
            found = await table.read_tagged(partition, _KEY)
            known = int(str(found.row.values["taken"])) if found else 0
            minute = int(str(found.row.values["window"])) if found else number
            if minute < number:
                minute, known = number, 0
            got = max(0, min(self._block, self.per_minute - known))
            row = Row(key=_KEY, values={"window": str(minute), "taken": str(known + got)})
            try:
                if found is None:
                    await table.insert(partition, [row])
                elif got:
                    await table.replace(partition, row, etag=found.etag)
            except (RowConflict, RowExists):
                await self.clock.sleep(_PAUSE_SECONDS * self.clock.chance())
                continue  # another instance took a block just now
            return got, known + got
        raise StorageUnavailable("the row of calls changes without a block being taken")

    def _headers(self, window: _Window) -> dict[str, str]:
        taken = self._block if window.on_credit else window.taken
        left = max(0, window.left + self.per_minute - taken)
        return {
            "RateLimit-Policy": f'"tenant";q={self.per_minute};w={WINDOW_SECONDS}',
            "RateLimit": f'"tenant";r={min(left, self.per_minute)};t={self._seconds_left}',
        }
