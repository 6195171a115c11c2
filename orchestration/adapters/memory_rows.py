"""The in-memory twin of a table of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from orchestration.checkpoints import Row
from orchestration.errors import RowConflict, RowExists
from orchestration.jobs import RowValue
from orchestration.ports import TaggedRow


@dataclass(slots=True)
class Entry:
    """What is kept of a row; ``modified`` is in seconds of the "server's" clock."""

    values: dict[str, RowValue]
    etag: str
    modified: float = 0.0


Partitions = dict[str, dict[str, Entry]]


class MemoryRows:
    """Partitions as dictionaries: its own, or those of the job store."""

    def __init__(
        self, partitions: Partitions | None = None, new_entry: Callable[[Row], Entry] | None = None
    ) -> None:
        self._partitions: Partitions = {} if partitions is None else partitions
        self._etags = count(1)
        self._new_entry = new_entry or self._entry

    async def insert(self, partition: str, rows: Sequence[Row]) -> None:
        """All or none."""
        if any(row.key in self._partitions.get(partition, {}) for row in rows):
            raise RowExists("the row exists")
        await self.put(partition, rows)

    async def put(self, partition: str, rows: Sequence[Row]) -> None:
        """Replace whole rows."""
        kept = self._partitions.setdefault(partition, {})
        kept.update({row.key: self._new_entry(row) for row in rows})

    async def replace(self, partition: str, row: Row, *, etag: str, also: Sequence[Row] = ()) -> None:
        """Replace if unchanged."""
        current = self._partitions.get(partition, {}).get(row.key)
        if current is None or current.etag != etag:
            raise RowConflict("the row changed since it was read, or is gone")
        await self.put(partition, [row, *also])

    async def delete(self, partition: str, key: str) -> None:
        """Gone is as good."""
        rows = self._partitions.get(partition, {})
        rows.pop(key, None)
        if not rows:
            self._partitions.pop(partition, None)

    async def read(self, partition: str, key: str) -> Row | None:
        """One row."""
        found = await self.read_tagged(partition, key)
        return found.row if found else None

    async def read_tagged(self, partition: str, key: str) -> TaggedRow | None:
        """One row with its ETag."""
        entry = self._partitions.get(partition, {}).get(key)
        return TaggedRow(row=Row(key=key, values=dict(entry.values)), etag=entry.etag) if entry else None

    async def between(self, partition: str, *, after: str, before: str, limit: int) -> list[Row]:
        """A sorted range."""
        rows = self._partitions.get(partition, {})
        keys = [key for key in sorted(rows) if after < key < before][:limit]
        return [Row(key=key, values=dict(rows[key].values)) for key in keys]

    async def partitions(self, *, first: str, before: str, limit: int) -> list[tuple[str, str]]:
        """Sorted keys of a range of partitions."""
        found = [
            (partition, key)
            for partition in sorted(self._partitions)
            if first <= partition < before
            for key in sorted(self._partitions[partition])
        ]
        return found[:limit]

    def all(self) -> list[tuple[str, Row]]:
        """Every row with its partition, in order."""
        return [
            (name, Row(key=key, values=dict(rows[key].values)))
            for name, rows in sorted(self._partitions.items())
            for key in sorted(rows)
        ]

    def _entry(self, row: Row) -> Entry:
        return Entry(dict(row.values), f'W/"{next(self._etags)}"')
