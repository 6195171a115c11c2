"""Warns when an asynchronous function blocks the event loop, which stalls every other function of the worker."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from localcloud.host.tasks import cancelled, spawn

_LOG = logging.getLogger("host.functions")

LIMIT_S = 0.2
_PERIOD_S = 0.1


class LoopMonitor:
    """Measures how late a periodic task of its own is woken."""

    def __init__(self, running: Callable[[], Sequence[str]]) -> None:
        self._running = running
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure on the running loop."""
        self._task = spawn(self._watch(), "loop monitor")

    async def close(self) -> None:
        """End."""
        await cancelled(self._task)

    async def _watch(self) -> None:
        while True:
            # What ran during the sleep may have ended when it is over, so both ends are asked.
            before = set(self._running())
            began = time.monotonic()
            await asyncio.sleep(_PERIOD_S)
            late = time.monotonic() - began - _PERIOD_S
            suspects = sorted(before | set(self._running()))
            if late > LIMIT_S:
                _LOG.warning(
                    "The event loop was blocked for %.0f ms; asynchronous functions running: %s. Blocking calls belong "
                    "into a synchronous function or asyncio.to_thread.",
                    late * 1000,
                    ", ".join(suspects) or "none known",
                )
