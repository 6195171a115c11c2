"""Access tokens of Microsoft Entra ID: signature, issuer, audience, time and directory.

The rules are those of "Access tokens in the Microsoft identity platform" (Microsoft Learn, "Validate tokens"): RS256
alone, keys from the directory's JWKS document, and an issuer that belongs to the directory that ``tid`` names, in the
form of version 2 (``<authority>/<tid>/v2.0``) or 1 (``https://sts.windows.net/<tid>/``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import jwt

from orchestration.adapters.entra_keys import KeysOfDirectory, KeySource
from orchestration.errors import TokenRefused
from orchestration.ports import Clock
from orchestration.schemas import parse_json

LEEWAY_SECONDS: Final = 60
"""How far the clocks of issuer and server may differ."""

MAX_TOKEN: Final = 16 * 1024
_REQUIRED: Final = ["aud", "exp", "iat", "iss", "nbf", "sub", "tid"]
_REFUSALS: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is for another audience"),
    (jwt.InvalidIssuerError, "the token is of another issuer"),
    (jwt.MissingRequiredClaimError, "the token lacks a claim that it needs"),
)
_NOT_GENUINE: Final = "the token is not genuine"


class EntraTokenVerifier:
    """Checks tokens of the given directories. ``source`` fetches their keys."""

    def __init__(
        self, source: KeySource, *, authority: str, directories: frozenset[str], clock: Clock
    ) -> None:
        self._source = source
        self._authority = authority.rstrip("/")
        self._keys = {name: KeysOfDirectory(source, name, clock) for name in directories}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._source.aclose()

    async def verify(self, token: str, *, audience: str) -> Mapping[str, Any]:
        """See :class:`orchestration.ports.TokenVerifier`."""
        header, unproven = _peek(token)
        key_id, directory = header.get("kid"), unproven.get("tid")
        if header.get("alg") != "RS256":
            raise TokenRefused("the token is not signed with RS256")
        keys = self._keys.get(directory) if isinstance(directory, str) else None
        if keys is None:
            raise TokenRefused("the token's directory is not served here")
        key = await keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise TokenRefused(_NOT_GENUINE)
        issuers = [f"{self._authority}/{directory}/v2.0", f"https://sts.windows.net/{directory}/"]
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=_audiences(audience),
                issuer=issuers,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            reason = next((text for kind, text in _REFUSALS if isinstance(error, kind)), _NOT_GENUINE)
            raise TokenRefused(reason) from error
        return claims


def _audiences(audience: str) -> list[str]:
    bare = audience.removeprefix("api://")
    return [bare, f"api://{bare}"]


def _peek(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, unproven: they say which key to check with. Nesting is bounded before anybody parses it."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise TokenRefused("the credential is no access token")
    try:
        header, claims = (parse_json(_base64url(part)) for part in token.split(".")[:2])
    except (ValueError, binascii.Error):
        header = claims = None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TokenRefused("the credential is no access token")
    return header, claims


def _base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
