"""Work that follows an answer: begun before it goes out, and not waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

MOST_AT_ONCE = 128
"""With more than that under way, whoever adds one waits for it: a slow dependency slows its callers down."""

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class FollowUps:
    """Keeps track of what was begun. A process that ends in between leaves it undone, so somebody must mend that."""

    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def begin(self, *work: Coroutine[Any, Any, None]) -> None:
        """Begin it. What it raises is a defect, and is logged."""
        tasks = [asyncio.create_task(each) for each in work]
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        if tasks and len(self._under_way) > MOST_AT_ONCE:
            await asyncio.wait(tasks)
        else:
            await asyncio.sleep(0)  # so that each has begun

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("a follow-up failed", exc_info=error)
