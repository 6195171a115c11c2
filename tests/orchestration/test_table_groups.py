"""Group commit: who is written with whom, in which order, and who hears of a failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.adapters.table_batch import MAX_OPERATIONS, Operation, Write
from orchestration.adapters.table_groups import MAX_BYTES, GroupWriter
from orchestration.errors import RowGone, StorageRefused, StorageUnavailable


def put(key: str, value: str | bytes = "") -> Operation:
    return Operation(write=Write.UPSERT, row_key=key, values={"v": value})


def delete(key: str) -> Operation:
    return Operation(write=Write.DELETE, row_key=key)


@dataclass
class Table:
    """Transactions over a dictionary. Each waits for ``open``; ``broken`` are keys that fail what they are in."""

    rows: dict[tuple[str, str], object] = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    broken: dict[str, Exception] = field(default_factory=dict)
    busy: int = 0

    async def write(self, partition: str, operations: Sequence[Operation]) -> str:
        keys = [operation.row_key for operation in operations]
        assert len(set(keys)) == len(keys) <= MAX_OPERATIONS
        self.groups.append(keys)
        self.busy += 1
        await self.open.wait()
        self.busy -= 1
        for key in keys:
            if key in self.broken:
                raise self.broken[key]
        gone = [o for o in operations if o.write is Write.DELETE and (partition, o.row_key) not in self.rows]
        if gone:
            raise RowGone("the row is gone")
        for operation in operations:
            if operation.write is Write.DELETE:
                del self.rows[partition, operation.row_key]
            else:
                self.rows[partition, operation.row_key] = operation.values["v"]
        return "etag"


def begin(writer: GroupWriter, partition: str, *operations: Operation) -> asyncio.Task[None]:
    return asyncio.create_task(writer.write(partition, operations))


async def under_way(table: Table, transactions: int) -> None:
    while table.busy < transactions:
        await asyncio.sleep(0)


async def test_what_comes_meanwhile_goes_out_together_and_by_partition() -> None:
    table = Table()
    writer = GroupWriter(table)
    first = begin(writer, "p", put("a", "1"))
    await under_way(table, 1)
    others = [
        begin(writer, "p", put("b"), put("c")),
        begin(writer, "p", put("d")),
        begin(writer, "q", put("a")),
    ]
    await under_way(table, 2)
    assert table.groups == [["a"], ["a"]]  # another partition does not wait
    table.open.set()
    await asyncio.gather(first, *others)
    assert table.groups == [["a"], ["a"], ["b", "c", "d"]]
    assert set(table.rows) == {("p", "a"), ("p", "b"), ("p", "c"), ("p", "d"), ("q", "a")}


async def test_a_row_that_cannot_be_written_fails_its_own_caller_alone() -> None:
    table = Table(broken={"bad": StorageRefused("400")})
    writer = GroupWriter(table)
    table.open.set()
    tasks = [begin(writer, "p", *writes) for writes in ([put("x")], [put("a")], [put("b"), put("bad")])]
    tasks += [begin(writer, "p", delete("nothing")), begin(writer, "p", put("z"))]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None), type(None), StorageRefused, RowGone, type(None),
    ]  # fmt: skip
    assert {key for _, key in table.rows} == {"x", "a", "z"}  # nothing of the failed ones


async def test_a_service_that_is_busy_is_not_asked_once_for_each_write() -> None:
    table = Table(broken={"busy": StorageUnavailable("503")})
    writer = GroupWriter(table)
    table.open.set()
    tasks = [begin(writer, "p", put(key)) for key in ("a", "busy", "b")]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [StorageUnavailable] * 3
    assert len(table.groups) == 1


async def test_a_caller_who_went_away_changes_nothing_for_the_others() -> None:
    table = Table()
    writer = GroupWriter(table)
    tasks = [begin(writer, "p", put(key)) for key in "abc"]
    await under_way(table, 1)
    for task in tasks[:2]:
        task.cancel()
    table.open.set()
    assert isinstance((await asyncio.gather(*tasks, return_exceptions=True))[0], asyncio.CancelledError)
    assert {key for _, key in table.rows} == {"a", "b", "c"}
    await writer.write("p", [put("d")])  # the partition is free again
    assert ("p", "d") in table.rows


async def test_large_writes_hold_up_nobody() -> None:
    table = Table()
    writer = GroupWriter(table)
    half, whole = b"x" * (MAX_BYTES // 2), b"x" * MAX_BYTES
    writes = [put("a"), put("half", half), put("half more", half), put("b"), put("whole", whole), put("c")]
    tasks = [begin(writer, "p", write) for write in writes]
    table.open.set()
    await asyncio.gather(*tasks)
    assert table.groups == [["a", "half"], ["half more", "b"], ["whole"], ["c"]]


async def test_no_transaction_has_more_operations_than_the_service_takes() -> None:
    table = Table()
    writer = GroupWriter(table)
    tasks = [begin(writer, "p", put(f"{n}a"), put(f"{n}b"), put(f"{n}c")) for n in range(80)]
    table.open.set()
    await asyncio.gather(*tasks)
    assert len(table.rows) == 240
    assert [len(group) for group in table.groups] == [99, 99, 42]


KEYS = st.sampled_from("abc")


@given(
    st.lists(st.one_of(st.tuples(KEYS, st.integers()), st.tuples(KEYS, st.none())), max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_writes_to_one_row_land_in_the_order_of_the_calls(
    calls: list[tuple[str, int | None]], pauses: list[bool]
) -> None:
    async def run() -> tuple[dict[str, object], dict[str, object]]:
        table, expected = Table(), dict[str, object]()
        table.open.set()
        writer, tasks = GroupWriter(table), []
        for (key, value), pause in zip(calls, pauses, strict=False):
            operation = delete(key) if value is None else put(key, str(value))
            tasks.append(begin(writer, "p", operation))
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = str(value)
            if pause:
                await asyncio.sleep(0)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, RowGone)
        return {key: value for (_, key), value in table.rows.items()}, expected

    found, expected = asyncio.run(run())
    assert found == expected


async def test_a_defect_of_one_write_reaches_its_caller_and_nobody_else() -> None:
    table = Table(broken={"bad": TypeError("not a value of a row")})
    table.open.set()
    writer = GroupWriter(table)
    tasks = [begin(writer, "p", put("x")), begin(writer, "p", put("bad")), begin(writer, "p", put("y"))]
    with pytest.raises(TypeError):
        await tasks[1]
    await asyncio.gather(tasks[0], tasks[2])
    assert {key for _, key in table.rows} == {"x", "y"}
