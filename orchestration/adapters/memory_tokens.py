"""The in-memory twin of the identity provider: it hands out tokens and knows them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.errors import TokenRefused
from orchestration.ports import Clock

_LEEWAY = 60
_REQUIRED = ("aud", "exp", "iat", "iss", "nbf", "sub", "tid")


class MemoryTokenVerifier:
    """Tokens are names of remembered claims; one that was not handed out here is not genuine."""

    def __init__(self, clock: Clock, directories: frozenset[str] = frozenset()) -> None:
        self._clock = clock
        self._directories = directories
        self._issued: dict[str, dict[str, Any]] = {}

    def issue(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, right or wrong."""
        token = f"memory.{len(self._issued)}.token"
        self._issued[token] = dict(claims)
        return token

    async def verify(self, token: str, *, audience: str) -> Mapping[str, Any]:
        """See :class:`orchestration.ports.TokenVerifier`."""
        claims = self._issued.get(token)
        if claims is None:
            raise TokenRefused("the token is not genuine")
        tenant, now, bare = claims.get("tid"), self._clock.now().timestamp(), audience.removeprefix("api://")
        if tenant not in self._directories:
            raise TokenRefused("the token's directory is not served here")
        if any(name not in claims for name in _REQUIRED):
            raise TokenRefused("the token lacks a claim that it needs")
        if claims["iss"] != f"https://sts.windows.net/{tenant}/":
            raise TokenRefused("the token is of another issuer")
        if claims["aud"] not in (bare, f"api://{bare}"):
            raise TokenRefused("the token is for another audience")
        if claims["nbf"] > now + _LEEWAY:
            raise TokenRefused("the token is not valid yet")
        if claims["exp"] <= now - _LEEWAY:
            raise TokenRefused("the token has expired")
        return claims
