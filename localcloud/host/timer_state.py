"""What a timer keeps in the data folder: when it ran last, and the lock that makes it run in one instance only."""

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStatus:
    """The persisted status of a monitored timer; all times are aware and in UTC."""

    last: datetime | None
    """The occurrence that ran last; None before the first."""
    next: datetime
    last_updated: datetime

    def as_json(self) -> dict[str, str]:
        """Return the object that a function sees as ``schedule_status``."""
        return {
            "Last": "0001-01-01T00:00:00" if self.last is None else self.last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.last_updated.isoformat(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "ScheduleStatus":
        """Read what :meth:`as_json` wrote.

        Raises:
            ValueError: a member is missing or not a time.
        """
        try:
            last = datetime.fromisoformat(content["Last"])
            return cls(
                last=None if last.tzinfo is None else last,
                next=datetime.fromisoformat(content["Next"]),
                last_updated=datetime.fromisoformat(content["LastUpdated"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a schedule status: {error}") from error


class TimerState:
    """The files of one timer function in a folder that all instances share."""

    def __init__(self, folder: Path, function: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._status_file = folder / f"{function}.json"
        self._lock_file = folder / f"{function}.lock"
        self._lock: int | None = None

    def try_acquire(self) -> bool:
        """Take the singleton lock if no other instance has it. It ends with this process at the latest."""
        if self._lock is not None:
            return True
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> ScheduleStatus | None:
        """Return the stored status, None when there is none.

        Raises:
            ValueError: the file does not hold a status.
        """
        if not self._status_file.exists():
            return None
        return ScheduleStatus.from_json(json.loads(self._status_file.read_text("utf-8")))

    def write(self, status: ScheduleStatus) -> None:
        """Store a status; a reader never sees half of it."""
        draft = self._status_file.with_suffix(".tmp")
        draft.write_text(json.dumps(status.as_json()), "utf-8")
        draft.replace(self._status_file)
