"""Fires one timer function by its schedule, in one instance at a time."""

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from azure.functions.meta import Datum

from localcloud.host.clock import Clock
from localcloud.host.context import FailedTry, RetryContext
from localcloud.host.invoker import Call, Outcome
from localcloud.host.ncrontab import Schedule
from localcloud.host.tasks import cancelled, spawn
from localcloud.host.timer_state import ScheduleStatus, TimerState
from localcloud.host.triggers import RetryPolicy, TimerTrigger

_LOG = logging.getLogger("host.timers")

LOCK_POLL_S = 1.0
"""How often an instance without the singleton lock looks whether its holder has gone."""
_LONGEST_SLEEP_S = 60.0
"""Sleeps are cut so that a clock that was set or a suspended machine delays a timer by no more than this."""
_MONITOR_FROM = timedelta(minutes=1)
_OCCURRENCES_COMPARED = 10


def timer_datum(status: ScheduleStatus | None, *, past_due: bool) -> Datum:
    """Build the datum of a ``TimerRequest``."""
    content = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": None if status is None else status.as_json(),
        "IsPastDue": past_due,
    }
    return Datum(json.dumps(content), "json")


def is_monitored(trigger: TimerTrigger, schedule: Schedule, now: datetime) -> bool:
    """Say whether missed occurrences are remembered: not for schedules with gaps below one minute (as in the host)."""
    if not trigger.use_monitor:
        return False
    moment = now
    previous: datetime | None = None
    for _ in range(_OCCURRENCES_COMPARED):
        found = schedule.after(moment)
        if found is None:
            return True
        if previous is not None and found - previous < _MONITOR_FROM:
            return False
        moment = previous = found
    return True


class TimerListener:
    """Waits for each occurrence of a schedule and runs the function, never twice at a time."""

    def __init__(
        self,
        trigger: TimerTrigger,
        schedule: Schedule,
        *,
        state: TimerState,
        run: Callable[[Call], Awaitable[Outcome]],
        clock: Clock,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._trigger = trigger
        self._schedule = schedule
        self._state = state
        self._run = run
        self._clock = clock
        self._retry = retry
        self._monitored = is_monitored(trigger, schedule, clock.now())
        self._task: asyncio.Task[None] | None = None
        self._busy = False
        self._stopping = False

    def start(self) -> None:
        """Begin to compete for the lock and to fire."""
        self._task = spawn(self._serve(), "timer")

    async def ready(self) -> None:
        """Return at once: an instance that waits for the lock is ready as well."""

    def stop(self, *, drain: bool) -> None:  # noqa: ARG002 - a timer has nothing to settle
        """Fire no more; a running function goes on."""
        self._stopping = True
        if self._task is not None and not self._busy:
            self._task.cancel()

    async def close(self) -> None:
        """End now and give the lock back."""
        await cancelled(self._task)

    async def _serve(self) -> None:
        try:
            while not self._state.try_acquire():
                await self._clock.sleep(LOCK_POLL_S)
            await self._fire_missed()
            await self._follow_schedule()
        finally:
            self._state.release()

    async def _fire_missed(self) -> None:
        """Run at once if asked to, or if an occurrence passed while no instance was running."""
        status = self._read_status()
        now = self._clock.now()
        expected = None if status is None else self._schedule.after(status.last or status.last_updated)
        past_due = expected is not None and expected <= now
        if past_due or self._trigger.run_on_startup:
            await self._fire(now, past_due=past_due)
        elif status is None:
            self._write_status(None)

    async def _follow_schedule(self) -> None:
        last = self._clock.now()
        while not self._stopping:
            due = self._schedule.after(max(last, self._clock.now()))
            if due is None:
                _LOG.warning("A timer has no further occurrence.")
                return
            while (left := (due - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(left, _LONGEST_SLEEP_S))
            last = due
            await self._fire(due, past_due=False)

    async def _fire(self, due: datetime, *, past_due: bool) -> None:
        self._busy = True
        try:
            datum = timer_datum(self._read_status(), past_due=past_due)
            await self._run_with_retries(datum, f"Timer fired at {self._clock.now().isoformat()}")
            self._write_status(due)
        finally:
            self._busy = False

    async def _run_with_retries(self, datum: Datum, reason: str) -> None:
        retries = 0
        limit = 0 if self._retry is None else self._retry.max_retries
        failed: FailedTry | None = None
        while True:
            context = RetryContext(retry_count=retries, max_retry_count=limit, exception=failed)
            outcome = await self._run(Call(reason=reason, trigger=datum, retry=context))
            if outcome.error is None or self._retry is None or self._stopping or 0 <= limit <= retries:
                return
            retries += 1
            failed = _failed_try(outcome.error)
            await self._clock.sleep(self._retry.delay(retries))

    def _read_status(self) -> ScheduleStatus | None:
        if not self._monitored:
            return None
        try:
            return self._state.read()
        except ValueError as error:
            _LOG.warning("The status file of a timer is damaged and starts anew: %s", error)
            return None

    def _write_status(self, last: datetime | None) -> None:
        now = self._clock.now()
        following = self._schedule.after(now)
        if self._monitored and following is not None:
            self._state.write(ScheduleStatus(last=last, next=following, last_updated=now))


def _failed_try(error: BaseException) -> FailedTry:
    return FailedTry(
        source=type(error).__name__,
        stack_trace="".join(traceback.format_exception(error)),
        message=str(error),
    )
