"""How often one host is asked: a request at a time, with a pause between, so that no job is a burden to a site."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from layers.contract import StepError
from orchestration.ports import Clock

USUAL_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
_LONGEST_WAIT: Final = 30.0
_KEPT_HOSTS: Final = 512


class Pace:
    """Turns for requests to a host, in the order in which they are asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: OrderedDict[str, float] = OrderedDict()

    async def turn(self, host: str, pause: float = USUAL_PAUSE) -> None:
        """Wait for this request's turn; the next one to the host comes ``pause`` seconds later (10 at most).

        Raises :class:`StepError` (``source_unreachable``) when the turn would come later than in 30 seconds.
        """
        now = self._clock.monotonic()
        at = max(now, self._next.get(host, now))
        if at - now > _LONGEST_WAIT:
            raise StepError(
                f"{host} is asked by too many requests at once", code="source_unreachable", retryable=True
            )
        self._next[host] = at + min(max(pause, 0.0), LONGEST_PAUSE)
        self._next.move_to_end(host)
        if len(self._next) > _KEPT_HOSTS:
            self._next.popitem(last=False)
        if at > now:
            await self._clock.sleep(at - now)
