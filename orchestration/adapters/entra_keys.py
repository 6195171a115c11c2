"""The public keys of a directory: fetched from the operator's authority, kept, and fetched again when they change."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import jwt

from orchestration.breaker import Breaker, BreakerOpen
from orchestration.errors import IdentityUnavailable
from orchestration.ports import Clock

REFRESH_EVERY: Final = 60.0
"""Seconds between two fetches that unknown key ids cause: a flood of invented ones costs one fetch a minute."""

RENEW_AFTER: Final = 6 * 3600.0
KEPT_AT_MOST: Final = 24 * 3600.0
"""Keys are renewed when they are old, and used no longer than this when that fails: a withdrawn key must go."""

_SECONDS: Final = 5.0
_MAX_BYTES: Final = 256 * 1024
_MAX_KEYS: Final = 64
_MIN_BITS: Final = 2048

_log = logging.getLogger(__name__)


class KeySource:
    """Fetches key documents of one authority over HTTPS. Close it with ``aclose``."""

    def __init__(self, authority: str, clock: Clock) -> None:
        self._authority = authority.rstrip("/")
        self.breaker = Breaker("the identity provider", clock.monotonic)
        # Keys decide who is let in: no proxy of the environment, no redirect.
        self._client = httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def fetch(self, directory: str) -> dict[str, jwt.PyJWK]:
        """The signing keys of a directory by id. Raises :class:`IdentityUnavailable`."""
        try:
            with self.breaker.call() as outcome:
                outcome.worked = False
                keys = _read(await self._get(f"{self._authority}/{directory}/discovery/v2.0/keys"))
                outcome.worked = True
                return keys
        except BreakerOpen as error:
            raise IdentityUnavailable("the identity provider is not asked now") from error
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise IdentityUnavailable(
                f"no keys from the identity provider: {type(error).__name__}"
            ) from error

    async def _get(self, url: str) -> bytes:
        """The document, bounded in time and size while it comes in; an encoding could hide a larger one."""
        async with (
            asyncio.timeout(_SECONDS),
            self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(response.status_code)
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("too large")
            return body


def _read(document: bytes) -> dict[str, jwt.PyJWK]:
    """The RSA signing keys of a JWKS document (RFC 7517) that are long enough. Raises ValueError for none."""
    try:
        entries = json.loads(document)["keys"][:_MAX_KEYS]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("no key document") from error
    keys = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not _fits(entry):
            continue
        try:
            key = jwt.PyJWK(dict(entry), algorithm="RS256")
        except jwt.PyJWTError:
            continue
        if key.key.key_size >= _MIN_BITS:
            keys[str(entry["kid"])] = key
    if not keys:
        raise ValueError("no usable key")
    return keys


def _fits(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and isinstance(entry.get("kid"), str)
    )


@dataclass(slots=True)
class KeysOfDirectory:
    """The keys of one directory as they are known now."""

    source: KeySource
    directory: str
    clock: Clock
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    _fetched: float | None = None
    _tried: float | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key, or None when the directory has none of this id.

        Raises :class:`IdentityUnavailable` while no keys are known that are young enough.
        """
        if key_id in self._keys and self._age < RENEW_AFTER:
            return self._keys[key_id]
        async with self._lock:  # one fetch serves all who wait for it
            if key_id not in self._keys or self._age >= RENEW_AFTER:
                await self._renew()
        return self._keys.get(key_id)

    @property
    def _age(self) -> float:
        return float("inf") if self._fetched is None else self.clock.monotonic() - self._fetched

    async def _renew(self) -> None:
        now = self.clock.monotonic()
        if self._tried is None or now - self._tried >= REFRESH_EVERY:
            self._tried = now
            try:
                self._keys = await self.source.fetch(self.directory)
                self._fetched = now
            except IdentityUnavailable as error:
                _log.warning("keys of the identity provider not renewed", extra={"reason": str(error)})
        if self._age >= KEPT_AT_MOST:
            self._keys = {}
            raise IdentityUnavailable("the keys of the identity provider are not known; try again")
