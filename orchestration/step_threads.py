"""StepThreads: the bounded pool behind ``asyncio.to_thread``, which steps hand their heavy work to.

Work of urgent jobs goes first: each piece has a time by which it should have begun, the sooner the more urgent its
job is, and the earliest goes next. So an urgent job does not wait behind the pieces of sixty others, and one that is
not urgent waits half a minute longer at most.

A thread cannot be stopped. When a step runs out of time its result is discarded, but its thread goes on and keeps its
place in the pool: that is what bounds how much a process can be held up. This pool knows how many work for nobody.
"""

from __future__ import annotations

import heapq
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, TypeVar

from orchestration.circuits import CircuitState
from orchestration.jobs import Priority

T = TypeVar("T")

MAX_THREADS = max(3, (os.cpu_count() or 1) + 1)
"""Fewer than Python itself would take: steps compute, one thread of Python runs at a time, and every one that wants to
run keeps the event loop waiting. docs/performance.md has the figures."""

GRACE_SECONDS = {Priority.URGENT: 0.0, Priority.HIGH: 2.0, Priority.NORMAL: 10.0, Priority.LOW: 30.0}
"""How long a piece of work may wait behind work that came after it."""

_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.URGENT)
"""Of the job that runs here. What belongs to no job has a caller who waits."""

_log = logging.getLogger(__name__)


@contextmanager
def working_for(priority: Priority) -> Iterator[None]:
    """Hand work of this context to the threads as work of a job of this priority."""
    token = _priority.set(priority)
    try:
        yield
    finally:
        _priority.reset(token)


@dataclass(order=True, slots=True)
class _Work:
    """A piece of work, in the order in which pieces begin."""

    begins_by: float
    number: int
    future: Future[Any] = field(compare=False)
    call: Callable[[], Any] = field(compare=False)


@dataclass(slots=True)
class _Turn:
    """A thread's turn: which piece it took shows when it begins."""

    work: _Work | None = None


class StepThreads(ThreadPoolExecutor):
    """A pool for a running loop. Not more than :data:`MAX_THREADS`, those that were abandoned included."""

    def __init__(self, workers: int = MAX_THREADS) -> None:
        super().__init__(max_workers=workers, thread_name_prefix="step")
        self._workers = workers
        self._abandoned: set[Future[Any]] = set()
        self._waiting: list[_Work] = []
        self._numbers = count()
        self._lock = threading.Lock()

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
        future: Future[T] = Future()
        begins_by = time.monotonic() + GRACE_SECONDS[_priority.get()]
        work = _Work(begins_by, next(self._numbers), future, partial(fn, *args, **kwargs))
        with self._lock:
            heapq.heappush(self._waiting, work)
        turn = _Turn()
        super().submit(self._take_turn, turn).add_done_callback(partial(self._settle, turn))
        # asyncio calls this attribute when the waiting task is cancelled.
        future.cancel = partial(self._give_up, future)  # type: ignore[method-assign]
        return future

    def _take_turn(self, turn: _Turn) -> Any:
        """In a thread: there is a turn for each piece, and each turn takes the piece that is first by then."""
        with self._lock:
            turn.work = heapq.heappop(self._waiting)
        return turn.work.call() if turn.work.future.set_running_or_notify_cancel() else None

    def _settle(self, turn: _Turn, ended: Future[Any]) -> None:
        if turn.work is None:  # the pool shut down before it had a thread
            with self._lock:
                work = heapq.heappop(self._waiting)
            Future.cancel(work.future)
        elif turn.work.future.running():
            error = ended.exception()
            if error is None:
                turn.work.future.set_result(ended.result())
            else:
                turn.work.future.set_exception(error)

    def _give_up(self, future: Future[Any]) -> bool:
        if Future.cancel(future):
            return True
        if future.running():
            self._abandoned.add(future)
            future.add_done_callback(self._abandoned.discard)
            counted = {"abandoned": self.abandoned, "threads": self._workers}
            _log.warning("a step's thread is abandoned", extra=counted)
        return False
