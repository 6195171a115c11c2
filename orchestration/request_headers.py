"""Request headers that steer an operation: what makes a repeat the same operation, and how long to wait. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from orchestration.errors import RequestRefused

REPEATABILITY = ("repeatability-request-id", "repeatability-first-sent")
"""OASIS Repeatable Requests 1.0: an id, and when the request was sent the first time."""

_NAMES = {
    "idempotency-key": "Idempotency-Key",
    "repeatability-request-id": "Repeatability-Request-ID",
    "operation-id": "Operation-Id",
}
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})(?=$|[,;\s])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationKey:
    """What the caller named the operation. ``key`` is None where nothing makes a repeat the same operation."""

    key: str | None = None
    operation_id: str | None = None
    repeatable: bool = False

    def answer_headers(self, job_id: str, *, replayed: bool) -> dict[str, str]:
        """The headers that say what became of it (Azure REST guidelines: ``Operation-Id``)."""
        headers = {"Operation-Id": self.operation_id or job_id}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        if self.repeatable:
            headers["Repeatability-Result"] = "accepted"
        return headers


def read_operation_key(headers: Mapping[str, str], *, now: datetime, kept: timedelta) -> OperationKey:
    """The key of ``Idempotency-Key`` or of one of its aliases in Azure's guidelines; they may not differ.

    ``kept`` is how long a key is remembered. Raises :class:`RequestRefused`: 400 for a malformed or doubtful key,
    412 for a request that was first sent before what is remembered.
    """
    given = {name: headers[name] for name in _NAMES if name in headers}
    for name, value in given.items():
        if not _KEY.fullmatch(value):
            raise RequestRefused(
                f"{_NAMES[name]} takes 1 to 255 visible ASCII characters",
                code="bad_idempotency_key",
                status=400,
            )
    if len(set(given.values())) > 1:
        names = " and ".join(_NAMES[name] for name in given)
        raise RequestRefused(f"{names} differ; send one of them", code="bad_idempotency_key", status=400)
    repeatable = _check_first_sent(headers, now, kept)
    return OperationKey(
        key=next(iter(given.values()), None), operation_id=given.get("operation-id"), repeatable=repeatable
    )


def _check_first_sent(headers: Mapping[str, str], now: datetime, kept: timedelta) -> bool:
    """Whether the request is a repeatable one: both headers, and sent within what is remembered."""
    given = [name for name in REPEATABILITY if name in headers]
    if not given:
        return False
    if len(given) == 1:
        raise RequestRefused(
            "Repeatability-Request-ID and Repeatability-First-Sent go together",
            code="bad_repeatability",
            status=400,
        )
    try:
        sent = parsedate_to_datetime(headers["repeatability-first-sent"])
    except ValueError as error:
        raise RequestRefused(
            "Repeatability-First-Sent should be a date such as Sun, 22 Nov 2026 12:00:00 GMT",
            code="bad_repeatability",
            status=400,
        ) from error
    if sent.replace(tzinfo=sent.tzinfo or UTC) < now - kept:
        raise RequestRefused(
            f"the request was first sent before what is remembered ({kept.days} days)",
            code="repeatability_expired",
            status=412,
            headers={"Repeatability-Result": "rejected"},
        )
    return True


def preferred_wait(headers: Mapping[str, str]) -> str | None:
    """The seconds of ``Prefer: wait=N`` (RFC 7240); None where nothing is preferred."""
    found = _WAIT.search(headers.get("prefer", ""))
    return found.group(1) if found else None
