"""Sends the messages that get callbacks delivered: after a commit as best it can, in the epilogue for certain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from orchestration.callbacks import (
    FIRST_KEY,
    LAST_KEY,
    Callback,
    callback_message,
    deliveries,
    is_owed,
)
from orchestration.errors import QueueUnavailable
from orchestration.events import JobUpdate
from orchestration.jobs import Job
from orchestration.ports import JobStore, MessageQueue

MAX_ROWS = 5000

_log = logging.getLogger(__name__)


class CallbackDispatcher:
    """Wakes up the delivery of callbacks. The rows are the truth: a message that is sent twice does no harm."""

    def __init__(self, store: JobStore, queue: MessageQueue) -> None:
        self._store = store
        self._queue = queue
        self._sending: set[asyncio.Task[None]] = set()

    def announce(self, job: Job, updates: Sequence[JobUpdate]) -> None:
        """Send for the events of one commit, off the job's path. Never waits, never raises.

        Those of the last commit are left to the epilogue, which follows at once and sends for certain.
        """
        if job.status.terminal:
            return
        for update in updates:
            if is_owed(job, update) and update.sequence is not None:
                task = asyncio.create_task(self._try_to_send(job, update.sequence))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def drain(self) -> None:
        """Wait until everything announced so far was sent or left to the epilogue."""
        await asyncio.gather(*self._sending)

    async def send_owed(self, job: Job) -> None:
        """Send for every callback of a terminal job that is not through.

        Raises :class:`QueueUnavailable` and :class:`StorageUnavailable`; to be repeated then.
        """
        if job.callback_url is None:
            return
        if not job.callback_events:  # the one for the last event, then: no need to look
            await self._queue.send(callback_message(job, job.sequence))
            return
        for callback in await self.pending(job.job_id):
            await self._queue.send(callback.message(job))

    async def pending(self, job_id: str) -> list[Callback]:
        """The callbacks of a job that are not through. Raises :class:`StorageUnavailable`."""
        rows = await self._store.table("jobs").between(
            job_id, after=FIRST_KEY, before=LAST_KEY, limit=MAX_ROWS
        )
        return [callback for callback, _ in deliveries(rows) if callback.pending]

    async def _try_to_send(self, job: Job, sequence: int) -> None:
        try:
            await self._queue.send(callback_message(job, sequence))
        except QueueUnavailable as error:
            _log.warning("callback left to the epilogue", extra={"job_id": job.job_id, "reason": str(error)})
