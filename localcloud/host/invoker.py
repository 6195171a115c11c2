"""Runs functions as the Python worker does: decode the trigger, call, check and encode the result, keep the time."""

import asyncio
import concurrent.futures
import contextvars
import functools
import logging
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.functions.meta import Datum

from localcloud.host.context import (
    InvocationContext,
    InvocationInfo,
    RetryContext,
    TraceContext,
    current_invocation,
)
from localcloud.host.converters import OutputValue, decode_trigger, encode_result
from localcloud.host.telemetry import attach_trace
from localcloud.host.timespan import format_timespan
from localcloud.host.triggers import IndexedFunction

_LOG = logging.getLogger("host.functions")


class FunctionTimeoutError(Exception):
    """An invocation ran longer than ``functionTimeout``."""


class HostStoppedError(Exception):
    """The host stopped while the invocation was running."""


class WorkerRestartedError(Exception):
    """Another invocation ran out of time, and the worker process that ran this one as well was ended for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One wish to run a function."""

    reason: str
    """Text for the log line ``Executing ... (Reason='...')``."""
    trigger: Datum | None
    """The trigger's data as the host sends it; None is a message without a body."""
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    """Trigger metadata by .NET name."""
    trace: TraceContext = field(default_factory=lambda: TraceContext.continued(None))
    retry: RetryContext = field(default_factory=RetryContext)
    details: str = ""
    """Text for the log line ``Trigger Details``."""
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation ended."""

    error: BaseException | None = None
    response: Datum | None = None
    """The encoded HTTP response of an HTTP function."""

    @property
    def succeeded(self) -> bool:
        """True when the function returned and its result could be encoded."""
        return self.error is None


@dataclass(slots=True)
class _Running:
    function: IndexedFunction
    task: asyncio.Task[Datum | None]


class Invoker:
    """Calls functions, at most one event loop and one thread pool for all of them."""

    def __init__(self, *, timeout_s: float | None, threads: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._threads = concurrent.futures.ThreadPoolExecutor(max_workers=threads)
        self._in_threads: set[asyncio.Future[Any]] = set()
        self._running: dict[str, _Running] = {}
        self._started: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._given_up: set[asyncio.Task[Datum | None]] = set()
        self._end: asyncio.Future[Exception] | None = None
        self.worker_lost = asyncio.Event()
        """Set once an invocation ran out of time: what the functions keep in memory ought to be gone now."""

    @property
    def outstanding(self) -> int:
        """Number of invocations that have not ended."""
        return len(self._running)

    @property
    def busy_threads(self) -> int:
        """Number of threads that still run a synchronous function, including ones that were given up."""
        return len(self._in_threads)

    def take_active(self) -> set[str]:
        """Return the names of the asynchronous functions that run now or were started since the last call."""
        running = {entry.function.name for entry in self._running.values() if entry.function.is_async}
        active = running | self._started
        self._started.clear()
        return active

    async def run(self, function: IndexedFunction, call: Call) -> Outcome:
        """Run one invocation to its end.

        Never raises for what the function does: an error, a result that cannot be encoded or a timeout is the
        ``error`` of the outcome.
        """
        _LOG.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, call.reason, call.invocation_id
        )
        if call.details:
            _LOG.info("Trigger Details: %s", call.details)
        began = time.perf_counter()
        task = asyncio.create_task(self._execute(function, call), name=f"function {function.name}")
        self._running[call.invocation_id] = _Running(function, task)
        self._idle.clear()
        if function.is_async:
            self._started.add(function.name)
        try:
            outcome = await self._wait(function, task)
        finally:
            if not task.done():
                self._give_up(task)
            del self._running[call.invocation_id]
            if not self._running:
                self._idle.set()
        _report(function.name, call.invocation_id, outcome, (time.perf_counter() - began) * 1000)
        return outcome

    async def wait_idle(self, limit_s: float) -> bool:
        """Wait until nothing runs, at most that many seconds; say whether that was reached."""
        try:
            await asyncio.wait_for(self._idle.wait(), limit_s)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End what still runs, as the end of the worker process would, and give up the threads."""
        self._end_worker(HostStoppedError("the host stopped before the function ended"))
        tasks = [entry.task for entry in self._running.values()] + list(self._given_up)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, function: IndexedFunction, task: asyncio.Task[Datum | None]) -> Outcome:
        began = time.monotonic()
        end = self._worker_end()
        awaited: set[asyncio.Future[Any]] = {task, end}
        await asyncio.wait(awaited, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return Outcome(error=end.result() if end.done() else self._timed_out(function))
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if not isinstance(error, asyncio.CancelledError):
            return Outcome(error=error) if error else Outcome(response=task.result())
        if end.done():
            return Outcome(error=end.result())
        _LOG.error(
            "asyncio.CancelledError escaped from 'Functions.%s'. The Python worker never answers such an invocation: it "
            "hangs until functionTimeout. Catch CancelledError at the top of the function.",
            function.name,
        )
        return await self._hang(function, end, began)

    async def _hang(self, function: IndexedFunction, end: asyncio.Future[Exception], began: float) -> Outcome:
        left = None if self._timeout_s is None else self._timeout_s - (time.monotonic() - began)
        await asyncio.wait({end}, timeout=left)
        return Outcome(error=end.result() if end.done() else self._timed_out(function))

    def _worker_end(self) -> asyncio.Future[Exception]:
        """What all invocations of one worker wait for beside their own end: why that worker is gone."""
        if self._end is None:
            self._end = asyncio.get_running_loop().create_future()
        return self._end

    def _end_worker(self, reason: Exception) -> None:
        if self._end is not None:
            self._end.set_result(reason)
            self._end = None

    def _give_up(self, task: asyncio.Task[Datum | None]) -> None:
        """Stop a task that ran too long without waiting for it; what it still raises goes to the log."""
        self._given_up.add(task)
        task.add_done_callback(self._given_up.discard)
        task.add_done_callback(_report_late_error)
        task.cancel()

    def _timed_out(self, function: IndexedFunction) -> FunctionTimeoutError:
        limit = format_timespan(self._timeout_s or 0)
        _LOG.error(
            "Timeout value of %s exceeded by function 'Functions.%s'. The Python worker is restarted, and every other "
            "invocation in it fails as well.",
            limit,
            function.name,
        )
        self._end_worker(WorkerRestartedError(f"the worker was restarted after a timeout of {function.name}"))
        self.worker_lost.set()
        return FunctionTimeoutError(
            f"Timeout value of {limit} was exceeded by function: Functions.{function.name}"
        )

    async def _execute(self, function: IndexedFunction, call: Call) -> Datum | None:
        current_invocation.set(call.invocation_id)
        attach_trace(call.trace)
        arguments: dict[str, Any] = {
            function.trigger_parameter: decode_trigger(function, call.trigger, call.metadata)
        }
        outputs = {name: OutputValue() for name in function.out_parameters}
        arguments |= outputs
        if function.wants_context:
            arguments["context"] = InvocationContext(
                InvocationInfo(
                    invocation_id=call.invocation_id,
                    function_name=function.name,
                    function_directory=function.directory,
                    trace=call.trace,
                    retry=call.retry,
                )
            )
        if function.is_async:
            result = await function.call(**arguments)
        else:
            result = await self._in_thread(functools.partial(function.call, **arguments))
        return encode_result(function, result, outputs)

    async def _in_thread(self, work: functools.partial[Any]) -> Any:
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)
        shielded = asyncio.shield(future)
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)
        return await shielded


def _report_late_error(task: asyncio.Task[Datum | None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.warning("%s failed after its time was up: %r", task.get_name(), task.exception())


def _report(name: str, invocation_id: str, outcome: Outcome, duration_ms: float) -> None:
    if outcome.error is None:
        _LOG.info(
            "Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%.0fms)", name, invocation_id, duration_ms
        )
        return
    trace = "".join(traceback.format_exception(outcome.error)).rstrip()
    _LOG.error(
        "Executed 'Functions.%s' (Failed, Id=%s, Duration=%.0fms)\n%s",
        name,
        invocation_id,
        duration_ms,
        trace,
    )
