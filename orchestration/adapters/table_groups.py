"""Group commit for partitions that many jobs write to: a tenant's active rows, its index, its audit.

While one transaction of a partition is on its way, what comes meanwhile waits and goes out together in the next.
A caller alone waits for nothing; under load a partition takes a transaction for many jobs instead of one for each,
which costs less on both sides. Figures: docs/decisions/0019-group-commit.md.

Only for writes that need no ETag and may be repeated: a transaction that fails is taken apart and every write of it
is sent alone, so that each caller gets its own answer and none fails for another's row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orchestration.adapters.table_batch import MAX_OPERATIONS, Operation
from orchestration.checkpoints import encoded_size

MAX_BYTES = 1_000_000
"""Of values in one shared transaction (the service takes 4 MiB): a larger write goes alone and holds up nobody."""


class Transactions(Protocol):
    """What writes one transaction: :class:`orchestration.adapters.table_batch.BatchWriter`."""

    async def write(self, partition: str, operations: Sequence[Operation]) -> str:
        """Write all or nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """The writes of one caller; ``landed`` tells it how they ended."""

    operations: Sequence[Operation]
    size: int
    landed: asyncio.Future[None]

    @property
    def keys(self) -> set[str]:
        return {operation.row_key for operation in self.operations}

    def end(self, error: BaseException | None) -> None:
        if self.landed.done():
            return  # its caller went away
        if error is None:
            self.landed.set_result(None)
        else:
            self.landed.set_exception(error)


@dataclass(kw_only=True)
class GroupWriter:
    """Writes to one table. Belongs to the loop that it is first used on."""

    transactions: Transactions
    _waiting: dict[str, deque[_Entry]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def write(self, partition: str, operations: Sequence[Operation]) -> None:
        """Write all or nothing, perhaps with others' writes to this partition.

        Writes to one row land in the order of the calls. Raises what the transaction raises for these operations.
        """
        entry = _Entry(
            operations=operations,
            size=sum(encoded_size(operation.values) for operation in operations),
            landed=asyncio.get_running_loop().create_future(),
        )
        if (line := self._waiting.get(partition)) is not None:
            line.append(entry)
        else:
            self._waiting[partition] = deque([entry])
            task = asyncio.create_task(self._drain(partition))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await entry.landed

    async def _drain(self, partition: str) -> None:
        line = self._waiting[partition]
        try:
            while line:
                await self._send(partition, _taken(line))
        finally:
            del self._waiting[partition]

    async def _send(self, partition: str, group: Sequence[_Entry]) -> None:
        operations = [operation for entry in group for operation in entry.operations]
        writing = self.transactions.write(partition, operations)
        (outcome,) = await asyncio.gather(writing, return_exceptions=True)  # a defect, too, has its caller
        if isinstance(outcome, str):
            for entry in group:
                entry.end(None)
        elif len(group) == 1:
            group[0].end(outcome)
        else:
            await asyncio.gather(*(self._send(partition, [entry]) for entry in group))


def _taken(line: deque[_Entry]) -> list[_Entry]:
    """The next transaction: in order, until it is full or would write a row twice, which the service refuses."""
    group = [line.popleft()]
    keys, size, count = group[0].keys, group[0].size, len(group[0].operations)
    while line:
        following = line[0]
        size, count = size + following.size, count + len(following.operations)
        if size > MAX_BYTES or count > MAX_OPERATIONS or keys & following.keys:
            break
        keys |= following.keys
        group.append(line.popleft())
    return group
