"""A circuit breaker for one dependency: after too many failures calls are refused at once, then one call probes.

For one event loop: nothing here awaits, so no lock is needed. State is the process's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from orchestration.circuits import CircuitState


class BreakerState(StrEnum):
    """``half_open``: the pause is over, one call at a time may try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Opens when of at least ``fewest`` calls of the last ``window`` seconds a ``share`` failed, for ``pause`` seconds."""

    window: float = 60.0
    fewest: int = 5
    share: float = 0.5
    pause: float = 30.0


class BreakerOpen(Exception):
    """The call was not made; it may be after ``retry_after`` seconds."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"the breaker of {name} is open")
        self.retry_after = retry_after


@dataclass(slots=True)
class Outcome:
    """What came of one guarded call. Left as None, it says nothing about the dependency (a cancelled call)."""

    worked: bool | None = None


class Breaker:
    """Guards the calls to one dependency; ``monotonic`` gives seconds that never go back."""

    def __init__(
        self, name: str, monotonic: Callable[[], float], *, policy: BreakerPolicy | None = None
    ) -> None:
        self._name = name
        self._monotonic = monotonic
        self._policy = policy or BreakerPolicy()
        self._calls: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._opened_at: float | None = None
        self._probing = False
        self._period = 0

    @property
    def state(self) -> BreakerState:
        """Where it stands now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        over = self._monotonic() - self._opened_at >= self._policy.pause
        return BreakerState.HALF_OPEN if over else BreakerState.OPEN

    def circuit(self) -> CircuitState:
        """The same, as it is shown."""
        return self.state.value

    @contextmanager
    def call(self) -> Iterator[Outcome]:
        """Guard one call; say in the outcome whether it worked. Raises :class:`BreakerOpen` instead of admitting it."""
        probe = self._admit()
        period, outcome = self._period, Outcome()
        try:
            yield outcome
        finally:
            if probe:
                self._probing = False
            # A call from before the last change of state tells nothing about the dependency of today.
            if outcome.worked is not None and period == self._period:
                self._record(worked=outcome.worked, probe=probe)

    def _admit(self) -> bool:
        """Whether the call is the probe."""
        state = self.state
        if state is BreakerState.CLOSED:
            return False
        if state is BreakerState.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        raise BreakerOpen(self._name, self._wait())

    def _wait(self) -> float:
        since = self._monotonic() - (self._opened_at or 0.0)
        return max(self._policy.pause - since, 1.0)

    def _record(self, *, worked: bool, probe: bool) -> None:
        if probe:
            self._change(opened_at=None if worked else self._monotonic())
            return
        now = self._monotonic()
        self._calls.append((now, worked))
        self._failed += not worked
        while self._calls and self._calls[0][0] < now - self._policy.window:
            self._failed -= not self._calls.popleft()[1]
        enough = len(self._calls) >= self._policy.fewest
        if enough and self._failed >= self._policy.share * len(self._calls):
            self._change(opened_at=now)

    def _change(self, *, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._calls.clear()
        self._failed = 0
        self._period += 1


PROMPT = BreakerPolicy(window=10.0, fewest=20, pause=1.0)
"""For a dependency that everything waits for: it is asked again every second, and a few failures mean nothing."""

SLOW_TO_FAIL = BreakerPolicy(window=60.0, fewest=3, pause=5.0)
"""For one whose failures take long: a caller gets the answer that it would get in the end, at once."""
