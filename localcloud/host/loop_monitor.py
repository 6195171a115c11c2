"""Warns when an asynchronous function blocks the event loop, which stalls every other function of the worker."""

import asyncio
import logging
import time
from collections.abc import Callable

from localcloud.host.tasks import cancelled, spawn

_LOG = logging.getLogger("host.functions")

LIMIT_S = 0.2
_PERIOD_S = 0.1


class LoopMonitor:
    """Measures how late a periodic task of its own is woken, and blames the functions that were active meanwhile."""

    def __init__(self, take_active: Callable[[], set[str]]) -> None:
        self._take_active = take_active
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure on the running loop."""
        self._task = spawn(self._watch(), "loop monitor")

    async def close(self) -> None:
        """End."""
        await cancelled(self._task)

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_PERIOD_S)
            late = time.monotonic() - began - _PERIOD_S
            active = self._take_active()
            if late > LIMIT_S and active:
                _LOG.warning(
                    "The event loop was blocked for %.0f ms; asynchronous functions running: %s. Blocking calls belong "
                    "into a synchronous function or asyncio.to_thread.",
                    late * 1000,
                    ", ".join(sorted(active)),
                )
