"""How artifacts become table rows: compressed, cut into properties and rows that the real service accepts.

Limits of Azure Table Storage (the local emulator accepts more, so they are guarded here): a binary property
64 KiB, an entity 1 MiB, an entity-group transaction 4 MiB and 100 operations.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.errors import CheckpointTooLarge
from orchestration.jobs import RowValue

PROPERTY_BYTES = 64 * 1024
PROPERTIES_PER_ROW = 10
"""640 KiB a row: the emulator counts binary values as base64, by a third larger, against the limit of an entity."""

MAX_COMPRESSED = 2 * 1024 * 1024
_ROW_BYTES = PROPERTY_BYTES * PROPERTIES_PER_ROW
_LEVEL = 1
"""Level 1 costs a third of the default's CPU and loses about 15 % in size on article text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the job's partition: its key and its properties."""

    key: str
    values: Mapping[str, RowValue]

    @property
    def encoded_size(self) -> int:
        """Bytes that the row takes in a batch body, upper bound."""
        return encoded_size(self.values)


def encoded_size(values: Mapping[str, RowValue]) -> int:
    """Bytes that a row of these values takes in a batch body, upper bound: binary values travel as base64."""
    size = 600
    for name, value in values.items():
        size += len(name) + 40
        if isinstance(value, bytes):
            size += len(value) * 4 // 3 + 4
        elif isinstance(value, str):
            size += len(value.encode()) + value.count('"') + value.count("\\")
    return size


def step_key(run: int, step: str) -> str:
    """Key prefix of a step's checkpoint."""
    return f"step|{run}|{step}"


def result_key(run: int) -> str:
    """Key prefix of the job's result."""
    return f"result|{run}"


INPUT_KEY = "input"
JOB_KEY = "job"


def event_key(sequence: int) -> str:
    """Key of an event row; the digits sort as text."""
    return f"event|{sequence:08d}"


def row_keys(prefix: str, rows: int) -> list[str]:
    """Keys of a value that was packed into this many rows."""
    return [f"{prefix}|{number}" for number in range(rows)]


def pack(prefix: str, data: bytes) -> list[Row]:
    """Compress ``data`` and cut it into rows.

    Raises :class:`CheckpointTooLarge` above 2 MiB compressed.
    """
    packed = zlib.compress(data, _LEVEL)
    if len(packed) > MAX_COMPRESSED:
        raise CheckpointTooLarge(
            f"{prefix} takes {len(packed)} bytes compressed; at most {MAX_COMPRESSED} can be stored"
        )
    parts = [packed[start : start + _ROW_BYTES] for start in range(0, len(packed), _ROW_BYTES)]
    return [
        Row(key=key, values=_properties(part))
        for key, part in zip(row_keys(prefix, len(parts)), parts, strict=True)
    ]


def _properties(part: bytes) -> dict[str, RowValue]:
    return {
        f"d{number}": part[start : start + PROPERTY_BYTES]
        for number, start in enumerate(range(0, len(part), PROPERTY_BYTES))
    }


def unpack(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The data of its rows, in order. Raises zlib.error when rows are missing or damaged."""
    packed = bytearray()
    for row in rows:
        for number in range(PROPERTIES_PER_ROW):
            if (chunk := row.get(f"d{number}")) is None:
                break
            packed += chunk
    return zlib.decompress(bytes(packed))
