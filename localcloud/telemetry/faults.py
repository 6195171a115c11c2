"""How the endpoint misbehaves when it is told to: what jobs must not notice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """``down`` cuts the connection, ``refusing`` answers 403, ``partial`` accepts every other item (206)."""

    NONE = "none"
    DOWN = "down"
    SLOW = "slow"
    REFUSING = "refusing"
    THROTTLED = "throttled"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The fault that is on, and for ``slow`` how many seconds an answer takes."""

    fault: Fault = Fault.NONE
    seconds: float = 0.0


def parse_behaviour(value: object) -> Behaviour:
    """Read ``{"fault": "slow", "seconds": 5}``. Raises ValueError that says what would be right."""
    if not isinstance(value, dict) or not set(value) <= {"fault", "seconds"}:
        raise ValueError("should be an object with fault, and seconds for slow")
    known = ", ".join(Fault)
    if value.get("fault") not in list(Fault):
        raise ValueError(f"fault should be one of: {known}")
    seconds = value.get("seconds", 0)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= 120:
        raise ValueError("seconds should be a number from 0 to 120")
    return Behaviour(fault=Fault(value["fault"]), seconds=float(seconds))
