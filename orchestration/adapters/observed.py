"""Research providers whose calls are observed, so that health can tell which of them answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from layers.contract import RawDocument, ResearchProvider, StepError
from orchestration.circuits import Observed


class ObservedProvider:
    """Passes every call on to a provider and remembers how it went."""

    def __init__(self, provider: ResearchProvider) -> None:
        self._provider = provider
        self.circuit = Observed()

    @property
    def name(self) -> str:
        """The provider's own name."""
        return self._provider.name

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        """Search. A refusal that trying again does not help says nothing about whether the provider is well."""
        try:
            found = await self._provider.search(query, limit=limit, since=since)
        except StepError as error:
            if error.retryable:
                self.circuit.failed()
            raise
        self.circuit.worked()
        return found
