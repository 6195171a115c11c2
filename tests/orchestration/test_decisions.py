"""What a delivery does is decided from the row alone; how long to wait is decided from data alone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.decisions import MAX_CLAIMS_WITHOUT_PROGRESS, Verdict, Wake, decide
from orchestration.jobs import JobStatus, stamp
from orchestration.retry import ATTEMPT_RETRY, RetryPolicy
from tests.orchestration.support import START, new_job, stored

AHEAD, PAST = stamp(START + timedelta(seconds=60)), stamp(START - timedelta(seconds=60))
RUNNING = {"status": JobStatus.PROCESSING, "lease_owner": "one/1/1"}
FAILED = {"status": JobStatus.FAILED, "latched_message": "m-1"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.CLAIM),
        ({"next_attempt_at": PAST}, Verdict.CLAIM),
        ({"next_attempt_at": AHEAD}, Verdict.EARLY),
        ({"next_attempt_at": AHEAD, "cancel_requested_at": PAST}, Verdict.CANCEL),
        ({"cancel_requested_at": PAST}, Verdict.CANCEL),
        ({"claims_without_progress": MAX_CLAIMS_WITHOUT_PROGRESS}, Verdict.LOST_WORKERS),
        ({"claims_without_progress": MAX_CLAIMS_WITHOUT_PROGRESS - 1}, Verdict.CLAIM),
        ({**RUNNING}, Verdict.OWNED),
        ({**RUNNING, "cancel_requested_at": PAST}, Verdict.OWNED),
        ({**RUNNING, "lease_owner": None}, Verdict.CLAIM),
        ({**FAILED}, Verdict.LATCHED),
        ({**FAILED, "latched_message": "another"}, Verdict.ENDED),
        ({"status": JobStatus.FAILED}, Verdict.ENDED),
        ({"status": JobStatus.COMPLETED}, Verdict.ENDED),
        ({"status": JobStatus.CANCELLED, "next_attempt_at": AHEAD}, Verdict.ENDED),
    ],
)
def test_each_row_has_its_verdict(changes: dict[str, object], verdict: Verdict) -> None:
    wake = Wake(message_id="m-1", delivery_count=1, max_delivery_count=5)
    assert decide(stored(new_job(**changes)), wake, START) is verdict


def test_an_expired_lease_is_free() -> None:
    wake = Wake(message_id="m-1", delivery_count=1, max_delivery_count=5)
    row = stored(new_job(**RUNNING), read_at=START + timedelta(seconds=31))
    assert decide(row, wake, START) is Verdict.CLAIM


@pytest.mark.parametrize(
    ("count", "verdict"), [(3, Verdict.CLAIM), (4, Verdict.REFRESH), (5, Verdict.REFRESH)]
)
def test_a_message_that_is_nearly_used_up_is_replaced_before_it_is_dead_lettered(
    count: int, verdict: Verdict
) -> None:
    wake = Wake(message_id="m-1", delivery_count=count, max_delivery_count=5)
    assert decide(stored(new_job()), wake, START) is verdict


POLICIES = st.builds(
    RetryPolicy,
    max_tries=st.integers(1, 20),
    base=st.floats(0.01, 10),
    factor=st.floats(1, 4),
    cap=st.floats(0.01, 600),
    floor=st.floats(0, 5),
)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(POLICIES, st.integers(1, 25), CHANCES, st.none() | st.floats(0, 1e6))
def test_a_delay_stays_within_floor_and_cap(
    policy: RetryPolicy, failed: int, chance: float, hint: float | None
) -> None:
    delay = policy.delay(failed, chance=chance, hint=hint)
    if failed >= policy.max_tries:
        assert delay is None
    else:
        assert delay is not None
        assert policy.floor <= delay <= max(policy.cap, policy.floor)


def test_a_hint_is_honoured_but_cannot_park_a_job_for_a_day() -> None:
    policy = RetryPolicy(cap=30.0)
    assert policy.delay(1, chance=0.0, hint=12.0) == 12.0
    assert policy.delay(1, chance=0.0, hint=86_400.0) == 30.0


@given(CHANCES)
def test_back_off_grows_and_never_waits_for_nothing_between_attempts(chance: float) -> None:
    delays = [ATTEMPT_RETRY.delay(n, chance=chance) or 0.0 for n in range(1, 12)]
    assert delays == sorted(delays)
    assert delays[0] >= 1.0


def test_a_policy_survives_a_workflow_snapshot() -> None:
    from dataclasses import asdict

    assert RetryPolicy.from_snapshot(asdict(ATTEMPT_RETRY)) == ATTEMPT_RETRY
