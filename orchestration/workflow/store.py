"""Custom workflows in the table ``workflows``: a head for each, and one row for each version, never changed.

A tenant's rows lie in one partition; head and version change in one transaction, under the head's ETag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.checkpoints import Row, pack, row_keys, unpack
from orchestration.ids import key_part
from orchestration.ports import JobStore, RowTable
from orchestration.workflow.definitions import WorkflowDefinition

WORKFLOWS = "workflows"
_HEAD, _HEADS_END = "head|", "head}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowHead:
    """What is known of a workflow beside its versions. ``active`` is the version that new jobs run, 0 for none."""

    id: str
    name: str
    description: str
    latest: int
    active: int
    created_at: str
    updated_at: str
    etag: str = ""

    def to_row(self) -> Row:
        """The table row."""
        return Row(
            key=f"{_HEAD}{self.id}",
            values={
                "name": self.name,
                "description": self.description,
                "latest": self.latest,
                "active": self.active,
                "createdAt": self.created_at,
                "updatedAt": self.updated_at,
            },
        )

    @classmethod
    def from_row(cls, row: Row, etag: str = "") -> WorkflowHead:
        """The head of its row."""
        values: Mapping[str, Any] = row.values
        return cls(
            id=row.key.removeprefix(_HEAD),
            name=values["name"],
            description=values["description"],
            latest=values["latest"],
            active=values["active"],
            created_at=values["createdAt"],
            updated_at=values["updatedAt"],
            etag=etag,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStore:
    """Reads and writes workflows. All methods raise :class:`StorageUnavailable`."""

    store: JobStore

    async def heads(self, tenant: str, *, limit: int) -> list[WorkflowHead]:
        """A tenant's workflows, by id."""
        rows = await self._table.between(key_part(tenant), after=_HEAD, before=_HEADS_END, limit=limit)
        return [WorkflowHead.from_row(row) for row in rows]

    async def head(self, tenant: str, workflow_id: str) -> WorkflowHead | None:
        """One workflow with its ETag, or None."""
        tagged = await self._table.read_tagged(key_part(tenant), f"{_HEAD}{workflow_id}")
        return WorkflowHead.from_row(tagged.row, tagged.etag) if tagged else None

    async def definition(self, tenant: str, workflow_id: str, version: int) -> WorkflowDefinition | None:
        """One version, or None."""
        (key,) = row_keys(_version_key(workflow_id, version), 1)
        row = await self._table.read(key_part(tenant), key)
        return WorkflowDefinition.model_validate_json(unpack([row.values])) if row else None

    async def insert(self, tenant: str, head: WorkflowHead, definition: WorkflowDefinition) -> None:
        """A new workflow with its first version. Raises :class:`RowExists`."""
        rows = [head.to_row(), *_version_rows(head, definition)]
        await self._table.insert(key_part(tenant), rows)

    async def replace(
        self, tenant: str, head: WorkflowHead, definition: WorkflowDefinition | None = None
    ) -> None:
        """Write the head, with its latest version where one is given. Raises :class:`RowConflict`."""
        rows = _version_rows(head, definition) if definition else []
        await self._table.replace(key_part(tenant), head.to_row(), etag=head.etag, also=rows)

    async def delete(self, tenant: str, head: WorkflowHead) -> None:
        """Remove a workflow, its head last, so that a deletion that was cut off can be repeated."""
        partition = key_part(tenant)
        for version in range(1, head.latest + 1):
            (key,) = row_keys(_version_key(head.id, version), 1)
            await self._table.delete(partition, key)
        await self._table.delete(partition, head.to_row().key)

    @property
    def _table(self) -> RowTable:
        return self.store.table(WORKFLOWS)


def _version_key(workflow_id: str, version: int) -> str:
    return f"version|{workflow_id}|{version:06d}"


def _version_rows(head: WorkflowHead, definition: WorkflowDefinition) -> list[Row]:
    """One row: a definition of 60 steps takes a few kilobytes compressed, a row holds 768."""
    data = definition.model_dump_json(by_alias=True, exclude_none=True).encode()
    return pack(_version_key(head.id, head.latest), data)
