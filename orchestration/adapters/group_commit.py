"""Group commit: while one call to a place is on its way, what comes meanwhile waits and goes together in the next.

A caller alone waits for nothing; under load one call carries the work of many, which costs less on both sides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    """The item of one caller; ``landed`` tells it how that ended."""

    item: T
    landed: asyncio.Future[None]

    def end(self, error: BaseException | None) -> None:
        if self.landed.done():
            return  # its caller went away
        if error is None:
            self.landed.set_result(None)
        else:
            self.landed.set_exception(error)


@dataclass(kw_only=True)
class GroupCommit(Generic[T]):
    """Belongs to the loop that it is first used on.

    ``send`` takes a place and items; ``together`` says how many of the items that wait, from the first, go in one
    call. ``apart`` says of the error of a call whether its items are to be sent again one by one, so that each caller
    gets its own answer: only for what may be repeated, and not for what would fail for each of them again.
    """

    send: Callable[[str, Sequence[T]], Awaitable[object]]
    together: Callable[[Sequence[T]], int]
    apart: Callable[[BaseException], bool]
    _lines: dict[str, deque[_Entry[T]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def add(self, place: str, item: T) -> None:
        """Send it, perhaps with others, in the order of the calls. Raises what ``send`` raised."""
        entry = _Entry(item, asyncio.get_running_loop().create_future())
        if (line := self._lines.get(place)) is not None:
            line.append(entry)
        else:
            self._lines[place] = deque([entry])
            task = asyncio.create_task(self._drain(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await entry.landed

    async def _drain(self, place: str) -> None:
        line = self._lines[place]
        try:
            while line:
                count = self.together([entry.item for entry in line])
                await self._send(place, [line.popleft() for _ in range(count)])
        finally:
            del self._lines[place]

    async def _send(self, place: str, group: Sequence[_Entry[T]]) -> None:
        sending = self.send(place, [entry.item for entry in group])
        (outcome,) = await asyncio.gather(sending, return_exceptions=True)  # a defect, too, has its caller
        error = outcome if isinstance(outcome, BaseException) else None
        if error is not None and len(group) > 1 and self.apart(error):
            await asyncio.gather(*(self._send(place, [entry]) for entry in group))
            return
        for entry in group:
            entry.end(error)
