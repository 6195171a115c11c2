"""When a call is made again, and after how long. Pure: time and chance are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random
from typing import Any

REPEATED = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; header names in lower case. Status 0: nobody answered, ``text`` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def problem(self) -> Mapping[str, Any]:
        """Its problem document, or one made of what came instead (a proxy's page, for instance)."""
        try:
            value = json.loads(self.text)
        except ValueError:
            value = None
        if isinstance(value, dict) and "code" in value:
            return value
        return {"code": "unknown", "status": self.status, "detail": self.text.strip()[:300], "errors": []}

    def retry_after(self, now: datetime | None = None) -> float | None:
        """Seconds of ``Retry-After`` (a number or a date); None where there is none that can be read."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        return max(
            0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon. Seconds.

    ``retries`` is how often a call is repeated, ``base`` the first back-off (doubled each time, with full jitter, up
    to ``longest``), ``longest_hint`` what is waited for at most when the service names a time.
    """

    retries: int = 4
    base: float = 0.5
    longest: float = 8.0
    longest_hint: float = 60.0
    chance: Callable[[], float] = random

    def delay(self, answer: Answer, made: int, *, repeatable: bool) -> float | None:
        """Seconds until the next try after ``made`` tries; None: take this answer.

        A call that must not happen twice is repeated only where it was refused before anything was done (429).
        """
        if made > self.retries or answer.status not in (REPEATED | {0} if repeatable else {429}):
            return None
        hint = answer.retry_after()
        return self.backoff(made) if hint is None else min(hint, self.longest_hint)

    def backoff(self, made: int) -> float:
        """Full jitter, so that many callers do not come back at once."""
        return self.chance() * float(min(self.longest, self.base * 2 ** (made - 1)))

    def pause(self, answer: Answer, default: float) -> float:
        """How long the service wants to be left alone, within reason."""
        hint = answer.retry_after()
        return min(default if hint is None else hint, self.longest_hint)
