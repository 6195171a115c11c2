"""Which request meets which fault: pure and seeded, so that the same seed decides the same way."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can happen to a request."""

    NONE = "none"
    CONFLICT = "conflict"
    """Answered 412 without being forwarded; only a request with a condition can meet it."""
    THROTTLED = "throttled"
    """Answered 429 without being forwarded."""
    SERVER_ERROR = "server_error"
    """Answered 500 without being forwarded."""
    UNAVAILABLE = "unavailable"
    """Answered 503 without being forwarded."""
    LOST_REQUEST = "lost_request"
    """The connection is cut before the request was forwarded."""
    LOST_ANSWER = "lost_answer"
    """The connection is cut after the request was carried out."""
    DELAY = "delay"
    """Forwarded after a pause."""


STATUSES: Mapping[Fault, int] = {
    Fault.CONFLICT: 412,
    Fault.THROTTLED: 429,
    Fault.SERVER_ERROR: 500,
    Fault.UNAVAILABLE: 503,
}
"""The faults that are answers, with their status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often each fault happens, as a share of requests (0..1, in sum at most 1). ``longest_delay`` in seconds.

    Raises ValueError for shares that make no sense.
    """

    shares: Mapping[Fault, float] = field(default_factory=dict)
    longest_delay: float = 0.5

    def __post_init__(self) -> None:
        """Check the shares."""
        if any(share < 0 for share in self.shares.values()) or sum(self.shares.values()) > 1:
            raise ValueError(f"shares must be at least 0 and at most 1 in sum: {dict(self.shares)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to one request; ``delay`` in seconds goes with :attr:`Fault.DELAY`."""

    fault: Fault
    delay: float = 0.0


def decide(rates: FaultRates, *, roll: float, chance: float, conditional: bool) -> Decision:
    """The decision for two uniform draws from [0, 1): ``roll`` chooses the fault, ``chance`` its size."""
    edge = 0.0
    for fault, share in rates.shares.items():
        edge += share
        if roll < edge:
            if fault is Fault.CONFLICT and not conditional:
                return Decision(fault=Fault.NONE)
            return Decision(fault=fault, delay=chance * rates.longest_delay if fault is Fault.DELAY else 0.0)
    return Decision(fault=Fault.NONE)


class FaultDice:
    """Draws one decision after the other. Two draws a request, always: the n-th depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def next(self, rates: FaultRates, *, conditional: bool) -> Decision:
        """The decision for the next request."""
        roll, chance = self._random.random(), self._random.random()
        return decide(rates, roll=roll, chance=chance, conditional=conditional)
