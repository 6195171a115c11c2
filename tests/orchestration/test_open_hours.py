"""The open hour is read once whole, then only at its end; the figures are those of a whole count."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestration.adapters.memory_rows import MemoryRows
from orchestration.checkpoints import Row
from orchestration.jobs import stamp
from orchestration.management import open_hours
from orchestration.management.open_hours import OVERLAP_SECONDS, RECOUNT_SECONDS, OpenHours
from orchestration.management.statistics import EndedJob
from tests.orchestration.support import START, FakeClock, new_job
from tests.orchestration.test_statistics import ended_job

HOUR = "ended|2026-11-22T12"


class Counting(MemoryRows):
    """A table that knows how many rows it gave."""

    given = 0

    async def between(self, partition: str, *, after: str, before: str, limit: int) -> list[Row]:
        rows = await super().between(partition, after=after, before=before, limit=limit)
        self.given += len(rows)
        return rows


def hours() -> tuple[OpenHours, Counting, FakeClock]:
    clock, table = FakeClock(), Counting()
    return OpenHours(table, clock), table, clock


async def end(table: MemoryRows, *seconds: float, tenant: str = "local") -> None:
    """A job ended at each of these seconds of the hour."""
    for second in seconds:
        at = START + timedelta(seconds=second)
        values = EndedJob.of(ended_job(1)).to_values()
        await table.put(HOUR, [Row(key=f"{tenant}|{stamp(at)}|{second}", values=values)])


async def counted(hours: OpenHours, tenant: str = "local") -> int:
    return (await hours.totals(HOUR, tenant)).status["completed"]


async def test_a_second_look_reads_only_the_end_of_the_hour() -> None:
    hour, table, _ = hours()
    await end(table, *range(0, 600, 10))
    assert await counted(hour) == 60
    table.given = 0
    await end(table, 601, 602)
    assert await counted(hour) == 62
    assert table.given <= OVERLAP_SECONDS / 10 + 3


async def test_a_row_that_comes_a_little_late_is_counted_once() -> None:
    hour, table, _ = hours()
    await end(table, 100, 110)
    assert await counted(hour) == 2
    await end(table, 105)
    assert [await counted(hour), await counted(hour)] == [3, 3]


async def test_what_comes_later_or_goes_shows_at_the_next_whole_count() -> None:
    hour, table, clock = hours()
    await end(table, 10, 500, 510)
    assert await counted(hour) == 3
    await end(table, 20, 30)
    await table.delete(HOUR, f"local|{stamp(START + timedelta(seconds=500))}|500")
    assert await counted(hour) == 3
    clock.advance(RECOUNT_SECONDS)
    assert await counted(hour) == 4


async def test_tenants_are_counted_apart() -> None:
    hour, table, _ = hours()
    await end(table, 1, 2)
    await end(table, 3, tenant="other")
    assert [await counted(hour), await counted(hour, "other"), await counted(hour, "none")] == [2, 1, 0]


async def test_no_more_hours_are_remembered_than_agreed() -> None:
    hour, table, _ = hours()
    for number in range(open_hours._KEPT + 5):
        await hour.totals(HOUR, f"tenant-{number}")
    assert len(hour._counts) == open_hours._KEPT
    assert table.given == 0


async def test_looks_that_overlap_count_every_row_once() -> None:
    hour, table, _ = hours()
    await end(table, 1, 2)
    await counted(hour)
    await end(table, 3)
    assert await asyncio.gather(*(counted(hour) for _ in range(5))) == [3] * 5


@given(st.lists(st.lists(st.integers(0, 3599), max_size=8), max_size=6))
def test_looks_in_between_change_no_figure_of_rows_that_come_in_order(looks: Sequence[Sequence[int]]) -> None:
    async def run() -> None:
        hour, table, _ = hours()
        ended = sorted({second for look in looks for second in look})
        for number, second in enumerate(ended):
            await end(table, second)
            if number % 3 == 0:
                await counted(hour)
        assert await counted(hour) == len(ended)

    asyncio.run(run())


def test_an_older_row_still_reads() -> None:
    values = EndedJob.of(new_job(workflow_type="seo_focused")).to_values()
    figures = str(values["figures"]).replace(',"seo_focused"]', "]")
    assert figures != values["figures"]
    assert EndedJob.from_values({**values, "figures": figures}).workflow == ""
