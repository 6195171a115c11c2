"""What a language model has cost one step so far, and what is left for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from layers.contract import ChatFailed, ChatReply

ENDS_IT: Final = frozenset({"llm_unavailable", "llm_misconfigured", "llm_out_of_time", "budget_spent"})
"""Codes of failures after which no further call makes sense in this step."""

RESERVE_SECONDS: Final = 15.0
"""Kept back from the step's time, so that the article is finished without the model instead of not at all."""


def part_of_budget(budget: int | None, spent: int, parts: int) -> int | None:
    """What one of ``parts`` equal shares of the job's budget may take after ``spent`` tokens; None: no limit."""
    return None if budget is None else max(0, budget - spent) // parts


@dataclass(slots=True, kw_only=True)
class Meter:
    """Counts the tokens and dollars of replies and of failures alike; ``budget`` None is no limit."""

    budget: int | None
    seconds_left: Callable[[], float]
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def add(self, spent: ChatReply | ChatFailed) -> None:
        """Count one call."""
        self.tokens_in += spent.tokens_in
        self.tokens_out += spent.tokens_out
        self.cost += spent.cost

    @property
    def tokens_left(self) -> int | None:
        """What the next call may take."""
        return None if self.budget is None else max(0, self.budget - self.tokens_in - self.tokens_out)

    def time_for_a_call(self) -> float | None:
        """Seconds that the next call may take, None for no limit. Raises :class:`ChatFailed` when there are none."""
        left = self.seconds_left() - RESERVE_SECONDS
        if math.isinf(left):
            return None
        if left < 1:
            raise ChatFailed("the step is nearly out of time", code="llm_out_of_time")
        return left
