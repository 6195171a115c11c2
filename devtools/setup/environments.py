"""The environments of a developer's machine: ``.venv``, ``node_modules`` and, for the tests, the Functions worker."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.setup.failures import SetupError
from devtools.setup.progress import Step

_OLDEST_NODE = 20
_UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A folder made from some files of the repository.

    Its stamp, the hash of those files, is written last. A folder that is a link is somebody else's and taken as
    it is.
    """

    folder: Path
    made_from: tuple[Path, ...]
    proof: Path
    check_tools: Callable[[], None]
    steps: Callable[[], Sequence[Step]]
    comes_last: bool = False
    """True where it is made with the help of another one."""

    def is_current(self) -> bool:
        """Whether it can be used as it is."""
        if not os.access(self.proof, os.R_OK):
            return False
        return self.folder.is_symlink() or self.stamp() == self.fingerprint()

    def stamp(self) -> str | None:
        """What it was made from; None for a folder that was not made here."""
        file = self.folder / ".made-from"
        return file.read_text() if file.exists() else None

    def fingerprint(self) -> str:
        """What it ought to be made from."""
        digest = hashlib.sha256()
        for file in self.made_from:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def mark_current(self) -> None:
        """Record that it is complete."""
        (self.folder / ".made-from").write_text(self.fingerprint())

    def mark_unfinished(self) -> None:
        """Record that its content cannot be relied on from now."""
        (self.folder / ".made-from").write_text(_UNFINISHED)


def python_environment(root: Path, interpreter: str = sys.executable) -> Environment:
    """``.venv`` from the lock file.

    One that was interrupted is made anew; one that is outdated, or was made by hand, is updated in place.
    """
    folder = root / ".venv"
    lock = root / "requirements-dev.lock"
    python = folder / "bin" / "python"
    pip = folder / "bin" / "pip"

    def steps() -> list[Step]:
        create = Step(
            title="Python environment",
            command=(interpreter, "-m", "venv", "--clear", str(folder)),
            folder=root,
        )
        install = Step(
            title="Python packages",
            command=(
                *(str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
                # The lock file is complete, wheels need no compiler, and byte code is made on first use.
                *("--no-deps", "--only-binary=:all:", "--no-compile", "-r", str(lock)),
            ),
            folder=root,
            before=environment.mark_unfinished,
        )
        usable = os.access(python, os.X_OK) and pip.exists() and environment.stamp() != _UNFINISHED
        return [install] if usable else [create, install]

    environment = Environment(
        folder=folder, made_from=(lock,), proof=python, check_tools=_check_venv, steps=steps
    )
    return environment


def worker_environment(root: Path) -> Environment:
    """``.functions-worker``: Microsoft's Python worker, which the tests compare the local host with.

    In a folder of its own, since nothing but those tests may import it. It declares a newer Python than it needs and
    names packages that ``.venv`` has already, so neither is looked at.
    """
    folder = root / ".functions-worker"
    pins = root / "requirements-worker.txt"

    def steps() -> list[Step]:
        command = (
            *(str(root / ".venv" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
            *("--no-input", "--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--no-compile"),
            *("--upgrade", "--target", str(folder), "-r", str(pins)),
        )
        return [Step(title="Functions worker", command=command, folder=root)]

    return Environment(
        folder=folder,
        made_from=(pins,),
        proof=folder / "azure_functions_runtime",
        check_tools=_check_venv,
        steps=steps,
        comes_last=True,
    )


def node_environment(root: Path) -> Environment:
    """``node_modules`` from the lock file; ``npm ci`` always makes it anew."""
    folder = root / "node_modules"

    def steps() -> list[Step]:
        command = ("npm", "ci", "--no-audit", "--no-fund", "--omit=optional")
        return [Step(title="Node packages", command=command, folder=root)]

    return Environment(
        folder=folder,
        made_from=(root / "package.json", root / "package-lock.json"),
        proof=folder / "azurite",
        check_tools=_check_node,
        steps=steps,
    )


def _check_venv() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} has no venv module.\n"
            f"What to do: install it (Debian and Ubuntu: apt install python{minor}-venv), then run the same "
            "command again."
        )


def _check_node() -> None:
    advice = (
        f"What to do: install Node.js {_OLDEST_NODE} or newer with npm (https://nodejs.org), then run the same "
        "command again. ./dev check works without it."
    )
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        missing = "node" if node is None else "npm"
        raise SetupError(f"{missing} was not found on the PATH; the storage emulator needs it.\n{advice}")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version[1]) < _OLDEST_NODE:
        raise SetupError(f"{node} is version {said or 'unknown'}, too old.\n{advice}")
