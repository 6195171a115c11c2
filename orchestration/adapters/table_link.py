"""One bare HTTP request to the table service, for the calls that every job makes.

The official client spends 1.1-1.6 ms of CPU on each, this about a third; docs/decisions/0002-batch-writer.md has
the figures.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from orchestration.adapters.bare_http import Answer, BareClient, NoAnswer
from orchestration.adapters.table_auth import TableAuth
from orchestration.breaker import Breaker, BreakerOpen
from orchestration.errors import StorageUnavailable
from orchestration.retry import CALL_RETRY

T = TypeVar("T")

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_DOWN = frozenset({500, 502, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLink:
    """The endpoint (without a trailing slash), how requests are signed, and a long-lived, shared client.

    The breaker refuses calls while the service does not answer; one that answers that it is busy is alive.
    """

    client: BareClient
    endpoint: str
    auth: TableAuth
    breaker: Breaker

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        content_type: str = "",
        body: bytes | None = None,
    ) -> Answer:
        """Send it once; ``path`` starts with a slash and is encoded already.

        Raises :class:`StorageUnavailable` when there is no answer: a write may have landed all the same.
        """
        url = f"{self.endpoint}{path}"
        signed = {**headers, **await self.auth.headers(method, url, content_type)}
        if content_type:
            signed["Content-Type"] = content_type
        try:
            with self.breaker.call() as outcome:
                try:
                    answer = await self.client.request(method, url, signed, body)
                except NoAnswer:
                    outcome.worked = False
                    raise
                outcome.worked = answer.status not in _DOWN
                return answer
        except (NoAnswer, BreakerOpen) as error:
            raise StorageUnavailable(f"tables do not answer: {error}") from error


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call that may be repeated: a read, or a write that leaves the same behind however often it lands."""
    failures = 0
    while True:
        try:
            return await call()
        except StorageUnavailable:
            failures += 1
            delay = CALL_RETRY.delay(failures, chance=random.random())  # noqa: S311 - spreads retries
            if delay is None:
                raise
            await asyncio.sleep(delay)
