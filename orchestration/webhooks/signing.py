"""Signed callbacks as the Standard Webhooks specification words them: headers, secrets, retry schedule. Pure.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md (symmetric signatures, v1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - the specification's prefix, not a secret
SECRET_BYTES = 32
SCHEDULE = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds to wait before each try, the first one included; some 76 hours in all."""

JITTER = 0.1
"""A delay is lengthened by up to this share of itself, so that callbacks which failed together spread."""

MAX_HINT = SCHEDULE[-1]
"""A Retry-After counts up to this many seconds."""


def new_secret() -> str:
    """A fresh secret in its printed form: ``whsec_`` and the base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def secret_key(secret: str) -> bytes:
    """The key bytes of a printed secret. Raises ValueError for what is none."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is base64 after whsec_") from error


def sign(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """One signature: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def signed_headers(
    webhook_id: str, timestamp: int, body: bytes, *, secrets_in_use: Sequence[str]
) -> dict[str, str]:
    """The three headers of a call. ``timestamp`` is of this try, in Unix seconds.

    Every secret in use signs: while one is being replaced a receiver may hold either.
    """
    signatures = [sign(secret, webhook_id, timestamp, body) for secret in secrets_in_use]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def next_delay(failures: int, *, chance: float, hint: float | None = None) -> float | None:
    """Seconds until the next try after ``failures`` failed ones, or None when the schedule is used up.

    ``chance`` is uniform in [0, 1). ``hint`` is a Retry-After in seconds: it can lengthen a delay, never shorten
    one, and no further than a day.
    """
    if failures >= len(SCHEDULE):
        return None
    planned = SCHEDULE[failures] * (1 + JITTER * chance)
    return planned if hint is None else max(planned, min(hint, MAX_HINT))
