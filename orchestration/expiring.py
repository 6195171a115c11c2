"""A small cache whose entries end after some seconds. For one event loop: nothing here awaits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Holds at most ``size`` entries, each for ``seconds``; the one used longest ago makes room.

    ``monotonic`` gives seconds that never go back.
    """

    def __init__(self, *, size: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._seconds = seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, or None when there is none any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until, value = entry
        if self._monotonic() >= until:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep a value from now on."""
        self._entries[key] = (self._monotonic() + self._seconds, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Keep it no longer."""
        self._entries.pop(key, None)
