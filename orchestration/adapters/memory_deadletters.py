"""The in-memory twin of the dead-letter queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestration.management.letters import DeadLetter, Handler


@dataclass
class MemoryDeadLetters:
    """Letters in lists, oldest first."""

    letters: list[DeadLetter] = field(default_factory=list)

    async def peek(self, queue: str, *, after: int, limit: int) -> list[DeadLetter]:
        """Look."""
        return [letter for letter in self._of(queue) if letter.sequence_number > after][:limit]

    async def settle(self, queue: str, handler: Handler, *, limit: int) -> int:
        """Hand over one by one."""
        removed = 0
        for letter in self._of(queue)[:limit]:
            if await handler(letter):
                self.letters.remove(letter)
                removed += 1
            if handler.done:
                break
        return removed

    def _of(self, queue: str) -> Sequence[DeadLetter]:
        found = [letter for letter in self.letters if letter.delivery.queue == queue]
        return sorted(found, key=lambda letter: letter.sequence_number)
