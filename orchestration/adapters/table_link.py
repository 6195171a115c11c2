"""One bare HTTP request to the table service, for the calls that every job makes.

The official client spends 1.1-1.6 ms of CPU on each, this about a third; docs/decisions/0002-batch-writer.md has
the figures.
"""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from yarl import URL

from orchestration.adapters.table_auth import TableAuth
from orchestration.errors import StorageUnavailable
from orchestration.retry import CALL_RETRY

T = TypeVar("T")

REQUEST_TIMEOUT = 15.0
_AT_ONCE = 1024 * 1024
"""Bytes from which on a body goes out in pieces: one write of it would hold up the event loop."""

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAnswer:
    """What the service answered, whatever the status. Names of headers match in any case."""

    status: int
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLink:
    """The endpoint (without a trailing slash), how requests are signed, and a long-lived, shared session."""

    session: aiohttp.ClientSession
    endpoint: str
    auth: TableAuth
    timeout: aiohttp.ClientTimeout = field(default=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT))

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        content_type: str = "",
        body: bytes | None = None,
    ) -> TableAnswer:
        """Send it once; ``path`` starts with a slash and is encoded already.

        Raises :class:`StorageUnavailable` when there is no answer: a write may have landed all the same.
        """
        url = f"{self.endpoint}{path}"
        signed = {**headers, **await self.auth.headers(method, url, content_type)}
        if content_type:
            signed["Content-Type"] = content_type
        data = body if body is None or len(body) < _AT_ONCE else io.BytesIO(body)
        try:
            async with self.session.request(
                method, URL(url, encoded=True), data=data, headers=signed, timeout=self.timeout
            ) as response:
                payload = await response.read()
                return TableAnswer(status=response.status, headers=response.headers, payload=payload)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise StorageUnavailable(f"tables do not answer: {type(error).__name__}") from error


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
