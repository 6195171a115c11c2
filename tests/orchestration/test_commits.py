"""The one writer of a running job: what is applied is durable once, and whoever waits gets an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from orchestration.adapters.memory import MemoryJobStore
from orchestration.checkpoints import Row
from orchestration.commits import MAX_BATCH_BYTES, MAX_BATCH_ROWS, Change, JobWriter, commit_once
from orchestration.errors import ContentArchitectError, RowConflict, StorageUnavailable, Superseded
from orchestration.events import Event, EventType, JobUpdate
from orchestration.jobs import Job, JobStatus, StoredJob
from orchestration.ports import Commit
from orchestration.retry import STORAGE_RETRY
from tests.orchestration.support import FakeClock, new_job

LIMIT = 30.0


@dataclass
class Store(MemoryJobStore):
    """A memory store that keeps the commits it took and does before or after each what a test tells it to."""

    clock: FakeClock
    taken: list[Commit] = field(default_factory=list)
    before: list[Callable[[], Awaitable[None]] | BaseException | None] = field(default_factory=list)
    after: list[BaseException | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.clock)

    async def commit(self, commit: Commit) -> str:
        await self._happen(self.before)
        etag = await super().commit(commit)
        self.taken.append(commit)
        await self._happen(self.after)
        return etag

    async def _happen(self, plan: list[Any]) -> None:
        step = plan.pop(0) if plan else None
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            await step()


@dataclass
class Bench:
    """A claimed job, its store and its writer."""

    store: Store
    clock: FakeClock
    writer: JobWriter
    published: list[JobUpdate]

    async def row(self) -> StoredJob:
        found = await self.store.read_job(self.writer.job.job_id)
        assert found is not None
        return found


@asynccontextmanager
async def writing(**changes: Any) -> AsyncIterator[Bench]:
    clock = FakeClock()
    store = Store(clock)
    job = new_job(status=JobStatus.PROCESSING, lease_owner="one/1/1", lease_epoch=1, **changes)
    await store.insert_job(job, [])
    found = await store.read_job(job.job_id)
    assert found is not None
    published: list[JobUpdate] = []

    def publish(_: Job, updates: Sequence[JobUpdate]) -> None:
        published.extend(updates)

    numbers = count(1)
    writer = JobWriter(
        store=store,
        clock=clock,
        stored=found,
        publish=publish,
        new_id=lambda: f"c{next(numbers)}",
        heartbeat_seconds=60,
    )
    async with asyncio.timeout(LIMIT), writer:
        yield Bench(store=store, clock=clock, writer=writer, published=published)


def counting(number: int = 1, size: int = 0, rows: int = 1) -> Change:
    """A change that counts up and says so in one event."""
    return Change(
        mutate=lambda job: replace(job, tokens_in=job.tokens_in + number),
        rows=tuple(Row(key=f"step|{number}|{n}", values={"d0": b"x" * size}) for n in range(rows)),
        events=lambda job: [Event(type=EventType.PROGRESS_UPDATE, data={"n": job.tokens_in})],
    )


def gate() -> tuple[asyncio.Event, Callable[[], Awaitable[None]]]:
    opened = asyncio.Event()

    async def wait() -> None:
        await opened.wait()

    return opened, wait


async def test_a_change_is_durable_and_published_when_apply_returns() -> None:
    async with writing() as bench:
        job = await bench.writer.apply(counting())
        assert (await bench.row()).job == job
        assert [u.sequence for u in bench.published] == [2]
        assert await bench.store.read_events(job.job_id, after=0, limit=9) == bench.published


async def test_changes_that_arrive_during_a_commit_go_out_together_in_the_next() -> None:
    async with writing() as bench:
        opened, wait = gate()
        bench.store.before = [wait]
        tasks = [asyncio.create_task(bench.writer.apply(counting(n))) for n in range(1, 6)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(bench.writer.apply(counting(n))) for n in range(6, 11)]
        await asyncio.sleep(0)
        opened.set()
        jobs = await asyncio.gather(*tasks)
        assert len(bench.store.taken) == 2
        assert jobs[-1].tokens_in == sum(range(1, 11))
        assert [u.sequence for u in bench.published] == list(range(2, 12))


@pytest.mark.parametrize(("size", "rows"), [(900_000, 1), (0, 30)])
async def test_what_does_not_fit_waits_for_the_next_commit(size: int, rows: int) -> None:
    async with writing() as bench:
        await asyncio.gather(*(bench.writer.apply(counting(n, size, rows)) for n in range(1, 9)))
        assert len(bench.store.taken) > 1
        for commit in bench.store.taken:
            assert sum(row.encoded_size for row in commit.rows) <= MAX_BATCH_BYTES + 10_000
            assert len(commit.rows) + 1 <= MAX_BATCH_ROWS
        assert (await bench.row()).job.tokens_in == sum(range(1, 9))


async def test_a_change_beyond_the_limit_goes_alone() -> None:
    async with writing() as bench:
        await bench.writer.apply(counting(1, MAX_BATCH_BYTES))
        assert len(bench.store.taken) == 1


async def test_a_silent_writer_sends_heartbeats_that_prolong_the_lease() -> None:
    async with writing() as bench:
        bench.writer.heartbeat_seconds = 0.001
        await bench.writer.apply(counting())
        before = await bench.row()
        bench.clock.advance(20)
        while (row := await bench.row()).lease_end == before.lease_end:
            await asyncio.sleep(0.001)
        assert row.job.sequence == before.job.sequence
        assert row.job.lease_owner == before.job.lease_owner


async def test_a_lost_answer_is_told_from_a_lost_request_and_the_change_lands_once() -> None:
    for plan in ("before", "after"):
        async with writing() as bench:
            setattr(bench.store, plan, [StorageUnavailable("cut")])
            job = await bench.writer.apply(counting())
            assert (job.tokens_in, job.sequence) == (1, 2)
            assert (await bench.row()).job == job
            assert len(bench.store.taken) == 1
            await bench.writer.apply(counting())
            assert [u.sequence for u in bench.published] == [2, 3]


async def test_a_cancel_request_is_taken_over_and_the_commit_repeated() -> None:
    async with writing() as bench:
        await bench.store.request_cancel(bench.writer.job.job_id, "2026-11-22T12:00:01.000Z")
        job = await bench.writer.apply(counting())
        assert bench.writer.cancel_requested.is_set()
        assert job.cancel_requested_at == "2026-11-22T12:00:01.000Z"
        assert (await bench.row()).job == job


async def test_a_dispatch_that_was_raised_meanwhile_stays_raised() -> None:
    async with writing() as bench:
        row = await bench.row()
        raised = replace(row.job, dispatch=7, lease_owner=None, last_commit_id="sweeper")
        await bench.store.commit(Commit(job=raised, etag=row.etag))
        job = await bench.writer.apply(counting())
        assert (job.dispatch, job.lease_owner) == (7, "one/1/1")


async def test_another_claim_ends_the_writer_and_changes_nothing() -> None:
    async with writing() as bench:
        row = await bench.row()
        await bench.store.commit(
            Commit(job=replace(row.job, lease_epoch=2, lease_owner="two"), etag=row.etag)
        )
        with pytest.raises(Superseded):
            await bench.writer.apply(counting())
        with pytest.raises(Superseded):
            await bench.writer.apply(counting())
        assert (await bench.row()).job.lease_owner == "two"
        assert isinstance(bench.writer.interrupted.result(), Superseded)


async def test_of_two_claims_of_the_same_row_one_wins() -> None:
    """Both raise the epoch to the same number, so the number after the claim tells nothing."""
    async with writing() as bench:
        row = await bench.row()
        await bench.store.commit(
            Commit(
                job=replace(row.job, lease_epoch=2, lease_owner="two", last_commit_id="theirs"), etag=row.etag
            )
        )
        with pytest.raises(Superseded):
            await bench.writer.apply(Change(mutate=lambda job: replace(job, lease_epoch=job.lease_epoch + 1)))
        assert (await bench.row()).job.lease_owner == "two"


async def test_a_deleted_job_ends_the_writer() -> None:
    async with writing() as bench:
        await bench.store.delete_rows(bench.writer.job.job_id)
        with pytest.raises(Superseded, match="deleted"):
            await bench.writer.apply(counting())


async def test_a_job_that_was_cancelled_after_its_unheard_release_stays_cancelled() -> None:
    """The answer to "queued again" is lost, its owner cancels, and the repeated commit finds the same epoch."""
    async with writing() as bench:

        async def cancel() -> None:
            row = await bench.row()
            await bench.store.commit(
                Commit(
                    job=replace(row.job, status=JobStatus.CANCELLED, last_commit_id="theirs"), etag=row.etag
                )
            )

        async def release() -> None:
            await bench.writer.apply(Change(mutate=lambda job: replace(job, status=JobStatus.QUEUED)))

        bench.store.after = [StorageUnavailable("cut")]
        bench.store.before = [None, cancel]
        with pytest.raises(Superseded):
            await release()
        assert (await bench.row()).job.status is JobStatus.CANCELLED


async def test_storage_that_stays_down_ends_the_writer_after_its_retries() -> None:
    async with writing() as bench:
        bench.store.before = [StorageUnavailable("down")] * STORAGE_RETRY.max_tries
        first = asyncio.create_task(bench.writer.apply(counting()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = asyncio.create_task(bench.writer.apply(counting()))
        for task in (first, second):
            with pytest.raises(StorageUnavailable):
                await task
        assert len(bench.clock.slept) == STORAGE_RETRY.max_tries - 1


async def test_closing_writes_what_is_pending() -> None:
    async with writing() as bench:
        tasks = [asyncio.create_task(bench.writer.apply(counting(n))) for n in (1, 2)]
        await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True] or await asyncio.gather(*tasks)
    assert (await bench.row()).job.tokens_in == 3
    with pytest.raises(RuntimeError, match="closed"):
        await bench.writer.apply(counting())


async def test_a_waiter_that_is_cancelled_does_not_take_its_change_with_it() -> None:
    async with writing() as bench:
        opened, wait = gate()
        bench.store.before = [wait]
        waiter = asyncio.create_task(bench.writer.apply(counting()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        settled = asyncio.create_task(bench.writer.settled())
        await asyncio.sleep(0)
        assert not settled.done()
        opened.set()
        assert (await settled).tokens_in == 1


async def test_a_waiter_that_is_gone_when_the_writer_fails_leaves_no_unheard_error() -> None:
    async with writing() as bench:
        bench.store.before = [StorageUnavailable("down")] * STORAGE_RETRY.max_tries
        waiter = asyncio.create_task(bench.writer.apply(counting()))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([bench.writer.interrupted])
        assert waiter.cancelled()


async def test_a_change_that_fails_itself_leaves_nobody_waiting_and_shows_when_the_writer_closes() -> None:
    def impossible(job: Job) -> Job:
        return job.with_step(job.step("nowhere"))

    async def run() -> None:
        async with writing() as bench:
            with pytest.raises(ContentArchitectError, match="writer failed: KeyError"):
                await bench.writer.apply(Change(mutate=impossible))
            heard.append("an answer")

    heard: list[str] = []
    with pytest.raises(KeyError, match="nowhere"):
        await run()
    assert heard == ["an answer"]


async def test_one_change_of_a_job_that_nobody_runs_survives_a_lost_answer_as_a_conflict() -> None:
    async with writing() as bench:
        row = await bench.row()
        bench.store.after = [RowConflict("retried below: the first try had landed")]
        job, updates = await commit_once(bench.store, row, counting(), clock=bench.clock, commit_id="mine")
        assert (job.tokens_in, [u.sequence for u in updates]) == (1, [2])
        with pytest.raises(RowConflict):
            await commit_once(bench.store, row, counting(), clock=bench.clock, commit_id="other")
        await bench.store.delete_rows(job.job_id)
        with pytest.raises(RowConflict):
            await commit_once(bench.store, row, counting(), clock=bench.clock, commit_id="mine")
