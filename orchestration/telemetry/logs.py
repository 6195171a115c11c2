"""Log records on their way out: with their job, without secrets, and one line each.

The distro puts its handler on the one logger that it is told (``PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME``,
``orchestration``): the root logger would send what the exporter says about sending. :func:`share_handlers` puts it
on ``layers`` too, behind the preparation here; the SDKs' own records stay on this machine.
"""

from __future__ import annotations

import copy
import logging
import traceback
from typing import Final

from orchestration.telemetry.redaction import clean, clean_lines, masked
from orchestration.telemetry.spans import error_code
from orchestration.telemetry.switch import LOGGED

CONFIGURED: Final = "orchestration"
"""The logger that the distro is told."""

OURS: Final = (CONFIGURED, "layers")

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({})))
_RENAMED: Final = {"job_id": "content.job.id"}


class OutgoingHandler(logging.Handler):
    """Hands prepared copies of records to the handler that exports them; others see the records as they were."""

    def __init__(self, exporting: logging.Handler, *, content: bool) -> None:
        super().__init__(logging.INFO)
        self.exporting = exporting
        self._content = content

    def emit(self, record: logging.LogRecord) -> None:
        """Prepare and hand on."""
        self.exporting.handle(prepared(record, content=self._content))

    def flush(self) -> None:
        """What was handed on is the exporting handler's; it exports in its own time."""


class SecretsFilter(logging.Filter):
    """Masks secrets for handlers that write to this machine: a record changes only where one is found."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask; never drops a record."""
        text = record.getMessage()
        if (safe := masked(text)) != text:
            record.msg, record.args = safe, None
        if record.exc_text:  # kept by a handler that came first, and used again by all others
            record.exc_text = masked(record.exc_text)
        elif record.exc_info:
            whole = "".join(traceback.format_exception(*record.exc_info))
            if (safe := masked(whole)) != whole:
                record.exc_text = safe.rstrip("\n")
        return True


def prepared(record: logging.LogRecord, *, content: bool) -> logging.LogRecord:
    """A copy to be exported. ``content``: also the messages of errors, which may quote what jobs are about."""
    outgoing = copy.copy(record)
    outgoing.msg, outgoing.args = clean(record.getMessage()), None
    for name, value in vars(record).items():
        if name in _PLAIN:
            continue
        del outgoing.__dict__[name]
        plain = value if isinstance(value, bool | int | float) else clean(str(value))
        outgoing.__dict__[_RENAMED.get(name, name)] = plain
    if record.exc_info and record.exc_info[1] is not None:
        outgoing.__dict__.update(_exception(record.exc_info[1], content=content))
    outgoing.exc_info = outgoing.exc_text = outgoing.stack_info = None
    outgoing.__dict__.update(LOGGED.get())
    return outgoing


def _exception(error: BaseException, *, content: bool) -> dict[str, str]:
    """Attributes of an error: its type, our code or its message, and where it came from."""
    lines = traceback.format_exception(error) if content else traceback.format_tb(error.__traceback__)
    return {
        "exception.type": type(error).__name__,
        "exception.message": clean(str(error)) if content else error_code(error),
        "exception.stacktrace": clean_lines("".join(lines)),
    }


def share_handlers(*, content: bool) -> None:
    """Put the exporting handlers of the configured logger behind the preparation, on all of ours. Once is enough."""
    first = logging.getLogger(CONFIGURED)
    exporting = [handler for handler in first.handlers if not isinstance(handler, OutgoingHandler)]
    for handler in exporting:
        first.removeHandler(handler)
        for name in OURS:
            logger = logging.getLogger(name)
            logger.addHandler(OutgoingHandler(handler, content=content))
            logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, SecretsFilter) for each in handler.filters):
            handler.addFilter(SecretsFilter())
