"""What arrived, in one SQLite file of bounded size. Also the reader of ``./dev trace``, while the endpoint writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from localcloud.telemetry.items import Item

MOST_ITEMS = 400_000
_SLACK = 20_000
"""How many items beyond the limit are kept before the oldest go: deleting each time would cost every call."""

_COLUMNS = tuple(item.name for item in fields(Item))
_TEXT = {"properties", "data"}
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS items(seq INTEGER PRIMARY KEY, {", ".join(f'"{name}"' for name in _COLUMNS)});
CREATE INDEX IF NOT EXISTS by_trace ON items(trace) WHERE trace != '';
CREATE INDEX IF NOT EXISTS by_job ON items(job) WHERE job != '';
"""


class TelemetryStore:
    """The file; one writer, any number of readers."""

    def __init__(self, path: Path, *, most: int = MOST_ITEMS) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_SCHEMA}")
        except sqlite3.Error:
            self._database.close()
            raise
        self._most = most
        self._kept = int(self._database.execute("SELECT count(*) FROM items").fetchone()[0])

    def add(self, items: Sequence[Item]) -> None:
        """Keep these; the oldest go when there are too many."""
        marks = ", ".join("?" * len(_COLUMNS))
        names = ", ".join(f'"{name}"' for name in _COLUMNS)
        with self._database:
            self._database.execute("BEGIN")
            statement = f"INSERT INTO items({names}) VALUES({marks})"
            self._database.executemany(statement, map(_row, items))
            self._kept += len(items)
            if self._kept > self._most + _SLACK:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        last = self._database.execute("SELECT max(seq) FROM items").fetchone()[0]
        self._database.execute("DELETE FROM items WHERE seq <= ?", (last - self._most,))
        self._kept = int(self._database.execute("SELECT count(*) FROM items").fetchone()[0])

    def clear(self) -> None:
        """Forget everything."""
        self._database.execute("DELETE FROM items")
        self._kept = 0

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def counts(self) -> dict[str, int]:
        """How many items there are of each kind."""
        return dict(self._database.execute("SELECT kind, count(*) FROM items GROUP BY kind ORDER BY kind"))

    def find(self, *, trace: str = "", job: str = "", kind: str = "", limit: int = 100_000) -> list[Item]:
        """Items by any of these, in the order of their arrival."""
        given = {"trace": trace, "job": job, "kind": kind}
        wanted = {name: value for name, value in given.items() if value}
        where = " AND ".join(f'"{name}" = ?' for name in wanted) or "1"
        names = ", ".join(f'"{name}"' for name in _COLUMNS)
        query = f"SELECT {names} FROM items WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608 - names are our own
        return [_item(row) for row in self._database.execute(query, (*wanted.values(), limit))]

    def traces_of(self, job: str) -> list[str]:
        """The traces in which a job is named, the one with most items first: that is the job's own."""
        query = "SELECT trace FROM items WHERE job = ? AND trace != '' GROUP BY trace ORDER BY count(*) DESC"
        return [str(trace) for (trace,) in self._database.execute(query, (job,))]


def _row(item: Item) -> tuple[Any, ...]:
    values = ((name, getattr(item, name)) for name in _COLUMNS)
    return tuple(json.dumps(dict(value)) if name in _TEXT else value for name, value in values)


def _item(row: Sequence[Any]) -> Item:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Item(
        **{name: json.loads(value) if name in _TEXT else value for name, value in values.items()}
        | {"success": bool(values["success"])}
    )
