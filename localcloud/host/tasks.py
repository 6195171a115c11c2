"""Background tasks whose errors reach the log."""

import asyncio
import logging
from collections.abc import Coroutine

_LOG = logging.getLogger("host")


def spawn(work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
    """Start a task that nobody awaits for its result; if it fails, that is logged when it ends."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


async def cancelled(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})


def _report(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _LOG.error("The background task '%s' failed.", task.get_name(), exc_info=error)
