"""The one HTTP client for addresses that come from outside: requests, sources, search results.

A name is looked up once, every address it has is checked, and the connection goes to the address that was
checked, so that a second answer of the name server changes nothing. No proxy of the environment is used.
Redirects are followed hop by hop through the same checks; time, size and decompression are bounded.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urljoin

import httpcore

from layers.contract import StepError
from orchestration.adapters.address_guard import (
    NO_HOSTS,
    Resolver,
    Target,
    check_url,
    refused,
    resolve_public,
    system_resolver,
)
from orchestration.telemetry.spans import AnySpan
from orchestration.telemetry.work import answered, calling

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_CHUNK = 65_536
_GZIP = 31  # zlib's window bits for a gzip wrapper
_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    httpcore.ProxyError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` for the whole fetch with its redirects; ``size`` in bytes after decompression."""

    seconds: float = 20.0
    size: int = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer; ``url`` is the address that gave it, after redirects. Header names are lower-case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only; the host name stays what TLS verifies."""

    def __init__(
        self, inner: httpcore.AsyncNetworkBackend, resolve: Resolver, loopback: frozenset[str]
    ) -> None:
        self._inner = inner
        self._resolve = resolve
        self._loopback = loopback

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, check all, connect to the first."""
        address = await resolve_public(self._resolve, host, port, loopback=self._loopback)
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        del path, timeout, socket_options
        raise refused("local sockets are not allowed")

    async def sleep(self, seconds: float) -> None:
        """Wait between httpcore's own attempts."""
        await asyncio.sleep(seconds)


class GuardedClient:
    """GET and POST through the guard. Close it with ``aclose`` when the process ends.

    ``loopback`` are hosts of this machine that may be spoken to over http: for tests, never in Azure.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_http: bool = False,
        limits: Limits | None = None,
        resolve: Resolver = system_resolver,
        network: httpcore.AsyncNetworkBackend | None = None,
        loopback: frozenset[str] = NO_HOSTS,
    ) -> None:
        self._agent = user_agent
        self._resolve = resolve
        self._loopback = loopback
        self._allow_http = allow_http
        self._limits = limits or Limits()
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=16,
            keepalive_expiry=15.0,
            ssl_context=_certificates(),
            network_backend=GuardedBackend(network or httpcore.AnyIOBackend(), resolve, loopback),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetch an address. The answer may have any status but a redirect.

        Raises :class:`StepError`: ``source_refused`` where the guard or a limit forbids it,
        ``source_unreachable`` where the network fails or time runs out.
        """
        return await self._in_time(self._follow(url, headers or {}))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body. The answer may have any status.

        No redirect is followed; what the body of the answer has beyond the limit is left unread.

        Raises :class:`StepError` as ``get`` does.
        """
        return await self._in_time(self._send(url, body, headers))

    async def check(self, url: str) -> None:
        """Check an address as a call would, without calling. Raises :class:`StepError` as ``get`` does."""
        target = self._target(url)
        await self._in_time(resolve_public(self._resolve, target.host, target.port, loopback=self._loopback))

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await work
        except TimeoutError as error:
            raise _unreachable(f"no answer within {self._limits.seconds:g} s") from error
        except _FAILURES as error:
            raise _unreachable(type(error).__name__) from error

    async def _follow(self, url: str, headers: Mapping[str, str]) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._once(url, headers)
            if answer.status not in _REDIRECTS:
                return answer
            location = answer.headers.get("location")
            if not location:
                raise refused("a redirect that leads nowhere")
            url = urljoin(url, location.encode("latin-1").decode(errors="replace"))
        raise refused(f"more than {_MOST_REDIRECTS} redirects")

    async def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        target = self._target(url)
        sent = {"User-Agent": self._agent, "Accept-Encoding": "identity, gzip", **headers}
        with calling("GET", target.host, target.port) as call:
            return await self._get_once(target, sent, call)

    async def _get_once(self, target: Target, sent: Mapping[str, str], call: AnySpan) -> Answer:
        async with self._stream("GET", target, sent) as response:
            answered(call, response.status)
            received = _headers(response)
            body = (
                b"" if response.status in _REDIRECTS else await self._body(response.aiter_stream(), received)
            )
            return Answer(url=target.url, status=response.status, headers=received, body=body)

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        target = self._target(url)
        sent = {"User-Agent": self._agent, "Accept-Encoding": "identity", **headers}
        with calling("POST", target.host, target.port) as call:
            return await self._post_once(target, sent, body, call)

    async def _post_once(self, target: Target, sent: Mapping[str, str], body: bytes, call: AnySpan) -> Answer:
        async with self._stream("POST", target, sent, body) as response:
            answered(call, response.status)
            read = bytearray()
            async for part in response.aiter_stream():
                read += part[: self._limits.size - len(read)]
                if len(read) >= self._limits.size:
                    break
            return Answer(
                url=target.url, status=response.status, headers=_headers(response), body=bytes(read)
            )

    def _target(self, url: str) -> Target:
        return check_url(url, allow_http=self._allow_http, loopback=self._loopback)

    def _stream(
        self, method: str, target: Target, headers: Mapping[str, str], content: bytes | None = None
    ) -> AbstractAsyncContextManager[httpcore.Response]:
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._limits.seconds)
        return self._pool.stream(
            method,
            target.url,
            headers=list(headers.items()),
            content=content,
            extensions={"timeout": timeouts},
        )

    async def _body(self, stream: AsyncIterator[bytes], headers: Mapping[str, str]) -> bytes:
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "", "gzip", "x-gzip"):
            raise refused(f"content coding {coding!r} was not asked for")
        body = bytearray()
        async for part in _inflated(stream) if "gzip" in coding else stream:
            body += part
            if len(body) > self._limits.size:
                raise refused(f"the answer is larger than {self._limits.size} bytes")
        return bytes(body)


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """One context for the process: httpcore would load all root certificates again for each connection."""
    return httpcore.default_ssl_context()


async def _inflated(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompress in small pieces: a bomb is noticed after one of them, not after it has filled the memory."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        async for part in stream:
            waiting = part
            while waiting and not inflater.eof:
                yield inflater.decompress(waiting, _CHUNK)
                waiting = inflater.unconsumed_tail
    except zlib.error as error:
        raise _unreachable("the answer is not the gzip it claims to be") from error


def require_success(answer: Answer) -> Answer:
    """The answer if its status is 2xx. Raises :class:`StepError` otherwise, retryable as the status says."""
    if 200 <= answer.status < 300:
        return answer
    wait = answer.headers.get("retry-after", "")
    raise StepError(
        f"status {answer.status}",
        code="source_unreachable",
        retryable=answer.status in _RETRYABLE,
        retry_after=float(wait) if wait.isdigit() else None,
    )


def _unreachable(reason: str) -> StepError:
    return StepError(reason, code="source_unreachable", retryable=True)
