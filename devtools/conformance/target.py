"""The host that is looked at, and what a case can say of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

_PATIENCE_S = 60.0
"""How long a host may be away while its worker starts again."""


class MismatchError(Exception):
    """The host does something else."""


class NotApplicableError(Exception):
    """The case cannot be decided on this host; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of the table in docs/host-conformance.md."""

    number: int
    title: str
    check: Callable[[Target], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, read to its end."""

    status: int
    text: str
    headers: Mapping[str, str]
    cookies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host that serves the conformance app, and the keys that were given for it."""

    url: str
    session: aiohttp.ClientSession
    key: str | None = None
    """A host key or a key of the function ``keyed``."""
    master_key: str | None = None

    async def get(self, path: str, **options: Any) -> Reply:
        """GET a path."""
        return await self.send("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Reply:
        """POST to a path."""
        return await self.send("POST", path, **options)

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request. A host that refuses the connection is given time to come back."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while True:
            try:
                return await self.send_once(method, path, **options)
            except aiohttp.ClientConnectorError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def send_once(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request without such patience."""
        async with self.session.request(method, f"{self.url}{path}", **options) as response:
            return Reply(
                status=response.status,
                text=(await response.read()).decode(),
                headers={name.lower(): value for name, value in response.headers.items()},
                cookies=tuple(response.headers.getall("Set-Cookie", ())),
            )

    async def enforces_keys(self) -> bool:
        """Whether function keys are checked; ``func start`` does not."""
        return (await self.get("/api/keyed")).status == 401

    async def admin_headers(self) -> dict[str, str]:
        """What a request to the admin API needs. Raises :class:`NotApplicableError` where that was not given."""
        if self.master_key is not None:
            return {"x-functions-key": self.master_key}
        if await self.enforces_keys():
            raise NotApplicableError("the admin API asks for the master key: --master-key")
        return {}

    async def status_of_raw(self, head: str) -> int:
        """Send a request line and headers, no body, and return the status."""
        parts = urlsplit(self.url)
        secure = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
        try:
            writer.write(f"{head}\r\nHost: {parts.netloc}\r\n\r\n".encode())
            line = await reader.readline()
            return int(line.split()[1]) if line else 0
        finally:
            writer.close()


def expect(expected: object, got: object, what: str) -> None:
    """Raise :class:`MismatchError` where they differ."""
    if expected != got:
        raise MismatchError(f"{what}: {got!r} instead of {expected!r}")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body without a length."""
    for part in parts:
        yield part
