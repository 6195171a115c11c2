"""Signatures that any Standard Webhooks receiver accepts, and the schedule of tries."""

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.webhooks.signing import SCHEDULE, new_secret, next_delay, secret_key, sign, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DAY = 86_400.0


def hmac_by_hand(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 from its definition (RFC 2104), so that one library is not checked against itself."""
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


def accepts(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac_by_hand(base64.b64decode(secret.removeprefix("whsec_")), signed)
    expected = "v1," + base64.b64encode(digest).decode()
    return expected in headers["webhook-signature"].split(" ")


@pytest.mark.parametrize(
    ("webhook_id", "timestamp", "body", "signature"),
    [
        (
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "018f3c5e-0000-7000-8000-000000000001.4",
            1795348800,
            '{"topic":"Größe"}'.encode(),
            "v1,KSdjNoBX9c7S17OzabmGsXPpgFflz7rnEXs+fNyDru0=",
        ),
        ("a.1", 0, b"", "v1,PKTQCkMNsFEyi63GazaUrf6QrM0m+DykJTb/56Sa8e0="),
    ],
)
def test_known_messages_have_known_signatures(
    webhook_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    assert sign(SECRET, webhook_id, timestamp, body) == signature


@given(st.binary(max_size=200), st.integers(0, 2**33), st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True))
def test_an_independent_receiver_accepts_what_is_signed_and_nothing_that_was_changed(
    body: bytes, timestamp: int, webhook_id: str
) -> None:
    secret = new_secret()
    headers = signed_headers(webhook_id, timestamp, body, secrets_in_use=[secret])
    assert accepts(secret, headers, body)
    assert not accepts(secret, headers, body + b" ")
    assert not accepts(secret, {**headers, "webhook-timestamp": str(timestamp + 1)}, body)
    assert not accepts(new_secret(), headers, body)


def test_while_a_secret_is_replaced_holders_of_either_accept() -> None:
    new, old = new_secret(), new_secret()
    headers = signed_headers("id.1", 1, b"{}", secrets_in_use=[new, old])
    assert accepts(new, headers, b"{}")
    assert accepts(old, headers, b"{}")


def test_secrets_are_32_random_bytes_in_the_printed_form_of_the_specification() -> None:
    secret = new_secret()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert len(secret_key(secret)) == 32
    assert secret != new_secret()


@pytest.mark.parametrize("text", ["", "c2VjcmV0", "whsec_no base64!", "WHSEC_c2VjcmV0"])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        secret_key(text)


def test_the_schedule_is_the_documented_one_and_ends() -> None:
    minute, hour = 60.0, 3600.0
    expected = [5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    assert [next_delay(failures, chance=0.0) for failures in range(1, 10)] == expected
    assert next_delay(10, chance=0.0) is None
    assert SCHEDULE[0] == 0


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 10 * DAY))
def test_jitter_and_hints_lengthen_a_delay_and_never_shorten_it(
    failures: int, chance: float, hint: float | None
) -> None:
    delay = next_delay(failures, chance=chance, hint=hint)
    assert delay is not None
    planned = SCHEDULE[failures]
    assert max(planned, min(hint or 0.0, DAY)) <= delay <= max(planned * 1.1, min(hint or 0.0, DAY))
