"""Point reads of the hot path: one entity by its keys, with what the service says about it.

Format: "Query Entities" of the Table service with both keys (Microsoft Learn), JSON with minimal metadata.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from orchestration.adapters.table_batch import quote_key
from orchestration.adapters.table_link import TableLink
from orchestration.errors import StorageUnavailable

_HEADERS = {"Accept": "application/json;odata=minimalmetadata", "DataServiceVersion": "3.0"}
_ANNOTATION = "@odata.type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """An entity's properties, its ETag, and two times of the service's clock: of its last write and of this read."""

    values: Mapping[str, Any]
    etag: str
    modified: datetime
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReader:
    """Reads entities of one table."""

    link: TableLink
    table: str

    async def read(self, partition: str, row_key: str) -> Entity | None:
        """The entity, or None. Raises :class:`StorageUnavailable`."""
        path = f"/{self.table}(PartitionKey='{quote_key(partition)}',RowKey='{quote_key(row_key)}')"
        answer = await self.link.request("GET", path, headers=_HEADERS)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise StorageUnavailable(f"tables answered {answer.status}")
        values = json.loads(answer.payload)
        date = answer.headers.get("date")
        return Entity(
            values=decode(values),
            etag=values["odata.etag"],
            modified=datetime.fromisoformat(values["Timestamp"]),
            read_at=parsedate_to_datetime(date) if date else datetime.now(UTC),
        )


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "Edm.Binary": base64.b64decode,
    "Edm.Int64": int,
    "Edm.Double": float,
    "Edm.DateTime": datetime.fromisoformat,
}


def decode(values: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of an entity's JSON, by the annotations that plain JSON needs; metadata left out."""
    decoded = {name: value for name, value in values.items() if "odata." not in name}
    for name, kind in values.items():
        if name.endswith(_ANNOTATION) and kind in _DECODERS:
            column = name.removesuffix(_ANNOTATION)
            decoded[column] = _DECODERS[kind](decoded[column])
    return decoded
