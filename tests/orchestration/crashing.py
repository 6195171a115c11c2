"""A store and a queue that fail at a chosen write, as a process that dies there would."""

from dataclasses import dataclass
from typing import Any


class Died(Exception):
    """The process is gone."""


_WRITES = frozenset(
    {
        "insert_job",
        "commit",
        "request_cancel",
        "delete_rows",
        "put_active",
        "move_active",
        "remove_active",
        "audit",
        "insert",
        "put",
        "delete",
        "send",
    }
)


@dataclass
class Fuse:
    """Counts writes; dies before write number ``left`` from when it was lit, and stays dead."""

    left: int | None = None

    def light(self, writes: int) -> None:
        self.left = writes

    def put_out(self) -> None:
        self.left = None

    @property
    def burnt(self) -> bool:
        return self.left == 0

    def spend(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            raise Died
        self.left -= 1


class Mortal:
    """Passes everything on until the fuse has burnt down."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def table(self, name: str) -> "Mortal":
        return Mortal(self._inner.table(name), self._fuse)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in _WRITES:
            return found

        async def write(*args: Any, **kwargs: Any) -> Any:
            self._fuse.spend()
            return await found(*args, **kwargs)

        return write
