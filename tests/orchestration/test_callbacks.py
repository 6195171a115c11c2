"""Which events owe a callback, and how a callback row changes with every try."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.callbacks import (
    Callback,
    CallbackAnswer,
    CallbackStatus,
    attempt_row,
    deliveries,
    is_owed,
)
from orchestration.events import EventType, JobUpdate
from orchestration.jobs import Job, JobStatus, moment, stamp
from tests.orchestration.support import START, new_job

ACCEPTED = CallbackAnswer(status=204)
REFUSED = CallbackAnswer(status=500, error="status 500")


def update(kind: EventType = EventType.RESULT_READY, sequence: int = 4) -> JobUpdate:
    return JobUpdate(
        type=kind, job_id=new_job().job_id, sequence=sequence, timestamp=stamp(START), data={"ö": 1}
    )


def a_callback(**changes: Any) -> Callback:
    return replace(Callback.of(new_job(), update()), **changes)


def called_back(**changes: Any) -> Job:
    return new_job(callback_url="https://example.org/hook", **changes)


@pytest.mark.parametrize(
    ("status", "events", "kind", "owed"),
    [
        (JobStatus.COMPLETED, (), EventType.RESULT_READY, True),
        (JobStatus.COMPLETED, (), EventType.STEP_COMPLETED, False),
        (JobStatus.FAILED, (), EventType.ERROR, True),
        (JobStatus.CANCELLED, (), EventType.STATUS_CHANGE, True),
        (JobStatus.PROCESSING, (), EventType.STATUS_CHANGE, False),
        (JobStatus.PROCESSING, (), EventType.STEP_COMPLETED, False),
        (JobStatus.PROCESSING, ("status_change",), EventType.STATUS_CHANGE, True),
        (JobStatus.PROCESSING, ("error", "step_completed"), EventType.STEP_COMPLETED, True),
        (JobStatus.COMPLETED, ("error",), EventType.RESULT_READY, False),
    ],
)
def test_a_job_owes_its_last_event_or_those_that_were_asked_for(
    status: JobStatus, events: tuple[str, ...], kind: EventType, owed: bool
) -> None:
    assert is_owed(called_back(status=status, callback_events=events), update(kind)) is owed
    assert not is_owed(new_job(status=status, callback_events=events), update(kind))


def test_the_body_is_the_standard_payload_around_the_events_envelope() -> None:
    assert json.loads(a_callback().body) == {
        "type": "job.result_ready",
        "timestamp": stamp(START),
        "data": update().to_wire(),
    }


def test_rows_give_back_callbacks_and_tries() -> None:
    tried, first = a_callback().after(REFUSED, START, chance=0.5)
    done, second = tried.after(ACCEPTED, START, chance=0.5)
    other = a_callback(sequence=12)
    rows = [done.to_row(), attempt_row(4, first), attempt_row(4, second), other.to_row()]
    assert [row.key for row in rows] == sorted(row.key for row in rows)
    assert deliveries(rows) == [(done, [first, second]), (other, [])]


def test_only_2xx_delivers() -> None:
    for status in (200, 201, 204, 299):
        assert a_callback().after(CallbackAnswer(status=status), START, chance=0)[0].status is (
            CallbackStatus.DELIVERED
        )
    for answer in (CallbackAnswer(status=301), CallbackAnswer(status=404), CallbackAnswer(error="no answer")):
        assert a_callback().after(answer, START, chance=0)[0].status is CallbackStatus.PENDING


def test_gone_stops_at_once() -> None:
    stopped, _ = a_callback().after(CallbackAnswer(status=410), START, chance=0)
    assert (stopped.status, stopped.next_attempt_at) == (CallbackStatus.FAILED, None)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=10, max_size=10))
def test_ten_failures_use_up_the_schedule_and_every_try_has_its_own_message(chances: list[float]) -> None:
    callback, now, ids = a_callback(), START, []
    for chance in chances:
        assert callback.pending
        ids.append(callback.message(new_job()).message_id)
        callback, _ = callback.after(REFUSED, now, chance=chance)
        now = moment(callback.next_attempt_at) if callback.next_attempt_at else now
    assert callback.status is CallbackStatus.FAILED
    assert callback.attempts == len(set(ids)) == 10
    assert timedelta(hours=75) < now - START < timedelta(hours=84)
    assert ids[0] == f"{new_job().job_id}:callback:4"


def test_starting_again_gives_a_whole_schedule_and_keeps_the_count() -> None:
    given_up = a_callback(status=CallbackStatus.FAILED, attempts=10, failures=10, dispatch=9)
    again = given_up.again()
    assert (again.pending, again.attempts, again.failures, again.dispatch) == (True, 10, 0, 10)
    assert not again.waits(START)


def test_a_retried_or_deleted_job_owes_nothing_of_what_went_before() -> None:
    assert not a_callback().outdated(called_back())
    assert a_callback().outdated(called_back(retries=1))
    assert a_callback().outdated(called_back(deleted_at=stamp(START)))
