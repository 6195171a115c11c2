"""Retry as data: a pure decision from attempt, error and randomness; never a sleep, never a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with full jitter between ``floor`` and the cap, in seconds.

    ``max_tries`` counts all tries, the first one included.
    """

    max_tries: int = 3
    base: float = 0.5
    factor: float = 2.0
    cap: float = 30.0
    floor: float = 0.0

    def delay(self, failed_tries: int, *, chance: float, hint: float | None = None) -> float | None:
        """Seconds to wait after the ``failed_tries``-th failure, or None when no try is left.

        ``chance`` is uniform in [0, 1). ``hint`` is a Retry-After in seconds: honoured, but never beyond the
        cap, since a server must not be able to park a job for a day.
        """
        if failed_tries >= self.max_tries:
            return None
        ceiling = min(self.cap, self.base * self.factor ** (failed_tries - 1))
        drawn = self.floor + (max(ceiling, self.floor) - self.floor) * chance
        return drawn if hint is None else max(drawn, min(hint, self.cap))

    @classmethod
    def from_snapshot(cls, value: dict[str, Any]) -> RetryPolicy:
        """Rebuild from a workflow snapshot."""
        return cls(**value)


STEP_RETRY = RetryPolicy(max_tries=3, base=0.5, cap=20.0)
"""Within one attempt, for a step whose error is retryable."""

ATTEMPT_RETRY = RetryPolicy(max_tries=1_000, base=5.0, factor=3.0, cap=600.0, floor=1.0)
"""Between attempts of a job; how many there are is the job's own ``max_attempts``."""

STORAGE_RETRY = RetryPolicy(max_tries=6, base=0.1, cap=4.0)
"""For one storage write inside a claim; the sum stays below the lease of 30 s."""

SUBMIT_RETRY = RetryPolicy(max_tries=3, base=0.1, cap=0.5)
"""While a caller waits for 202: short, since the caller can repeat with the same Idempotency-Key."""

CALL_RETRY = RetryPolicy(max_tries=3, base=0.1, cap=0.5)
"""For one storage call that may be repeated without a look, as the official client does for its own."""

PUBLISH_RETRY = RetryPolicy(max_tries=2, base=0.1, cap=0.1)
"""For one message to watchers: whoever misses it reads the event log."""
