"""Finds out whether somebody configured telemetry for this process, and uses it.

The app itself configures nothing: the worker's call and a second one would export everything twice.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import metrics, trace

from orchestration.telemetry.logs import share_handlers
from orchestration.telemetry.lost import can_choose
from orchestration.telemetry.metrics import close_instruments, open_instruments
from orchestration.telemetry.switch import SWITCH

SCOPE = "content-architect"


def start(*, include_content: bool = False) -> bool:
    """Use the global providers if they are real ones; returns whether telemetry is on. Cheap when repeated."""
    provider = trace.get_tracer_provider()
    if SWITCH.tracer is not None or isinstance(provider, trace.ProxyTracerProvider):
        return SWITCH.tracer is not None
    use(provider, metrics.get_meter_provider())
    share_handlers(content=include_content)
    return True


def use(tracers: Any, meters: Any) -> None:
    """Make spans and metrics with these providers."""
    can_choose(tracers)
    SWITCH.tracer = tracers.get_tracer(SCOPE)
    open_instruments(meters.get_meter(SCOPE))


def stop() -> None:
    """Make nothing any more; what was made is the providers' to export."""
    SWITCH.tracer = None
    close_instruments()
