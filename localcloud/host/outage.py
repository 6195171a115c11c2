"""One loss of the broker, as several receivers see it: logged once, with a capped and jittered back-off."""

import logging
import random

from localcloud.host.clock import Clock

_LOG = logging.getLogger("host.servicebus")

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
"""Short, because the broker is on the same machine and its developer is waiting."""


class Outage:
    """State shared by the receivers of one listener."""

    def __init__(self, who: str, clock: Clock) -> None:
        self._who = who
        self._clock = clock
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """Note a failure; only the first of an outage is logged."""
        if self._failures == 0:
            _LOG.error("The listener for %s has lost its connection and tries again: %s", self._who, error)
        self._failures += 1

    def over(self) -> None:
        """Note a success; the end of an outage is logged."""
        if self._failures:
            _LOG.info("The listener for %s is connected again.", self._who)
        self._failures = 0

    async def pause(self) -> None:
        """Wait before the next try: doubling, capped, anywhere between half and all of it."""
        limit = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 16))
        await self._clock.sleep(limit * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
