"""Schedules and timers, on a clock moved by hand."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions import TimerRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.host.converters import converter
from localcloud.host.errors import FunctionInError
from localcloud.host.invoker import Call, Outcome
from localcloud.host.ncrontab import parse_schedule
from localcloud.host.timer_state import ScheduleStatus, TimerState
from localcloud.host.timers import LOCK_POLL_S, TimerListener, is_monitored
from localcloud.host.triggers import RetryPolicy, TimerTrigger
from tests.host.support import ManualClock, settle

START = datetime(2030, 1, 1, 0, 0, 30, tzinfo=UTC)


def after(expression: str, moment: str) -> str | None:
    found = parse_schedule(expression).after(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    return None if found is None else found.strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("*/5 * * * * *", "2030-01-01 00:00:05", "2030-01-01 00:00:10"),
        ("* * * * * *", "2030-01-01 00:00:05.5", "2030-01-01 00:00:06"),
        ("*/15 * * * *", "2030-01-01 00:15:00", "2030-01-01 00:30:00"),
        ("0 30 9-17/4 * * Mon-fri", "2030-01-04 17:30:00", "2030-01-07 09:30:00"),
        ("0 0 0 29 2 *", "2030-01-01 00:00:00", "2032-02-29 00:00:00"),
        ("0 0 0 29 2 sunday", "2030-01-01 00:00:00", "2032-02-29 00:00:00"),
        ("0 0 12 1,15 * 1", "2030-01-01 00:00:00", "2030-04-01 12:00:00"),
        ("10/20 * * * * *", "2030-01-01 00:00:10", "2030-01-01 00:00:30"),
        ("59 59 23 31 12 *", "2030-12-31 23:59:59", "2031-12-31 23:59:59"),
        ("0 0 0 30 2 *", "2030-01-01 00:00:00", None),
    ],
)
def test_the_next_occurrence(expression, moment, expected):
    assert expected == after(expression, moment)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * * 0 * *",
        "* * * * * 7",
        "a * * * * *",
        "*/0 * * * * *",
        "5-1 * * * * *",
        "00:00:30",
        "-1 * * * * *",
    ],
)
def test_expressions_that_are_refused(expression):
    with pytest.raises(FunctionInError):
        parse_schedule(expression)


NAIVE = datetime(2029, 12, 31, 22)  # noqa: DTZ001 - Hypothesis adds the zone
FIELD = st.sampled_from(["*", "*/7", "0", "3-9", "5,30", "1/11"])


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(FIELD, FIELD, st.sampled_from(["*", "0", "5-7", "*/9"])),
    st.datetimes(min_value=NAIVE, max_value=NAIVE + timedelta(days=2), timezones=st.just(UTC)),
)
def test_the_next_occurrence_is_the_first_second_that_fits_every_field(fields, moment):
    schedule = parse_schedule(" ".join([*fields, "*", "*", "*"]))
    probe = moment.replace(microsecond=0) + timedelta(seconds=1)
    while not (
        probe.second in schedule.seconds and probe.minute in schedule.minutes and probe.hour in schedule.hours
    ):
        probe += timedelta(seconds=1)
    assert probe == schedule.after(moment)


class Timers:
    """Timer listeners that share one folder and one clock, as the instances of one app do."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.folder = folder
        self.calls: list[tuple[str, datetime, Call]] = []
        self.errors: list[Exception] = []
        self.listeners: list[TimerListener] = []

    def start(
        self, schedule: str, *, name: str = "one", retry: RetryPolicy | None = None, **trigger: Any
    ) -> TimerListener:
        async def run(call: Call) -> Outcome:
            self.calls.append((name, self.clock.now(), call))
            return Outcome(error=self.errors.pop(0) if self.errors else None)

        listener = TimerListener(
            TimerTrigger(schedule=schedule, **trigger),
            parse_schedule(schedule),
            state=TimerState(self.folder, "tick"),
            run=run,
            clock=self.clock,
            retry=retry,
        )
        listener.start()
        self.listeners.append(listener)
        return listener

    def fired(self) -> list[str]:
        return [moment.strftime("%H:%M:%S") for _, moment, _ in self.calls]

    def request(self, index: int) -> TimerRequest:
        return converter("timerTrigger").decode(self.calls[index][2].trigger, trigger_metadata={})


@pytest.fixture
async def timers(tmp_path: Path) -> AsyncIterator[Timers]:
    made = Timers(tmp_path / "timers")
    yield made
    for listener in made.listeners:
        await listener.close()


async def test_case_38_a_timer_fires_at_each_occurrence(timers):
    timers.start("*/5 * * * * *")
    await timers.clock.advance(16)
    assert timers.fired() == ["00:00:35", "00:00:40", "00:00:45"]
    request = timers.request(0)
    assert (
        request.past_due,
        request.schedule_status,
        request.schedule,
    ) == (False, {}, {"AdjustForDST": True})


async def test_case_38_run_on_startup_fires_at_once(timers):
    timers.start("0 0 * * * *", run_on_startup=True)
    await settle()
    assert timers.fired() == ["00:00:30"]


async def test_case_38_an_occurrence_missed_while_nothing_ran_is_made_up_once_and_marked_past_due(timers):
    first = timers.start("0 * * * * *")
    await timers.clock.advance(31)
    await first.close()
    await timers.clock.advance(600)
    timers.start("0 * * * * *")
    await timers.clock.advance(1)
    assert timers.fired() == ["00:01:00", "00:11:01"]
    request = timers.request(1)
    assert request.past_due
    assert request.schedule_status == {
        "Last": "2030-01-01T00:01:00+00:00",
        "Next": "2030-01-01T00:02:00+00:00",
        "LastUpdated": "2030-01-01T00:01:00+00:00",
    }


async def test_a_restart_before_the_next_occurrence_makes_up_nothing(timers):
    await timers.start("0 * * * * *").close()
    timers.start("0 * * * * *")
    await timers.clock.advance(10)
    assert timers.fired() == []


async def test_a_changed_schedule_is_compared_by_its_new_occurrences(timers):
    first = timers.start("0 0 * * * *")
    await settle()
    await first.close()
    await timers.clock.advance(100)
    timers.start("0 * * * * *")
    await settle()
    assert timers.request(0).past_due


async def test_a_damaged_status_file_is_reported_and_replaced(timers, caplog):
    timers.folder.mkdir()
    (timers.folder / "tick.json").write_text('{"Last": 1}')
    timers.start("0 * * * * *")
    await settle()
    assert "status file of a timer is damaged" in caplog.text
    assert (
        ScheduleStatus.from_json(json.loads((timers.folder / "tick.json").read_text())).last_updated == START
    )


async def test_only_one_instance_fires_and_another_takes_over(timers):
    first = timers.start("0 * * * * *", name="one")
    timers.start("0 * * * * *", name="two")
    await timers.clock.advance(61)
    assert [name for name, _, _ in timers.calls] == ["one"]
    first.stop(drain=False)
    await timers.clock.advance(60 + LOCK_POLL_S)
    assert [name for name, _, _ in timers.calls] == ["one", "two"]


async def test_case_41_a_failed_timer_is_retried_by_its_policy(timers):
    timers.errors = [OSError("first"), OSError("second"), OSError("third")]
    timers.start("0 * * * * *", retry=RetryPolicy(max_retries=2, minimum_delay_s=1.0, maximum_delay_s=10.0))
    await timers.clock.advance(40)
    assert timers.fired() == ["00:01:00", "00:01:01", "00:01:03"]
    retries = [call.retry for _, _, call in timers.calls]
    assert [(retry.retry_count, retry.exception and retry.exception.message) for retry in retries] == [
        (0, None),
        (1, "first"),
        (2, "second"),
    ]


async def test_a_stopped_timer_does_not_fire(timers):
    timers.start("*/5 * * * * *").stop(drain=False)
    await timers.clock.advance(60)
    assert timers.fired() == []


def test_missed_occurrences_are_remembered_from_one_minute_on():
    monitored = {
        expression: is_monitored(TimerTrigger(schedule=expression), parse_schedule(expression), START)
        for expression in ("0 * * * * *", "*/30 * * * * *", "0,59 0 * * * *")
    }
    assert monitored == {"0 * * * * *": True, "*/30 * * * * *": False, "0,59 0 * * * *": False}
    off = TimerTrigger(schedule="0 * * * * *", use_monitor=False)
    assert not is_monitored(off, parse_schedule("0 * * * * *"), START)


async def test_a_timer_of_an_app_takes_its_schedule_from_a_setting(serve, monkeypatch, caplog):
    monkeypatch.setenv("HOST_TEST_SCHEDULE", "0 */5 * * * *")
    clock = ManualClock(START)
    source = """
        @app.timer_trigger(arg_name="timer", schedule="%HOST_TEST_SCHEDULE%")
        async def tick(timer: func.TimerRequest) -> None: logging.warning("tick past due %s", timer.past_due)
        @app.timer_trigger(arg_name="timer", schedule="nonsense")
        def broken(timer: func.TimerRequest) -> None: ...
    """
    app = await serve(source, clock=clock)
    assert app.host.served == ["tick"]
    await clock.advance(301)
    assert caplog.text.count("tick past due False") == 1
    assert "The 'broken' function is in error: The schedule expression 'nonsense'" in caplog.text
