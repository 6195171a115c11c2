"""The .NET ``TimeSpan`` text form used in ``host.json`` and in retry policies: ``[d.]hh:mm:ss[.fffffff]``."""

import re

from localcloud.host.errors import ConfigurationError

_TIMESPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>[0-5]?\d)(?::(?P<seconds>[0-5]?\d)(?:\.(?P<fraction>\d{1,7}))?)?"
)


def parse_timespan(text: str) -> float:
    """Convert a ``TimeSpan`` to seconds.

    Raises:
        ConfigurationError: the text is not a ``TimeSpan``.
    """
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"'{text}' is not a time span of the form [d.]hh:mm:ss")
    days, hours, minutes, seconds = (
        int(match[part] or 0) for part in ("days", "hours", "minutes", "seconds")
    )
    if hours > 23:
        raise ConfigurationError(f"'{text}' has more than 23 hours; write whole days as d.hh:mm:ss")
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + float(f"0.{match['fraction'] or 0}")
    return -total if match["sign"] else total


def format_timespan(seconds: float) -> str:
    """Write seconds as ``[d.]hh:mm:ss``, the way the host prints a timeout."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    prefix = f"{days}." if days else ""
    fraction = f"{seconds % 1:.7f}"[1:] if seconds % 1 else ""
    return f"{prefix}{hours:02}:{minutes:02}:{rest:02}{fraction}"
