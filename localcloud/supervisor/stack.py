"""All parts together: started side by side, watched, written to ``endpoints.json``, stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.part import Part, PartError, PartSpec

logger = logging.getLogger(__name__)


class StackError(Exception):
    """The stack could not start; nothing of it runs. The message is for a person."""


class Stack:
    """Runs parts in one data folder.

    A part starts as soon as those it comes ``after`` are ready and stops before they do. ``description`` is
    what ``endpoints.json`` says besides the process ids.
    """

    def __init__(
        self,
        specs: Sequence[PartSpec],
        *,
        folder: DataFolder,
        working_directory: Path,
        description: Mapping[str, Any],
    ) -> None:
        self._folder = folder
        self._description = description
        self._ready = False
        self._parts = {
            spec.name: Part(spec, folder=working_directory, logs=folder.logs, changed=self._publish)
            for spec in specs
        }
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start everything and publish ``endpoints.json``. Raises :class:`StackError`, with all stopped."""
        self._keep_old_logs()
        started = {name: asyncio.Event() for name in self._parts}
        starts = [asyncio.create_task(self._start_part(part, started)) for part in self._parts.values()]
        try:
            await asyncio.gather(*starts)
        except BaseException as error:
            for task in starts:
                task.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.stop()
            if isinstance(error, PartError):
                raise StackError(str(error)) from error
            raise
        self._watching = [asyncio.create_task(part.keep_running()) for part in self._parts.values()]
        self._ready = True
        self._publish()

    async def stop(self, *, at_once: bool = False) -> None:
        """Stop everything: first the parts that need others, then those. ``at_once`` kills and loses data."""
        self._ready = False
        self._folder.forget_endpoints()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        dependent = [part for part in self._parts.values() if part.spec.after]
        others = [part for part in self._parts.values() if not part.spec.after]
        for group in (dependent, others):
            await asyncio.gather(*(part.stop(at_once=at_once) for part in group))

    @staticmethod
    async def _start_part(part: Part, started: Mapping[str, asyncio.Event]) -> None:
        for name in part.spec.after:
            await started[name].wait()
        await part.start()
        logger.info("%s is ready (pid %s)", part.spec.name, part.pid)
        started[part.spec.name].set()

    def _publish(self) -> None:
        if not self._ready:
            return
        processes = {name: part.pid for name, part in self._parts.items()}
        self._folder.write_endpoints(
            {
                **self._description,
                "processes": {"supervisor": os.getpid(), **processes},
                "restarts": {name: part.restarts for name, part in self._parts.items()},
            }
        )

    def _keep_old_logs(self) -> None:
        self._folder.logs.mkdir(parents=True, exist_ok=True)
        for name in self._parts:
            log = self._folder.logs / f"{name}.log"
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
