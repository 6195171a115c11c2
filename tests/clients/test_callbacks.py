"""Callbacks are believed only when they are signed, fresh and whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_architect_client import CallbackRefused, verify_callback
from orchestration.webhooks.signing import new_secret, signed_headers

SECRET, OTHER = new_secret(), new_secret()
BODY = json.dumps(
    {"type": "job.result_ready", "timestamp": "2026-11-22T12:00:00Z", "data": {"é": 1}}
).encode()
NOW = 1_795_000_000


def headers(*secrets: str, at: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return signed_headers("job.7", at, body, secrets_in_use=secrets)


def test_what_the_service_signed_is_believed() -> None:
    assert "job.result_ready" == verify_callback(SECRET, headers(SECRET), BODY, now=NOW)["type"]
    assert verify_callback(SECRET, headers(SECRET), BODY.decode(), now=NOW)
    shouted = {name.title(): value for name, value in headers(SECRET).items()}
    assert verify_callback(SECRET, shouted, BODY, now=NOW)


def test_while_a_secret_is_replaced_either_fits_on_both_sides() -> None:
    both = headers(SECRET, OTHER)
    assert verify_callback(SECRET, both, BODY, now=NOW)
    assert verify_callback(OTHER, both, BODY, now=NOW)
    assert verify_callback([OTHER, SECRET], headers(SECRET), BODY, now=NOW)


@pytest.mark.parametrize("late", [-301, 301, 10**9])
def test_a_callback_is_good_for_five_minutes(late: int) -> None:
    with pytest.raises(CallbackRefused, match="too old"):
        verify_callback(SECRET, headers(SECRET), BODY, now=NOW + late)
    assert verify_callback(SECRET, headers(SECRET), BODY, now=NOW + 299)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    given_headers = {k: v for k, v in headers(SECRET).items() if k != name}
    with pytest.raises(CallbackRefused, match=name):
        verify_callback(SECRET, given_headers, BODY, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "job.8"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": "١٧٩٥"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2," + "A" * 44},
        {"webhook-signature": "ü"},
    ],
)
def test_a_changed_header_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused):
        verify_callback(SECRET, {**headers(SECRET), **changes}, BODY, now=NOW)


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_is_noticed(at: int, bit: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1 << bit
    with pytest.raises(CallbackRefused, match="no signature fits"):
        verify_callback(SECRET, headers(SECRET), bytes(changed), now=NOW)


def test_another_secret_does_not_fit_and_one_that_is_none_says_so() -> None:
    with pytest.raises(CallbackRefused, match="no signature fits"):
        verify_callback(OTHER, headers(SECRET), BODY, now=NOW)
    with pytest.raises(ValueError, match="whsec_"):
        verify_callback("whsec_no base64!", headers(SECRET), BODY, now=NOW)
