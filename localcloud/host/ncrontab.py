"""NCRONTAB expressions: ``{second} {minute} {hour} {day} {month} {day of week}``, the seconds optional, in UTC.

The rules are those of the NCrontab library of the timer extension: Sunday is 0, months and days have English names, and
a day must fit both the day-of-month and the day-of-week field (classic cron takes either).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localcloud.host.errors import FunctionInError

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_SEARCH_YEARS = 30
"""Far enough for 29 February on a given weekday (28 years)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field(name="second", low=0, high=59),
    _Field(name="minute", low=0, high=59),
    _Field(name="hour", low=0, high=23),
    _Field(name="day", low=1, high=31),
    _Field(name="month", low=1, high=12, names=_MONTHS),
    _Field(name="day of week", low=0, high=6, names=_DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment (aware), or None when there is none (as on 30 February)."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        earliest = (start.hour, start.minute, start.second)
        last_year = start.year + _SEARCH_YEARS
        while day.year <= last_year:
            if self._has_day(day):
                time = self._time_from(earliest)
                if time is not None:
                    return day.replace(hour=time[0], minute=time[1], second=time[2])
            day = self._next_day(day)
            earliest = (0, 0, 0)
        return None

    def _next_day(self, day: datetime) -> datetime:
        if day.month in self.months:
            return day + timedelta(days=1)
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)

    def _has_day(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _time_from(self, earliest: tuple[int, int, int]) -> tuple[int, int, int] | None:
        """Return the first time of a day that is not before ``earliest``."""
        times = (
            (hour, minute, second)
            for hour in self.hours
            if hour >= earliest[0]
            for minute in self.minutes
            for second in self.seconds
        )
        return next((time for time in times if time >= earliest), None)


def parse_schedule(expression: str) -> Schedule:
    """Parse an expression with five or six fields.

    Raises:
        FunctionInError: the expression is malformed, or a time span (which only dedicated plans take).
    """
    parts = expression.split()
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) != len(_FIELDS):
        raise FunctionInError(
            f"The schedule expression '{expression}' was not recognized as a valid cron expression."
        )
    values = [_parse_field(part, field, expression) for part, field in zip(parts, _FIELDS, strict=True)]
    return Schedule(*values)


def _parse_field(text: str, field: _Field, expression: str) -> tuple[int, ...]:
    values: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        low, high = _parse_range(span, field, expression, open_ended=bool(step))
        every = _number(step, expression) if step else 1
        if every < 1 or low < field.low or high > field.high or low > high:
            raise FunctionInError(
                f"'{item}' is out of range for the {field.name} field of the schedule '{expression}'."
            )
        values.update(range(low, high + 1, every))
    return tuple(sorted(values))


def _parse_range(span: str, field: _Field, expression: str, *, open_ended: bool) -> tuple[int, int]:
    if span == "*":
        return field.low, field.high
    first, dash, last = span.partition("-")
    low = _value(first, field, expression)
    if dash:
        return low, _value(last, field, expression)
    return low, field.high if open_ended else low


def _value(text: str, field: _Field, expression: str) -> int:
    for index, name in enumerate(field.names):
        if len(text) >= 3 and name.startswith(text.lower()):
            return field.low + index
    return _number(text, expression)


def _number(text: str, expression: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise FunctionInError(f"'{text}' in the schedule expression '{expression}' is not a number.")
    return int(text)
