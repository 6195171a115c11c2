"""Estimates learnt from history: what workflows and steps took lately, per tenant, from the closed hours.

The declared figures hold until a workflow or step has run a few times. What is known is looked up anew every five
minutes, in the background: no submission waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestration.errors import StorageUnavailable
from orchestration.management.job_statistics import StatisticsService
from orchestration.management.statistics import Histogram, Totals, percentile
from orchestration.ports import Clock

RECENT_DAYS = 7
FEWEST_RUNS = 5
FRESH_SECONDS = 300.0
_TENANTS_KEPT = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Median seconds of completed runs by workflow, and of steps by name; without those that ran too rarely."""

    workflows: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, totals: Totals) -> History:
        """What these totals say."""
        steps: dict[str, Histogram] = {key.partition("/")[2]: found for key, found in totals.steps.items()}
        return cls(workflows=_medians(totals.runs), steps=_medians(steps))


NOTHING_KNOWN = History()


def _medians(histograms: Mapping[str, Histogram]) -> dict[str, float]:
    found = {}
    for name, histogram in histograms.items():
        middle = percentile(histogram, 0.5)
        if middle is not None and sum(histogram.values()) >= FEWEST_RUNS:
            found[name] = round(middle / 1000, 3)
    return found


@dataclass(slots=True, kw_only=True)
class _Known:
    history: History = NOTHING_KNOWN
    until: float = -1.0
    learning: asyncio.Task[None] | None = None


@dataclass(kw_only=True)
class Estimates:
    """What is known of the tenants that asked last."""

    statistics: StatisticsService
    clock: Clock
    _known: OrderedDict[str, _Known] = field(default_factory=OrderedDict)

    def known(self, tenant: str) -> History:
        """What is known now, at once. Whatever is old is looked up for the next one who asks."""
        known = self._of(tenant)
        if known.until <= self.clock.monotonic() and (known.learning is None or known.learning.done()):
            known.learning = asyncio.create_task(self._learn(tenant, known))
        return known.history

    async def learnt(self, tenant: str) -> History:
        """The same, after the look-up where one is due: for who can wait."""
        self.known(tenant)
        known = self._of(tenant)
        if known.learning is not None:
            await asyncio.shield(known.learning)
        return known.history

    def _of(self, tenant: str) -> _Known:
        known = self._known.setdefault(tenant, _Known())
        self._known.move_to_end(tenant)
        while len(self._known) > _TENANTS_KEPT:
            self._known.popitem(last=False)
        return known

    async def _learn(self, tenant: str, known: _Known) -> None:
        """Look it up. When storage is down, what was known stays."""
        known.until = self.clock.monotonic() + FRESH_SECONDS
        try:
            known.history = History.of(await self.statistics.closed_totals(tenant, days=RECENT_DAYS))
        except StorageUnavailable as error:
            _log.warning("estimates are old", extra={"reason": str(error)})
