"""How the circuits of what the app depends on stand, gathered where health and telemetry read them.

A circuit is a breaker that refuses calls, or where there is none what the calls that are made anyway tell. Nobody
is called to find out: a probe of a language model would cost money.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

CircuitState = Literal["closed", "half_open", "open"]
Read = Callable[[], CircuitState]

TABLE_STORAGE: Final = "tableStorage"
"""The one dependency that is probed as well: probe and circuit are shown under this name."""

SHOWN_AS: Final[dict[CircuitState, int]] = {"closed": 0, "half_open": 1, "open": 2}
"""As a number, for the metric ``content.breaker.state``."""


class Circuits:
    """Circuits by the name of their dependency."""

    def __init__(self) -> None:
        self._reads: dict[str, Read] = {}

    def add(self, name: str, read: Read) -> None:
        """Have a circuit read from now on."""
        self._reads[name] = read

    def states(self) -> dict[str, CircuitState]:
        """Where each stands now."""
        return {name: read() for name, read in list(self._reads.items())}

    def numbers(self) -> dict[str, float]:
        """The same as numbers."""
        return {name: SHOWN_AS[state] for name, state in self.states().items()}
