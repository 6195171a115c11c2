"""Checking callbacks, which are signed as Standard Webhooks words it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from typing import cast

from content_architect_client.errors import CallbackRefused
from content_architect_client.models import Callback

TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"


def verify_callback(
    secrets: str | Iterable[str], headers: Mapping[str, str], body: bytes | str, *, now: float | None = None
) -> Callback:
    """The callback, if one of the secrets signed it within the last five minutes.

    ``secrets`` are one or several ``whsec_...``: while a secret is being replaced, give both. ``body`` must be the
    bytes as they arrived. ``now`` is in Unix seconds. Raises :class:`CallbackRefused`; after that answer 4xx, and
    use nothing of the body. Drop a ``webhook-id`` that you have seen: a callback may come twice.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        identifier, sent = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split()
    except KeyError as missing:
        raise CallbackRefused(f"the header {missing.args[0]} is missing") from None
    _check_time(sent, time.time() if now is None else now)
    data = body if isinstance(body, bytes) else body.encode()
    signed = b".".join((identifier.encode(), sent.encode(), data))
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    expected = [_signature(secret, signed) for secret in known]
    # Every pair is compared, so that the time taken does not tell which one was nearly right.
    fits = [hmac.compare_digest(mine, theirs.encode()) for mine in expected for theirs in signatures]
    if not any(fits):
        raise CallbackRefused("no signature fits")
    return cast("Callback", json.loads(data))


def _check_time(sent: str, now: float) -> None:
    if not sent.isascii() or not sent.isdigit() or len(sent) > 12:
        raise CallbackRefused("webhook-timestamp is no time")
    if abs(now - int(sent)) > TOLERANCE_SECONDS:
        raise CallbackRefused("the callback is too old, or from the future")


def _signature(secret: str, signed: bytes) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret reads whsec_ and base64") from None
    return b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
