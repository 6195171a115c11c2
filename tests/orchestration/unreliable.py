"""Stores and queues that fail where a test tells them to."""

from collections.abc import Callable, Iterable
from typing import Any

from orchestration.errors import StorageUnavailable


class SimulatedCrash(BaseException):
    """The process is gone: nothing that catches errors may catch it."""


class Unreliable:
    """Stands before a store: everything fails while it is ``down``, the ``broken`` methods always."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.down = False
        self.broken: set[str] = set()
        self.lost_answers: list[str] = []

    def table(self, name: str) -> Any:
        return _UnreliableTable(self, self._inner.table(name))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            if self.down or name in self.broken:
                raise StorageUnavailable(f"{name}: cut off")
            answer = await method(*arguments, **options)
            if name in self.lost_answers:
                self.lost_answers.remove(name)
                raise StorageUnavailable(f"{name}: the answer was lost")
            return answer

        return call


class _UnreliableTable:
    """A derived table of such a store: down with it."""

    def __init__(self, store: Unreliable, inner: Any) -> None:
        self._store = store
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            if self._store.down:
                raise StorageUnavailable(f"{name}: cut off")
            return await method(*arguments, **options)

        return call


ROW_WRITES = ("insert", "put", "replace", "delete")
"""Writes to tables of rows."""


class Crashing:
    """Stands before a store or queue and crashes before or after a write; ``reached`` is told of each point by name."""

    def __init__(
        self, inner: Any, writes: Iterable[str], reached: Callable[[str], None], *, name: str = ""
    ) -> None:
        self._inner = inner
        self._writes = frozenset(writes)
        self._reached = reached
        self._name = name

    def table(self, name: str) -> Any:
        return Crashing(self._inner.table(name), ROW_WRITES, self._reached, name=f"{name}.")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._writes:
            return method

        async def call(*arguments: Any, **options: Any) -> Any:
            self._reached(f"before {self._name}{name}")
            answer = await method(*arguments, **options)
            self._reached(f"after {self._name}{name}")
            return answer

        return call
