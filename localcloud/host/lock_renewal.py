"""Keeps the lock of one message alive while its function runs."""

import asyncio
import logging
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from localcloud.host.clock import Clock
from localcloud.host.receiving import BrokerError, Delivery, LockLostError, MessageReceiver
from localcloud.host.tasks import spawn

_LOG = logging.getLogger("host.servicebus")

_MOST_HEADROOM_S = 10.0
"""A lock is renewed when half of its time is left, but never more than this long before its end (as in .NET)."""
_RETRY_S = 0.5


class LockRenewal:
    """Async context manager: renews until the block ends, the limit is reached or the lock is lost.

    A transient failure is tried again until the lock would have ended. The block is never interrupted; a lost lock only
    means that the broker delivers the message again and settling it fails.
    """

    def __init__(
        self,
        receiver: MessageReceiver,
        delivery: Delivery,
        locked_until: datetime | None,
        *,
        limit_s: float,
        clock: Clock,
    ) -> None:
        self._receiver = receiver
        self._delivery = delivery
        self._locked_until = locked_until
        self._end = clock.now() + timedelta(seconds=limit_s)
        self._clock = clock
        self._waiting: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._done = False

    async def __aenter__(self) -> Self:
        if self._locked_until is not None and self._end > self._clock.now():
            self._task = spawn(self._renew(self._locked_until), "lock renewal")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done = True
        if self._task is None:
            return
        # Only a wait is cut short: a renewal on the wire is finished, because settling uses the same connection.
        if self._waiting is not None:
            self._waiting.cancel()
        await asyncio.wait({self._task})

    async def _renew(self, locked_until: datetime) -> None:
        while not self._done:
            left = (locked_until - self._clock.now()).total_seconds()
            if left <= 0:
                return
            await self._wait(max(0.0, left - min(left / 2, _MOST_HEADROOM_S)))
            if self._done:
                return
            if self._clock.now() >= self._end:
                _LOG.warning(
                    "The lock of a message reached maxAutoLockRenewalDuration and is not renewed any more."
                )
                return
            renewed = await self._renew_once(locked_until)
            if renewed is None:
                return
            locked_until = renewed

    async def _renew_once(self, locked_until: datetime) -> datetime | None:
        try:
            return await self._receiver.renew(self._delivery)
        except LockLostError as error:
            _LOG.warning("The lock of a message was lost while its function was running: %s", error)
            return None
        except BrokerError as error:
            _LOG.warning("The lock of a message could not be renewed, trying again: %s", error)
            await self._wait(_RETRY_S)
            return locked_until

    async def _wait(self, seconds: float) -> None:
        if self._done:
            return
        self._waiting = asyncio.create_task(self._clock.sleep(seconds))
        await asyncio.wait({self._waiting})
        self._waiting = None
