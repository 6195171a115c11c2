"""The data folder of one stack: who owns it, where it listens, its keys and its logs.

Only the standard library is imported, so that ``./dev status`` and ``./dev down`` work before any set-up.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_OWNER_ONLY = 0o600


class FolderInUseError(Exception):
    """Another supervisor owns this data folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackKeys:
    """The shared keys of one stack; made once per data folder, so connection strings outlive a restart."""

    service_bus: str
    web_pubsub: str
    internal_api_token: str


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths and small files under one data folder. Files with keys in them are readable by the owner alone."""

    path: Path

    @property
    def endpoints_file(self) -> Path:
        """Where a running stack listens; exists from "ready" to "stopped"."""
        return self.path / "endpoints.json"

    @property
    def logs(self) -> Path:
        """One file per part, named after it."""
        return self.path / "logs"

    @property
    def _lock_file(self) -> Path:
        return self.path / "supervisor.lock"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Own the folder until the block ends; the kernel releases it even after ``kill -9``.

        Raises :class:`FolderInUseError` when a living supervisor owns it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("w") as handle:
            if not _lock_within(handle, seconds=0.3):
                raise FolderInUseError(f"A stack already runs in {self.path}")
            yield

    def is_owned(self) -> bool:
        """Whether a living supervisor owns the folder."""
        if not self._lock_file.exists():
            return False
        with self._lock_file.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def read_endpoints(self) -> dict[str, Any] | None:
        """The content of ``endpoints.json``; None when no stack runs, also if a killed one left its file."""
        if not self.is_owned():
            return None
        return self._read(self.endpoints_file)

    def write_endpoints(self, endpoints: Mapping[str, Any]) -> None:
        """Replace ``endpoints.json`` in one step: a reader sees the old file or the new one."""
        self._write(self.endpoints_file, endpoints)

    def forget_endpoints(self) -> None:
        """Remove ``endpoints.json``: the stack is not usable (any more)."""
        self.endpoints_file.unlink(missing_ok=True)

    def keys(self) -> StackKeys:
        """The keys of this folder, made on first use."""
        file = self.path / "secrets.json"
        stored = self._read(file)
        if stored is None:
            stored = {
                "serviceBus": secrets.token_urlsafe(32),
                "webPubSub": secrets.token_urlsafe(32),
                "internalApiToken": secrets.token_urlsafe(32),
            }
            self._write(file, stored)
        return StackKeys(
            service_bus=stored["serviceBus"],
            web_pubsub=stored["webPubSub"],
            internal_api_token=stored["internalApiToken"],
        )

    def last_ports(self) -> dict[str, int]:
        """The ports of the last run, so that clients with an old connection string find the stack again."""
        return self._read(self.path / "ports.json") or {}

    def remember_ports(self, ports: Mapping[str, int]) -> None:
        """Keep the ports for the next run."""
        self._write(self.path / "ports.json", ports)

    @staticmethod
    def _read(file: Path) -> dict[str, Any] | None:
        try:
            found = json.loads(file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _write(file: Path, content: Mapping[str, Any]) -> None:
        new = file.with_name(f".{file.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "w") as handle:
            json.dump(content, handle, indent=2)
        new.replace(file)


def _lock_within(handle: IO[str], *, seconds: float) -> bool:
    # is_owned() holds the lock for an instant: one refusal does not mean a living owner.
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        else:
            return True


def last_lines(file: Path, count: int) -> list[str]:
    """The last ``count`` lines of a log, reading at most its last 64 KiB; none if it does not exist."""
    try:
        with file.open("rb") as handle:
            handle.seek(max(0, file.stat().st_size - 65_536))
            return handle.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
