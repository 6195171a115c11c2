"""Refused credentials: audited without letting a flood fill the table, and slowed down address by address.

Counts are this process's own and bounded: they stop a single noisy client, not a distributed one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from orchestration.errors import RequestRefused
from orchestration.expiring import ExpiringCache
from orchestration.management.audit import Action, Actor, AuditTrail
from orchestration.ports import Clock

WINDOW_SECONDS = 60
MAX_FAILURES = 100
"""Failures of one address in a window, after which its calls are refused unseen until the window ends.

Many callers may share an address, so this is far above what one client with an old token does.
"""

MAX_ROWS = 60
"""Audit rows of failures that this process writes in a window."""

_ADDRESSES = 10_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Count:
    number: int = 0


class Refusals:
    """Remembers whose credentials were refused lately."""

    def __init__(self, audit: AuditTrail, clock: Clock) -> None:
        self._audit = audit
        self._by_address = _counts(clock)
        self._by_reason = _counts(clock)
        self._rows = _counts(clock)

    def check(self, address: str) -> None:
        """Raises :class:`RequestRefused` 429 for an address that failed too often. An unknown one never did."""
        failures = self._by_address.get(address) if address else None
        if failures is not None and failures.number >= MAX_FAILURES:
            raise RequestRefused(
                "too many calls with a wrong credential came from this address",
                code="too_many_failures",
                status=429,
                headers={"Retry-After": str(WINDOW_SECONDS)},
            )

    async def note(self, actor: Actor, reason: str, *, counts: bool) -> None:
        """Audit a refusal: the first of its kind in a window, then the 10th, the 100th and so on.

        ``counts`` says whether it was the credential that was wrong, which slows its address down.
        """
        if counts and actor.address:
            _more(self._by_address, actor.address)
        number = _more(self._by_reason, f"{actor.tenant}\n{actor.user}\n{actor.address}\n{reason}")
        if str(number).strip("0") != "1":
            return
        if _more(self._rows, "") > MAX_ROWS:
            _log.warning("an audit row of a refused call is left out", extra={"reason": reason})
            return
        times = "" if number == 1 else f" ({number} times within {WINDOW_SECONDS} s)"
        await self._audit.record(actor, Action.REFUSED, "", f"{reason}{times}")


def _counts(clock: Clock) -> ExpiringCache[str, _Count]:
    return ExpiringCache(size=_ADDRESSES, seconds=WINDOW_SECONDS, monotonic=clock.monotonic)


def _more(counts: ExpiringCache[str, _Count], key: str) -> int:
    """One more of this kind; the window begins with the first."""
    count = counts.get(key)
    if count is None:
        count = _Count()
        counts.put(key, count)
    count.number += 1
    return count.number
