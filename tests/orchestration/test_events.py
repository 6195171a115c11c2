"""Events: one small envelope, durable ones numbered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.events import (
    MAX_EVENT_BYTES,
    EventType,
    JobUpdate,
    ended,
    progress_of,
    status_changed,
    step_completed,
)
from orchestration.jobs import JobError, JobStatus, StepStatus
from tests.orchestration.support import new_job

LONG = st.text(min_size=300, max_size=1000)


def update(event: object, sequence: int | None = 7) -> JobUpdate:
    return JobUpdate(
        type=event.type,  # type: ignore[attr-defined]
        job_id="018f3c5e-0000-7000-8000-000000000001",
        sequence=sequence,
        timestamp="2026-11-22T12:00:00.000Z",
        data=event.data,  # type: ignore[attr-defined]
    )


@given(LONG | st.just("\x00" * 2000) | st.just("\U0001f600" * 2000))
def test_no_message_makes_an_event_larger_than_two_kilobytes(text: str) -> None:
    error = JobError(code="step_failed", message=text, step="optimize_content", retryable=True)
    failed = new_job(status=JobStatus.FAILED, error=error)
    for event in (ended(failed, ""), status_changed(new_job(next_attempt_at="x" * 24), text)):
        assert len(update(event).to_json().encode()) <= MAX_EVENT_BYTES


@given(st.sampled_from(EventType), st.none() | st.integers(1, 10**8), st.dictionaries(st.text(), st.text()))
def test_an_update_survives_its_json(kind: EventType, sequence: int | None, data: dict[str, str]) -> None:
    value = JobUpdate(type=kind, job_id="j", sequence=sequence, timestamp="t", data=data)
    assert JobUpdate.from_json(value.to_json()) == value


def test_progress_inside_a_step_is_marked_ephemeral_and_has_no_sequence() -> None:
    wire = update(status_changed(new_job()), None).to_wire()
    assert wire["ephemeral"] is True
    assert "sequence" not in wire


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (JobStatus.COMPLETED, EventType.RESULT_READY),
        (JobStatus.FAILED, EventType.ERROR),
        (JobStatus.CANCELLED, EventType.STATUS_CHANGE),
    ],
)
def test_the_way_a_job_ends_decides_its_last_event(status: JobStatus, kind: EventType) -> None:
    job = new_job(status=status, error=JobError(code="c", message="m"))
    event = ended(job, "https://api/result")
    assert event.type is kind
    assert event.data["status"] == status.value
    assert event.data.get("result") == ("https://api/result" if status is JobStatus.COMPLETED else None)


def test_progress_names_the_first_waiting_step_of_a_running_job() -> None:
    job = new_job(status=JobStatus.PROCESSING)
    job = job.with_step(replace(job.step("first"), status=StepStatus.COMPLETED, duration_ms=12))
    assert progress_of(job) == {
        "currentStep": "second",
        "completedSteps": ["first"],
        "totalSteps": 2,
        "percentage": 50,
    }
    assert step_completed(job, job.step("first")).data["durationMs"] == 12
    assert progress_of(new_job())["currentStep"] is None
