"""StepThreads: the bounded pool behind ``asyncio.to_thread``, which steps hand their heavy work to.

A thread cannot be stopped. When a step runs out of time its result is discarded, but its thread goes on and keeps its
place in the pool: that is what bounds how much a process can be held up. This pool knows how many work for nobody.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from orchestration.circuits import CircuitState

T = TypeVar("T")

MAX_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as Python itself would take."""

_log = logging.getLogger(__name__)


class StepThreads(ThreadPoolExecutor):
    """A pool for a running loop. Not more than :data:`MAX_THREADS`, those that were abandoned included."""

    def __init__(self, workers: int = MAX_THREADS) -> None:
        super().__init__(max_workers=workers, thread_name_prefix="step")
        self._workers = workers
        self._abandoned: set[Future[Any]] = set()

    @property
    def abandoned(self) -> int:
        """How many of its threads work for nobody any more."""
        return len(self._abandoned)

    def circuit(self) -> CircuitState:
        """Open when no thread is left for work that somebody waits for, half open when some are lost."""
        if self.abandoned >= self._workers:
            return "open"
        return "half_open" if self.abandoned else "closed"

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run it in a thread. Whoever waited and gives up cancels the future: that tells who is abandoned."""
        future = super().submit(fn, *args, **kwargs)
        # The executor makes its futures itself; asyncio calls this attribute when the waiting task is cancelled.
        future.cancel = partial(self._give_up, future)  # type: ignore[method-assign]
        return future

    def _give_up(self, future: Future[Any]) -> bool:
        if Future.cancel(future):
            return True
        if future.running():
            self._abandoned.add(future)
            future.add_done_callback(self._abandoned.discard)
            counted = {"abandoned": self.abandoned, "threads": self._workers}
            _log.warning("a step's thread is abandoned", extra=counted)
        return False
