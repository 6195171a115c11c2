"""Telemetry as the Python worker sets it up: one call before the app is loaded, and the trace of each invocation.

As in the worker, nothing happens without ``PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY``, and no span is started for an
invocation: the app makes its own. Unlike in Azure no live metrics are sent, what could not be sent is kept in the
data folder instead of a folder of the whole machine, and the instance is named as in leases.
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.host.context import TraceContext
from localcloud.host.settings import AppSettings

_LOG = logging.getLogger("host.telemetry")

ENABLED = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
LOGGER_NAME = "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME"
FLUSH_SECONDS = 3.0


@dataclass(slots=True)
class _Configured:
    """What this process uses; providers can be set once in a process."""

    propagator: Any = None


_configured = _Configured()


def configure_telemetry(settings: AppSettings, folder: Path) -> bool:
    """Configure Azure Monitor once, if the settings want it; returns whether it is configured.

    A connection string that cannot be used is reported and leaves telemetry off, as in the worker.
    """
    if not settings.is_true(ENABLED):
        return _configured.propagator is not None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if _configured.propagator is None and _configure(settings, folder):
        _configured.propagator = TraceContextTextMapPropagator()
    return _configured.propagator is not None


def _configure(settings: AppSettings, folder: Path) -> bool:
    from azure.monitor.opentelemetry import configure_azure_monitor
    from opentelemetry.sdk.resources import Resource

    try:
        configure_azure_monitor(
            connection_string=settings.get(CONNECTION),
            logger_name=settings.get(LOGGER_NAME) or "",
            enable_live_metrics=False,
            resource=Resource({"service.instance.id": settings.get("WEBSITE_INSTANCE_ID") or "local"}),
            storage_directory=str(folder),
        )
    except ValueError as error:
        _LOG.error("Error initializing Azure monitor distro: %s", error)
        return False
    return True


def attach_trace(trace: TraceContext) -> None:
    """Make the invocation's trace the current one of its task."""
    if _configured.propagator is None:
        return
    from opentelemetry import context

    carrier = {"traceparent": trace.trace_parent, "tracestate": trace.trace_state}
    context.attach(_configured.propagator.extract(carrier))


def flush_telemetry(seconds: float = FLUSH_SECONDS) -> bool:
    """Send what waits, for at most that long; False when it was given up. Azure gives a worker no such chance."""
    if _configured.propagator is None:
        return True
    from opentelemetry import _logs, metrics, trace

    providers = (trace.get_tracer_provider(), _logs.get_logger_provider(), metrics.get_meter_provider())
    thread = threading.Thread(target=_shut_down, args=(providers,), name="flush telemetry", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _LOG.warning("Telemetry could not be sent within %g s and is left.", seconds)
    return not thread.is_alive()


def _shut_down(providers: tuple[Any, ...]) -> None:
    for provider in providers:
        provider.shutdown()
