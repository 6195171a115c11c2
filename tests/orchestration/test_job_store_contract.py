"""One contract, two job stores: the memory twin and Table Storage (on Azurite)."""

import asyncio
import random
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from orchestration.adapters.memory import MemoryJobStore
from orchestration.checkpoints import Row, event_key, pack
from orchestration.connections import Outside
from orchestration.errors import RowConflict, RowExists
from orchestration.event_log import event_rows
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import ActiveJob, Job, JobError, JobStatus, StepRecord, StepStatus, stamp
from orchestration.ports import Commit, JobStore
from tests.orchestration.support import START, FakeClock, new_job

USES_SERVICES = True
FAR = stamp(START.replace(year=9999))


@dataclass
class Subject:
    """A store under contract, and a job of this test alone."""

    store: JobStore
    job: Job

    async def inserted(self, *rows: Row, **changes: Any) -> str:
        self.job = replace(self.job, **changes)
        return await self.store.insert_job(self.job, rows)


@pytest.fixture(params=["memory", "azure"])
def subject(request: pytest.FixtureRequest) -> Subject:
    job = new_job(job_id=str(uuid.uuid4()), tenant=f"t-{uuid.uuid4().hex}")
    if request.param == "memory":
        return Subject(MemoryJobStore(FakeClock()), job)
    outside: Outside = request.getfixturevalue("outside")
    return Subject(outside.store, job)


def event(sequence: int) -> JobUpdate:
    return JobUpdate(
        type=EventType.PROGRESS_UPDATE,
        job_id="j",
        sequence=sequence,
        timestamp="t",
        data={"text": "grün €😀"},
    )


def event_row(sequence: int) -> Row:
    return Row(key=event_key(sequence), values={"body": event(sequence).to_json()})


FULL: dict[str, Any] = {
    "status": JobStatus.FAILED,
    "topic": "Quotes ' \" & <tags> \\ grün €😀\t\n",
    "timeout_seconds": 12.0,
    "cost": 0.25,
    "tokens_in": 2**31 - 1,
    "dead_lettered": True,
    "tags": ("a'b", "ü"),
    "error": JobError(code="c", message='it\'s "broken"', step="first", retryable=True),
    "warnings": ({"code": "w", "fix": "x" * 300},),
    "steps": (StepRecord(name="first", layer="top", service="s", status=StepStatus.SKIPPED, rows=3),),
    "lease_owner": "one/1/1",
    "latched_message": "m|1/2?#%",
}


@pytest.mark.parametrize("changes", [{}, FULL], ids=["small", "full"])
async def test_a_job_is_read_as_it_was_inserted(subject: Subject, changes: dict[str, Any]) -> None:
    etag = await subject.inserted(**changes)
    found = await subject.store.read_job(subject.job.job_id)
    assert found is not None
    assert found.job == subject.job
    assert found.etag == etag


async def test_an_unknown_job_is_none(subject: Subject) -> None:
    assert await subject.store.read_job(str(uuid.uuid4())) is None


async def test_a_job_is_inserted_once_and_the_second_try_writes_nothing(subject: Subject) -> None:
    await subject.inserted(event_row(1))
    with pytest.raises(RowExists):
        await subject.store.insert_job(replace(subject.job, topic="Another"), [event_row(1), event_row(2)])
    found = await subject.store.read_job(subject.job.job_id)
    assert found is not None
    assert found.job.topic == "A topic"
    assert await subject.store.read_events(subject.job.job_id, after=0, limit=9) == [event(1)]


async def test_a_commit_changes_the_row_and_its_etag(subject: Subject) -> None:
    first = await subject.inserted(next_attempt_at="2026-11-22T12:00:00.000Z", status=JobStatus.PROCESSING)
    after = replace(subject.job, sequence=2, next_attempt_at=None)
    second = await subject.store.commit(Commit(job=after, etag=first, rows=(event_row(2),)))
    found = await subject.store.read_job(subject.job.job_id)
    assert found is not None
    assert second == found.etag != first
    assert found.job == after, "what is absent now must not linger"


async def test_a_commit_on_an_old_etag_conflicts_and_writes_none_of_its_rows(subject: Subject) -> None:
    first = await subject.inserted()
    await subject.store.commit(Commit(job=subject.job, etag=first))
    stale = Commit(
        job=replace(subject.job, topic="Stale"), etag=first, rows=(event_row(5), *pack("step|1|x", b"x"))
    )
    with pytest.raises(RowConflict):
        await subject.store.commit(stale)
    assert await subject.store.read_events(subject.job.job_id, after=0, limit=9) == []
    with pytest.raises(RowConflict):
        await subject.store.read_rows(subject.job.job_id, "step|1|x", 1)


async def test_a_commit_of_a_deleted_job_conflicts(subject: Subject) -> None:
    etag = await subject.inserted()
    await subject.store.delete_rows(subject.job.job_id)
    with pytest.raises(RowConflict):
        await subject.store.commit(Commit(job=subject.job, etag=etag))
    assert await subject.store.read_job(subject.job.job_id) is None


async def test_of_many_commits_on_one_etag_one_wins(subject: Subject) -> None:
    etag = await subject.inserted()
    commits = [Commit(job=replace(subject.job, topic=f"t{n}"), etag=etag) for n in range(5)]
    results = await asyncio.gather(*(subject.store.commit(c) for c in commits), return_exceptions=True)
    winners = [n for n, result in enumerate(results) if isinstance(result, str)]
    assert len(winners) == 1
    assert sum(isinstance(result, RowConflict) for result in results) == 4
    found = await subject.store.read_job(subject.job.job_id)
    assert found is not None
    assert found.job.topic == f"t{winners[0]}"


async def test_a_cancel_request_touches_one_property_and_the_etag(subject: Subject) -> None:
    etag = await subject.inserted(**FULL)
    assert await subject.store.request_cancel(subject.job.job_id, "2026-11-22T12:00:01.000Z")
    found = await subject.store.read_job(subject.job.job_id)
    assert found is not None
    assert found.etag != etag
    assert found.job == replace(subject.job, cancel_requested_at="2026-11-22T12:00:01.000Z")
    with pytest.raises(RowConflict):
        await subject.store.commit(Commit(job=subject.job, etag=etag))
    assert not await subject.store.request_cancel(str(uuid.uuid4()), "now")


async def test_the_times_of_a_row_are_of_one_clock(subject: Subject) -> None:
    """Table Storage sends the time of its answer in whole seconds."""
    etag = await subject.inserted(lease_owner="one/1/1", lease_seconds=30.0)
    first = await subject.store.read_job(subject.job.job_id)
    await subject.store.commit(Commit(job=subject.job, etag=etag))
    second = await subject.store.read_job(subject.job.job_id)
    assert first is not None
    assert second is not None
    assert first.modified <= second.modified
    assert timedelta(seconds=-1) <= second.read_at - second.modified < timedelta(seconds=20)
    assert second.leased
    assert second.lease_end == second.modified + timedelta(seconds=30)


NOISE = random.Random(7).randbytes(2_000_000)  # noqa: S311


@pytest.mark.parametrize(
    "data", [b"", b"small", b"words " * 500_000, NOISE], ids=["empty", "small", "text", "2 MB"]
)
async def test_packed_data_comes_back_whatever_its_size(subject: Subject, data: bytes) -> None:
    etag = await subject.inserted()
    rows = pack("step|1|write_it", data)
    await subject.store.commit(Commit(job=subject.job, etag=etag, rows=tuple(rows)))
    assert await subject.store.read_rows(subject.job.job_id, "step|1|write_it", len(rows)) == data
    with pytest.raises(RowConflict):
        await subject.store.read_rows(subject.job.job_id, "step|1|write_it", len(rows) + 1)


async def test_events_come_in_order_and_in_pages(subject: Subject) -> None:
    rows = [event_row(n) for n in (3, 1, 10, 2, 99, 100)]
    await subject.inserted(
        *rows, Row(key="evenu", values={"body": "x"}), Row(key="event}", values={"body": "x"})
    )
    store, job_id = subject.store, subject.job.job_id
    assert await store.read_events(job_id, after=0, limit=99) == [event(n) for n in (1, 2, 3, 10, 99, 100)]
    assert await store.read_events(job_id, after=2, limit=2) == [event(3), event(10)]
    assert await store.read_events(job_id, after=100, limit=9) == []
    assert await store.read_events(str(uuid.uuid4()), after=0, limit=9) == []


async def test_events_that_share_a_row_are_read_from_any_place_within_it(subject: Subject) -> None:
    rows = event_rows([event(1)]) + event_rows([event(n) for n in range(2, 40)]) + event_rows([event(40)])
    await subject.inserted(*rows)
    for after in range(41):
        for limit in (1, 7, 99):
            expected = [event(n) for n in range(after + 1, 41)][:limit]
            assert await subject.store.read_events(subject.job.job_id, after=after, limit=limit) == expected


async def test_deleting_removes_every_row_of_the_job_and_of_no_other(subject: Subject) -> None:
    other = replace(subject.job, job_id=str(uuid.uuid4()))
    await subject.store.insert_job(other, [event_row(1)])
    await subject.inserted(event_row(1), *pack("input", b"x"))
    await subject.store.delete_rows(subject.job.job_id)
    await subject.store.delete_rows(subject.job.job_id)
    assert await subject.store.read_job(subject.job.job_id) is None
    assert await subject.store.read_events(subject.job.job_id, after=0, limit=9) == []
    assert await subject.store.read_job(other.job_id) is not None


# ---------------------------------------------------------------- active rows


def active(subject: Subject, **changes: Any) -> ActiveJob:
    values: dict[str, Any] = {
        "job_id": subject.job.job_id,
        "tenant": subject.job.tenant,
        "priority": "normal",
        "check_at": "2026-11-22T12:00:00.000Z",
        "owner": "",
        "sends": 0,
        "created_at": "2026-11-22T11:00:00.000Z",
    }
    return ActiveJob(**{**values, **changes})


async def found(subject: Subject) -> ActiveJob:
    (row,) = await subject.store.due_active(FAR, limit=9)
    return row


async def test_an_active_row_is_due_from_its_time_on(subject: Subject) -> None:
    row = active(subject, owner="one/1/1", sends=2)
    await subject.store.put_active(row)
    assert await subject.store.due_active("2026-11-22T11:59:59.999Z", limit=9) == []
    (due,) = await subject.store.due_active("2026-11-22T12:00:00.000Z", limit=9)
    assert replace(due, etag="") == row
    assert due.etag


async def test_due_rows_are_limited(subject: Subject) -> None:
    for number in range(5):
        await subject.store.put_active(active(subject, job_id=f"job-{number}"))
    assert len(await subject.store.due_active(FAR, limit=3)) == 3
    assert len(await subject.store.due_active(FAR, limit=9)) == 5


async def test_putting_an_active_row_again_replaces_it(subject: Subject) -> None:
    await subject.store.put_active(active(subject, owner="one/1/1"))
    await subject.store.put_active(active(subject, owner=""))
    assert (await found(subject)).owner == ""


async def test_an_active_row_is_moved_by_whoever_read_it_last(subject: Subject) -> None:
    await subject.store.put_active(active(subject))
    row = await found(subject)
    etag = await subject.store.move_active(replace(row, sends=1))
    with pytest.raises(RowConflict):
        await subject.store.move_active(replace(row, sends=7))
    moved = await found(subject)
    assert (moved.sends, moved.etag) == (1, etag)
    await subject.store.remove_active(row.tenant, row.job_id)
    with pytest.raises(RowConflict):
        await subject.store.move_active(moved)


async def test_removing_an_active_row_twice_is_no_error(subject: Subject) -> None:
    await subject.store.put_active(active(subject))
    for _ in range(2):
        await subject.store.remove_active(subject.job.tenant, subject.job.job_id)
    assert await subject.store.due_active(FAR, limit=9) == []


async def test_rows_of_an_instance_are_found_by_its_whole_name(subject: Subject) -> None:
    owners = {"a": "one/1/1", "b": "one/2/2", "c": "one2/1/1", "d": "on/1/1", "e": "", "f": "one"}
    for job_id, owner in owners.items():
        await subject.store.put_active(active(subject, job_id=job_id, owner=owner))
    assert {row.job_id for row in await subject.store.active_owned_by("one")} == {"a", "b"}


async def test_an_audit_row_is_written_once_per_key(subject: Subject) -> None:
    key = f"odd ' / \\ # ? % key \t {uuid.uuid4()}" + "x" * 2000
    values: dict[str, Any] = {"action": "refuse", "reason": "weil's ungültig ist", "bytes": 7}
    assert await subject.store.audit("message:content-jobs", key, values)
    assert not await subject.store.audit("message:content-jobs", key, values)
    assert await subject.store.audit("message:content-jobs-low", key, values)


async def test_an_audit_row_is_read_back_by_its_key(subject: Subject) -> None:
    key = f"odd ' / \\ # ? % key {uuid.uuid4()}"
    values: dict[str, Any] = {"action": "refuse", "reason": "weil's ungültig ist", "bytes": 7}
    assert await subject.store.read_audit("message:content-jobs", key) is None
    await subject.store.audit("message:content-jobs", key, values)
    found = await subject.store.read_audit("message:content-jobs", key)
    assert found is not None
    assert values == {name: found[name] for name in values}
    assert await subject.store.read_audit("message:content-jobs-low", key) is None


async def test_preparing_twice_is_cheap_and_harmless(subject: Subject) -> None:
    await asyncio.gather(subject.store.prepare(), subject.store.prepare())
    await subject.inserted()
    await subject.store.prepare()
    assert await subject.store.read_job(subject.job.job_id) is not None, "what is there stays"
