"""Makes ``.venv``, ``node_modules`` and ``.functions-worker`` where a command needs them, then hands over to ``python -m devtools``.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from devtools.setup.environments import (
    Environment,
    node_environment,
    python_environment,
    worker_environment,
)
from devtools.setup.failures import SetupError
from devtools.setup.progress import Track, carry_out

# Commands that are not named here need .venv and node_modules.
_NEEDS_NOTHING = frozenset({"down", "status", "logs"})
_NEEDS_PYTHON = frozenset({"check", "apikey", "conformance"})
_NEEDS_WORKER = frozenset({"test"})


def launch(root: Path, arguments: Sequence[str]) -> NoReturn:
    """Set up what this command needs and replace this process by it; exits where that is impossible."""
    try:
        prepare(environments_for(root, arguments), root)
    except SetupError as error:
        sys.stderr.write(f"./dev: {error}\n")
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(
            f"./dev: set-up failed: {error}\nWhat to do: cure that, then run the same command again.\n"
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\n./dev: interrupted; the same command takes up the set-up again.\n")
        sys.exit(130)
    python = root / ".venv" / "bin" / "python"
    program = str(python) if python.exists() else sys.executable
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    os.execve(program, [program, "-m", "devtools", *arguments], environment)  # noqa: S606 - no shell wanted


def environments_for(root: Path, arguments: Sequence[str]) -> list[Environment]:
    """The environments that these command line arguments need."""
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    if command is None or command in _NEEDS_NOTHING or {"-h", "--help"} & set(arguments):
        return []
    if command in _NEEDS_PYTHON:
        return [python_environment(root)]
    both = [python_environment(root), node_environment(root)]
    return [*both, worker_environment(root)] if command in _NEEDS_WORKER else both


def prepare(environments: Sequence[Environment], root: Path) -> None:
    """Bring them up to date, side by side where possible, one ``./dev`` at a time. Raises :class:`SetupError`."""
    if all(environment.is_current() for environment in environments):
        return
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Waiting for another ./dev that is setting up ...\n")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        stale = [environment for environment in environments if not environment.is_current()]
        for environment in stale:
            environment.check_tools()
        for last in (False, True):
            tracks = [
                Track(environment.steps(), environment.mark_current)
                for environment in stale
                if environment.comes_last is last
            ]
            if tracks:
                carry_out(tracks)
    finally:
        os.close(descriptor)
