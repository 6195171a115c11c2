"""Research providers behind a breaker, so that one that is down costs a job no wait and health can tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from layers.contract import RawDocument, ResearchProvider, StepError
from orchestration.breaker import Breaker, BreakerOpen


class GuardedProvider:
    """Passes calls on to a provider while its breaker lets them."""

    def __init__(self, provider: ResearchProvider, breaker: Breaker) -> None:
        self._provider = provider
        self._breaker = breaker

    @property
    def name(self) -> str:
        """The provider's own name."""
        return self._provider.name

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        """Search. Raises :class:`StepError`, also instead of asking.

        A refusal that trying again does not help says nothing about whether the provider is well.
        """
        try:
            with self._breaker.call() as outcome:
                try:
                    found = await self._provider.search(query, limit=limit, since=since)
                except StepError as error:
                    outcome.worked = False if error.retryable else None
                    raise
                outcome.worked = True
                return found
        except BreakerOpen as refused:
            raise StepError(
                str(refused), code="source_unreachable", retryable=True, retry_after=refused.retry_after
            ) from refused
