"""Whether telemetry is on. It is off until :func:`orchestration.telemetry.setup.start` finds a real provider."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry.trace import Tracer

Logged = Mapping[str, str | int]


@dataclass(slots=True)
class Switch:
    """``tracer`` makes spans; None while telemetry is off."""

    tracer: Tracer | None = None


SWITCH = Switch()


def recording() -> bool:
    """Whether telemetry is on."""
    return SWITCH.tracer is not None


LOGGED: ContextVar[Logged] = ContextVar("logged", default={})  # noqa: B039 - never changed, only replaced
"""What every log record of the running context carries: the job, its tenant's hash, the attempt, the step."""
