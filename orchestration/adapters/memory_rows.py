"""The in-memory twin of a table of derived rows."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.checkpoints import Row
from orchestration.errors import RowExists


class MemoryRows:
    """Partitions as dictionaries."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Row]] = {}

    async def insert(self, partition: str, rows: Sequence[Row]) -> None:
        """All or none."""
        if any(row.key in self._partitions.get(partition, {}) for row in rows):
            raise RowExists("the row exists")
        await self.put(partition, rows)

    async def put(self, partition: str, rows: Sequence[Row]) -> None:
        """Replace whole rows."""
        kept = self._partitions.setdefault(partition, {})
        kept.update({row.key: Row(key=row.key, values=dict(row.values)) for row in rows})

    async def delete(self, partition: str, key: str) -> None:
        """Gone is as good."""
        rows = self._partitions.get(partition, {})
        rows.pop(key, None)
        if not rows:
            self._partitions.pop(partition, None)

    async def read(self, partition: str, key: str) -> Row | None:
        """One row."""
        return self._partitions.get(partition, {}).get(key)

    async def between(self, partition: str, *, after: str, before: str, limit: int) -> list[Row]:
        """A sorted range."""
        rows = self._partitions.get(partition, {})
        return [rows[key] for key in sorted(rows) if after < key < before][:limit]

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
        return [(name, rows[key]) for name, rows in sorted(self._partitions.items()) for key in sorted(rows)]
