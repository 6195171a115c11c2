"""Jobs as values: every move is in the table, every job survives its table row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.jobs import (
    MAX_WARNINGS,
    TRANSITIONS,
    Job,
    JobError,
    JobInput,
    JobStatus,
    Priority,
    StepRecord,
    StepStatus,
    limited_warnings,
    moment,
    stamp,
)
from tests.orchestration.support import START, new_job, stored

TEXT = st.text(max_size=30)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC)).map(stamp)
COUNTS = st.integers(0, 2**31 - 1)
FLOATS = st.floats(0, 1e9)
STEPS = st.builds(
    StepRecord,
    name=TEXT,
    layer=TEXT,
    service=TEXT,
    status=st.sampled_from(StepStatus),
    started_at=TIMES,
    ended_at=TIMES,
    attempt=COUNTS,
    duration_ms=COUNTS,
    rows=COUNTS,
)
JOBS = st.builds(
    Job,
    job_id=TEXT,
    tenant=TEXT,
    type=TEXT,
    topic=TEXT,
    status=st.sampled_from(JobStatus),
    priority=st.sampled_from(Priority),
    queue=TEXT,
    workflow_type=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    fingerprint=TEXT,
    max_attempts=COUNTS,
    timeout_seconds=FLOATS,
    expires_at=TEXT,
    estimated_seconds=FLOATS,
    run=COUNTS,
    dispatch=COUNTS,
    sequence=COUNTS,
    lease_owner=st.none() | TEXT,
    lease_seconds=FLOATS,
    next_attempt_at=TIMES,
    cancel_requested_at=TIMES,
    dead_lettered=st.booleans(),
    user_id=st.none() | TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    error=st.none()
    | st.builds(JobError, code=TEXT, message=TEXT, step=st.none() | TEXT, retryable=st.booleans()),
    steps=st.lists(STEPS, max_size=3).map(tuple),
    warnings=st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=3).map(tuple),
    cost=FLOATS,
)


@given(st.lists(st.sampled_from(JobStatus), max_size=8))
def test_a_job_moves_along_the_table_and_nowhere_else(wanted: list[JobStatus]) -> None:
    job = new_job()
    for status in wanted:
        if status in TRANSITIONS[job.status]:
            job = job.move(status, START)
            assert job.status is status
        else:
            with pytest.raises(ValueError, match=f"a {job.status} job cannot become {status}"):
                job.move(status, START)


def test_no_delivery_can_move_a_completed_job_and_only_its_owner_revives_a_failed_one() -> None:
    assert TRANSITIONS[JobStatus.COMPLETED] == frozenset()
    assert {s for s in JobStatus if s.terminal} == {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
    }
    assert TRANSITIONS[JobStatus.FAILED] == TRANSITIONS[JobStatus.CANCELLED] == {JobStatus.QUEUED}


@given(JOBS)
def test_a_job_survives_its_row(job: Job) -> None:
    assert Job.from_row(job.to_row()) == job


@given(JOBS)
def test_a_row_holds_only_what_a_table_can_hold(job: Job) -> None:
    row = job.to_row()
    assert all(isinstance(value, (str, int, bool, float)) for value in row.values())
    assert not {"PartitionKey", "RowKey", "Timestamp"} & set(row)


def test_a_row_with_columns_of_a_newer_version_still_reads() -> None:
    job = new_job()
    assert Job.from_row({**job.to_row(), "somethingNew": 1, "PartitionKey": "p", "RowKey": "job"}) == job


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_stamp_is_utc_with_milliseconds_and_reads_back(value: datetime) -> None:
    text = stamp(value)
    assert text.endswith("Z")
    assert abs(moment(text) - value) < timedelta(milliseconds=1)


def test_stamps_of_the_same_moment_agree_in_any_zone() -> None:
    assert stamp(START) == stamp(START.astimezone(timezone(timedelta(hours=5)))) == "2026-11-22T12:00:00.000Z"


@pytest.mark.parametrize(
    ("statuses", "status", "percentage"),
    [
        ("pp", JobStatus.QUEUED, 0),
        ("cp", JobStatus.PROCESSING, 50),
        ("sc", JobStatus.PROCESSING, 99),
        ("cc", JobStatus.COMPLETED, 100),
        ("", JobStatus.PROCESSING, 0),
    ],
)
def test_only_a_completed_job_shows_a_hundred_percent(
    statuses: str, status: JobStatus, percentage: int
) -> None:
    kinds = {"p": StepStatus.PENDING, "c": StepStatus.COMPLETED, "s": StepStatus.SKIPPED}
    steps = tuple(
        StepRecord(name=str(n), layer="top", service="x", status=kinds[s]) for n, s in enumerate(statuses)
    )
    assert new_job(status=status, steps=steps).percentage == percentage


def test_a_step_is_found_by_name_or_not_at_all() -> None:
    job = new_job()
    assert job.step("second").service == "two"
    assert job.with_step(replace(job.step("first"), attempt=7)).step("first").attempt == 7
    with pytest.raises(KeyError):
        job.step("third")


def test_priorities_map_to_three_queues() -> None:
    queues = [p.queue for p in (Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW)]
    assert queues == ["content-jobs-high", "content-jobs-high", "content-jobs", "content-jobs-low"]


def test_a_lease_ends_by_the_clock_of_the_storage_service() -> None:
    job = new_job(status=JobStatus.PROCESSING, lease_owner="one/1/1", lease_seconds=30.0)
    assert stored(job, read_at=START + timedelta(seconds=29)).leased
    assert not stored(job, read_at=START + timedelta(seconds=30)).leased
    assert not stored(replace(job, lease_owner=None)).leased


def test_warnings_of_a_talkative_step_fit_the_row() -> None:
    """A string property holds 32 Ki characters; a row beyond that could never be written."""
    many = [{"severity": "warning", "code": "c", "where": "w" * 5000, "fix": "é" * 5000}] * 500
    kept = limited_warnings(many)
    assert len(kept) == MAX_WARNINGS
    assert len(str(new_job(warnings=kept).to_row()["warnings"])) < 32 * 1024


def test_the_input_of_a_job_survives_its_bytes() -> None:
    value = JobInput(brief={"topic": "ü"}, workflow={"id": "standard"}, request={"n": 1})
    assert JobInput.from_bytes(value.to_bytes()) == value
