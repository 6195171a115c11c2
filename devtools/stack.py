"""Starts and stops a local stack from outside: the supervisor is a process of its own.

Standard library only, so that a stack can be stopped where nothing is installed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.supervisor.folder import DataFolder, last_lines
from localcloud.supervisor.options import StackOptions

# The longest clean stop: the runners drain, then storage is written to disk.
STOP_SECONDS = 45.0


class StackStartError(Exception):
    """The stack did not start. The message is for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """A stack that this process started."""

    supervisor: subprocess.Popen[str]
    endpoints: dict[str, Any]
    folder: DataFolder

    def stop(self) -> None:
        """Stop it and wait until every part is gone."""
        self._end(signal.SIGTERM)

    def throw_away(self) -> None:
        """The same at once, for a stack whose data nobody needs any more."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        self.supervisor.send_signal(number)
        try:
            self.supervisor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()  # the parts die with it
            self.supervisor.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingStack:
    """A stack that this process has begun to start."""

    supervisor: subprocess.Popen[str]
    folder: DataFolder

    def ready(self) -> RunningStack:
        """Wait until it is ready.

        Raises :class:`StackStartError` with the reason and the last log lines of the part that failed.
        """
        try:
            said = _first_line(self.supervisor)
        except KeyboardInterrupt:
            self.supervisor.terminate()
            self.supervisor.wait()
            raise
        if said.get("ready") is True:
            return RunningStack(supervisor=self.supervisor, endpoints=said, folder=self.folder)
        self.supervisor.wait()
        reason = said.get("error") or "\n".join(["The supervisor ended.", *last_lines(_log(self.folder), 12)])
        raise StackStartError(f"The local stack did not start. {reason}")


def start(options: StackOptions, *, tied: bool) -> RunningStack:
    """Start a stack and wait until it is ready (:func:`launch`, then :meth:`StartingStack.ready`)."""
    return launch(options, tied=tied).ready()


def launch(
    options: StackOptions, *, tied: bool, environment: Mapping[str, str] | None = None
) -> StartingStack:
    """Begin to start a stack. ``tied``: it stops when this process ends, however it ends.

    A tied stack must be started from the main thread: the kernel takes the end of the starting thread for it.
    ``environment`` adds settings of the app to this process's own.
    """
    folder = DataFolder(options.data)
    folder.logs.mkdir(parents=True, exist_ok=True)
    with _log(folder).open("a") as errors:
        supervisor = subprocess.Popen(
            _command(options, tied=tied),
            cwd=options.repository,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    return StartingStack(supervisor=supervisor, folder=folder)


def _log(folder: DataFolder) -> Path:
    return folder.logs / "supervisor.log"


def stop(folder: DataFolder) -> bool:
    """Stop the stack that owns this folder and wait until it is gone; false if none runs."""
    endpoints = folder.read_endpoints()
    if endpoints is None:
        folder.forget_endpoints()
        return False
    supervisor = int(endpoints["processes"]["supervisor"])
    os.kill(supervisor, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while folder.is_owned():
        if time.monotonic() > until:
            os.kill(supervisor, signal.SIGKILL)
            folder.forget_endpoints()
            break
        time.sleep(0.05)
    return True


def _command(options: StackOptions, *, tied: bool) -> list[str]:
    return [
        *(sys.executable, "-m", "localcloud.supervisor"),
        *("--repository", str(options.repository), "--data", str(options.data)),
        *("--instances", str(options.instances)),
        *(("--port", str(options.api_port)) if options.api_port is not None else ()),
        *(("--web",) if options.web else ()),
        *(("--in-memory",) if options.in_memory else ()),
        *(("--stop-with", str(os.getpid())) if tied else ()),
    ]


def _first_line(supervisor: subprocess.Popen[str]) -> dict[str, Any]:
    if supervisor.stdout is None:
        raise AssertionError("the supervisor was started with a pipe")
    with supervisor.stdout as output:
        line = output.readline()
    return dict(json.loads(line)) if line else {}
