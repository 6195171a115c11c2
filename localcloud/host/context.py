"""What a function learns about its invocation: the worker's ``Context`` and the log tagging that goes with it."""

import logging
import re
import secrets
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure.functions as func

_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(-.*)?")

thread_storage = threading.local()
current_invocation: ContextVar[str | None] = ContextVar("current_invocation", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """W3C trace context of one invocation, with the properties of the worker's ``TraceContext``."""

    trace_parent: str
    """The caller's trace id with a span id of this invocation."""
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def continued(cls, parent: str | None, state: str | None = None) -> "TraceContext":
        """Continue the caller's trace, or begin one when there is none."""
        match = _TRACE_PARENT.fullmatch((parent or "").strip().lower())
        span = secrets.token_hex(8)
        if match is None or set(match["trace"]) == {"0"}:
            return cls(trace_parent=f"00-{secrets.token_hex(16)}-{span}-00")
        return cls(trace_parent=f"00-{match['trace']}-{span}-{match['flags']}", trace_state=state or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTry:
    """The error of an earlier try, as a retried function sees it (the worker's ``RpcException``)."""

    source: str
    stack_trace: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryContext:
    """Which repeat of a retried function this is, with the properties of the worker's ``RetryContext``."""

    retry_count: int = 0
    """0 in the first try."""
    max_retry_count: int = 0
    exception: FailedTry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationInfo:
    """The plain values behind an :class:`InvocationContext`."""

    invocation_id: str
    function_name: str
    function_directory: Path
    trace: TraceContext
    retry: RetryContext


class InvocationContext(func.Context):
    """The object injected into a parameter that is named ``context``."""

    def __init__(self, info: InvocationInfo) -> None:
        self._info = info

    @property
    def invocation_id(self) -> str:
        """Id of this invocation."""
        return self._info.invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Storage whose ``invocation_id`` tags the log records of threads the function starts itself."""
        return thread_storage

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._info.function_name

    @property
    def function_directory(self) -> str:
        """Directory of the file that defines the function."""
        return str(self._info.function_directory)

    @property
    def trace_context(self) -> Any:
        """Trace context of this invocation."""
        return self._info.trace

    @property
    def retry_context(self) -> Any:
        """Which repeat of a retried function this is."""
        return self._info.retry


class InvocationLogFilter(logging.Filter):
    """Adds ``invocation`` to each record: the id of the invocation that logged it in brackets, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tag a record; never drops one."""
        found = current_invocation.get() or getattr(thread_storage, "invocation_id", None)
        record.invocation = f"[{found}] " if found else ""
        return True
