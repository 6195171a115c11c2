"""The indexed form of an app: what the host knows about each function after loading it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """An ``httpTrigger`` binding."""

    route: str
    """Route template below the route prefix."""
    methods: frozenset[str]
    """Upper-case methods; empty means every method."""
    auth_level: str
    """``ANONYMOUS``, ``FUNCTION`` or ``ADMIN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBusTrigger:
    """A ``serviceBusTrigger`` binding on a queue or a subscription; names may hold ``%SETTING%`` parts."""

    connection: str
    queue: str | None = None
    topic: str | None = None
    subscription: str | None = None
    batch: bool = False
    """True when one invocation takes a list of messages (cardinality MANY)."""
    binary: bool = False
    """True when the body travels as bytes (``data_type=BINARY``), otherwise as text."""
    auto_complete: bool | None = None
    """The function's own ``autoCompleteMessages``; None takes the value of ``host.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerTrigger:
    """A ``timerTrigger`` binding; the schedule may hold ``%SETTING%`` parts."""

    schedule: str
    run_on_startup: bool = False
    use_monitor: bool = True


Trigger = HttpTrigger | ServiceBusTrigger | TimerTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A function-level retry policy. The host honours it for timers and ignores it for HTTP and Service Bus."""

    max_retries: int
    """Number of repeats after the first try; -1 repeats for ever."""
    minimum_delay_s: float
    maximum_delay_s: float
    """Equal to the minimum for a fixed delay; otherwise the delay doubles up to it."""

    def delay(self, retry: int) -> float:
        """Return the seconds to wait before that retry, counted from 1."""
        return min(self.maximum_delay_s, self.minimum_delay_s * 2.0 ** min(retry - 1, 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFunction:
    """One function of the app, checked and ready to be called."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    directory: Path
    trigger: Trigger
    trigger_parameter: str
    converter: str
    """Name of the binding whose converter decodes the trigger; ``generic`` for a ``str`` or ``bytes`` parameter."""
    wants_context: bool
    returns_http: bool
    """True when the return value is the HTTP response."""
    out_parameters: tuple[str, ...] = ()
    """Parameters of type ``func.Out`` that carry the HTTP response instead."""
    retry: RetryPolicy | None = None
