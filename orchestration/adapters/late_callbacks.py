"""A sender of callbacks that is made when the first callback is due: loading root certificates alone takes 50 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestration.callbacks import CallbackAnswer
from orchestration.circuits import CircuitState

if TYPE_CHECKING:
    from orchestration.adapters.callback_http import HttpCallbackSender


class LateCallbackSender:
    """Does what the sender does that ``make`` returns; ``make`` is called once, in a thread."""

    def __init__(self, make: Callable[[], HttpCallbackSender]) -> None:
        self._make = make
        self._made: asyncio.Task[HttpCallbackSender] | None = None

    def circuit(self) -> CircuitState:
        """As the sender says; one that was not needed yet has seen no failure."""
        made = self._made
        ready = made is not None and made.done() and not made.cancelled() and made.exception() is None
        return made.result().circuit() if made is not None and ready else "closed"

    async def check(self, url: str) -> None:
        """Raises :class:`AddressRefused` where the address may not be called."""
        await (await self._sender()).check(url)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> CallbackAnswer:
        """Call once."""
        return await (await self._sender()).post(url, body, headers)

    async def close(self) -> None:
        """Close what was made."""
        if self._made is not None:
            await (await self._made).close()

    async def _sender(self) -> HttpCallbackSender:
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return await asyncio.shield(self._made)
