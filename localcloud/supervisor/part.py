"""One part of the stack: a child process that is started, watched, restarted and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.supervisor.folder import last_lines
from localcloud.supervisor.lifeline import end_with_parent

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_HEALTHY_AFTER = 30.0
_SHOWN_LOG_LINES = 12


class PartError(Exception):
    """A part did not become ready. The message is for a person and ends with the part's last log lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSpec:
    """How to run one part.

    ``is_ready`` judges a line of its standard output; ``after`` names parts that must be ready before it starts
    and stop after it did; ``ready_within`` and ``grace`` are seconds; ``orphan_signal`` is what the kernel sends
    it when the supervisor dies without stopping it.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[str], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    ready_within: float = 60.0
    grace: float = 5.0
    orphan_signal: signal.Signals = signal.SIGKILL


class Part:
    """Runs one :class:`PartSpec`. Its output goes to ``<logs>/<name>.log``.

    A part that dies after it was ready is started again with the same command, so on the same port, after a
    pause that doubles up to 10 s and starts anew once it ran for 30 s.
    """

    def __init__(self, spec: PartSpec, *, folder: Path, logs: Path, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.restarts = 0
        self._folder = folder
        self._log = logs / f"{spec.name}.log"
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start and wait until ready. Raises :class:`PartError` if it ends or stays silent too long."""
        ready = asyncio.Event()
        process = await self._spawn()
        self._process = process
        self._output = asyncio.create_task(self._copy_output(process, ready))
        waiting = asyncio.create_task(ready.wait())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait(
                (waiting, ended), timeout=self.spec.ready_within, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
            ended.cancel()
        if ready.is_set():
            self._changed()
            return
        what = (
            f"did not become ready within {self.spec.ready_within:g} s"
            if process.returncode is None
            else f"ended with code {process.returncode} before it was ready"
        )
        await self._end(process, grace=self.spec.grace)
        raise PartError(f"{self.spec.name} {what}. {self._tail()}")

    async def keep_running(self) -> None:
        """Wait for its death and start it again, until :meth:`stop`."""
        pause = _FIRST_PAUSE
        while (process := self._process) is not None and not self._stopping:
            since = time.monotonic()
            code = await process.wait()
            if self._stopping:
                return
            await self._drain()
            if time.monotonic() - since > _HEALTHY_AFTER:
                pause = _FIRST_PAUSE
            logger.warning("%s died with code %s; starting it again in %.1f s", self.spec.name, code, pause)
            self.restarts += 1
            self._changed()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                await self.start()
            except PartError as error:
                logger.warning("%s", error)
            else:
                logger.info("%s runs again", self.spec.name)

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask it to end, insist after its grace (``at_once``: without asking), and wait until it is gone."""
        self._stopping = True
        if self._process is not None:
            began = time.monotonic()
            await self._end(self._process, grace=0.0 if at_once else self.spec.grace)
            logger.info("%s stopped after %.1f s", self.spec.name, time.monotonic() - began)

    async def _spawn(self) -> asyncio.subprocess.Process:
        supervisor = os.getpid()

        def tie_to_supervisor() -> None:
            if not end_with_parent(supervisor, self.spec.orphan_signal):
                os._exit(1)

        with self._log.open("ab") as log:
            try:
                return await asyncio.create_subprocess_exec(
                    *self.spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    env=dict(self.spec.environment),
                    cwd=self._folder,
                    start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone
                    preexec_fn=tie_to_supervisor,
                )
            except FileNotFoundError as error:
                raise PartError(f"{self.spec.name} cannot start: {error}") from error

    async def _copy_output(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        if process.stdout is None:
            raise AssertionError("the child was started with a pipe")
        with self._log.open("ab", buffering=0) as log:
            while not ready.is_set() and (line := await process.stdout.readline()):
                if self.spec.is_ready(line.decode(errors="replace")):
                    ready.set()  # the line itself may hold a key and stays out of the log
                else:
                    log.write(line)
            while chunk := await process.stdout.read(65_536):
                log.write(chunk)

    async def _end(self, process: asyncio.subprocess.Process, *, grace: float) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                if grace:
                    process.terminate()
            try:
                await asyncio.wait_for(process.wait(), grace)
            except TimeoutError:
                if grace:
                    logger.warning("%s ignored SIGTERM for %g s; killing it", self.spec.name, grace)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        await self._drain()

    async def _drain(self) -> None:
        if self._output is not None:
            # A grandchild may hold the pipe open for ever; the log has what the part itself wrote.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._output, 1.0)
            self._output = None

    def _tail(self) -> str:
        lines = last_lines(self._log, _SHOWN_LOG_LINES)
        if not lines:
            return f"It wrote nothing to {self._log}"
        return "\n".join([f"Last lines of {self._log}:", *(f"    {line}" for line in lines)])


def python_module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs one of our modules in this very Python."""
    return (sys.executable, "-m", name, *arguments)
