"""Shared transactions for partitions that many jobs write to: a tenant's active rows, its index, its audit.

Under load a partition takes a transaction for many jobs instead of one for each. Figures:
docs/decisions/0019-group-commit.md.

Only for writes that need no ETag and may be repeated: a transaction that the service refuses is taken apart, so that
no write fails for another's row. When the service does not answer or is too busy, all of its callers hear that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestration.adapters.group_commit import GroupCommit
from orchestration.adapters.table_batch import MAX_OPERATIONS, Operation
from orchestration.checkpoints import encoded_size
from orchestration.errors import StorageRefused, StorageUnavailable

MAX_BYTES = 1_000_000
"""Of values in one shared transaction (the service takes 4 MiB): a larger write goes alone and holds up nobody."""


class Transactions(Protocol):
    """What writes one transaction: :class:`orchestration.adapters.table_batch.BatchWriter`."""

    async def write(self, partition: str, operations: Sequence[Operation]) -> str:
        """Write all or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class _Writes:
    """What one caller writes: operations, their keys, and their bytes in a transaction."""

    operations: Sequence[Operation]
    keys: frozenset[str]
    size: int

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> _Writes:
        keys = frozenset(operation.row_key for operation in operations)
        return cls(operations, keys, sum(encoded_size(operation.values) for operation in operations))


class GroupWriter:
    """Writes to one table. Belongs to the loop that it is first used on."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._groups: GroupCommit[_Writes] = GroupCommit(
            send=self._write, together=_together, apart=_for_one_row
        )

    async def write(self, partition: str, operations: Sequence[Operation]) -> None:
        """Write all or nothing, perhaps with others' writes to this partition.

        Writes to one row land in the order of the calls. Raises what the transaction raises for these operations.
        """
        await self._groups.add(partition, _Writes.of(operations))

    async def _write(self, partition: str, group: Sequence[_Writes]) -> None:
        operations = [operation for writes in group for operation in writes.operations]
        await self._transactions.write(partition, operations)


def _for_one_row(error: BaseException) -> bool:
    return isinstance(error, StorageRefused) or not isinstance(error, StorageUnavailable)


def _together(waiting: Sequence[_Writes]) -> int:
    """As many as one transaction takes; the service refuses one that writes a row twice."""
    keys: set[str] = set()
    size = count = 0
    for number, writes in enumerate(waiting):
        size, count = size + writes.size, count + len(writes.operations)
        if number and (size > MAX_BYTES or count > MAX_OPERATIONS or keys & writes.keys):
            return number
        keys |= writes.keys
    return len(waiting)
