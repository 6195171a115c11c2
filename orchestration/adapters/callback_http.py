"""Calls the addresses of callbacks through the guarded client. What a receiver answers is never kept or shown."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from layers.contract import StepError
from orchestration.adapters.guarded_http import GuardedClient, Limits
from orchestration.breaker import Breaker, BreakerOpen, BreakerState
from orchestration.callbacks import CallbackAnswer
from orchestration.circuits import CircuitState
from orchestration.errors import AddressRefused
from orchestration.ports import Clock

LIMITS = Limits(seconds=15.0, size=4096)
"""For the client that is handed in: a receiver answers within 15 s, and what it says is of no interest."""

CHECK_SECONDS = 2.0
_AT_ONCE = 4
"""Calls in flight to one host: a slow receiver must not take all hands of the process."""

_KEPT_HOSTS = 256
_FEWEST_HOSTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Host:
    gate: asyncio.Semaphore
    breaker: Breaker


class HttpCallbackSender:
    """Sends callbacks with a client that has :data:`LIMITS`. Belongs to the running loop."""

    def __init__(self, client: GuardedClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def circuit(self) -> CircuitState:
        """``open`` when of at least two hosts none can be called: then the fault is likely on this side."""
        states = [host.breaker.state for host in self._hosts.values()]
        if len(states) < _FEWEST_HOSTS or any(state is BreakerState.CLOSED for state in states):
            return "closed"
        return "half_open" if BreakerState.HALF_OPEN in states else "open"

    async def check(self, url: str) -> None:
        """Check form and addresses; a name that cannot be looked up now passes."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._client.check(url)
        except TimeoutError:
            return
        except StepError as error:
            if not error.retryable:
                raise AddressRefused(str(error)) from error

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> CallbackAnswer:
        """Call once, in turn with other calls to the same host, unless that host fails all the time."""
        host = self._host(urlsplit(url).netloc)
        try:
            async with host.gate:
                with host.breaker.call() as outcome:
                    answer, outcome.worked = await self._call(url, body, headers)
        except BreakerOpen as refused:
            return CallbackAnswer(error=str(refused), deferred=refused.retry_after)
        return answer

    async def _call(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[CallbackAnswer, bool | None]:
        """The answer, and whether it shows the host at work; None where the guard refused to ask it."""
        try:
            answer = await self._client.post(url, body, {"Content-Type": "application/json", **headers})
        except StepError as error:
            return CallbackAnswer(error=str(error)[:300]), False if error.retryable else None
        called = CallbackAnswer(
            status=answer.status,
            error="" if 200 <= answer.status < 300 else f"status {answer.status}",
            retry_after=self._retry_after(answer.headers.get("retry-after", "")),
        )
        return called, answer.status < 500

    def _host(self, name: str) -> _Host:
        """What is known of a host; of those that were not called for long nothing is."""
        if name not in self._hosts:
            self._hosts[name] = _Host(
                gate=asyncio.Semaphore(_AT_ONCE), breaker=Breaker("the host", self._clock.monotonic)
            )
            if len(self._hosts) > _KEPT_HOSTS:
                self._hosts.popitem(last=False)
        self._hosts.move_to_end(name)
        return self._hosts[name]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _retry_after(self, value: str) -> float | None:
        """Seconds, given as such or as a date (RFC 9110, section 10.2.3)."""
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - self._clock.now()).total_seconds())
