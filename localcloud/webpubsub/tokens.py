"""The access-key tokens of REST callers and WebSocket clients: verified and issued, HS256 only."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from yarl import URL

_ALGORITHM = "HS256"
_GROUP_CLAIM = "webpubsub.group"
_TOKENS_KEPT = 1024

MINIMUM_KEY_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key has at least the size of the hash."""


class TokenError(Exception):
    """The token is missing, badly signed, expired, or made for something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdentity:
    """What a verified client token says about the client.

    Attributes:
        user_id: The `sub` claim, absent for an anonymous client.
        roles: The `role` claim, which may be one string or a list.
        groups: The groups to join while connecting (`webpubsub.group`).
        claims: Every claim as strings, in the shape in which the connect event forwards them.
    """

    user_id: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    claims: Mapping[str, tuple[str, ...]]


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header, or None where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def verify_rest_token(token: str | None, *, keys: Sequence[str], url: URL) -> None:
    """Accepts a REST caller's token only for this very request.

    The service SDK signs the full request URL, query included, as the audience. Both URLs are compared in
    their normal form, because HTTP libraries differ in which characters they percent-encode.

    Raises:
        TokenError: With the reason to show to the caller.
    """
    claims = _decode(token, keys=keys)
    if not any(_same_url(audience, url) for audience in _strings(claims.get("aud"))):
        raise TokenError("The audience of the token is not the URL of this request.")


def verify_client_token(token: str | None, *, keys: Sequence[str], audience: str) -> ClientIdentity:
    """Reads a WebSocket client's token made for the hub at `audience`.

    Raises:
        TokenError: With the reason to show to the client.
    """
    claims = _decode(token, keys=keys)
    if audience not in _strings(claims.get("aud")):
        raise TokenError("The audience of the token is not this hub.")
    subject = claims.get("sub")
    return ClientIdentity(
        user_id=str(subject) if subject is not None else None,
        roles=_strings(claims.get("role")),
        groups=_strings(claims.get(_GROUP_CLAIM)),
        claims={name: _strings(value) for name, value in claims.items()},
    )


def issue_client_token(
    *,
    key: str,
    audience: str,
    now: datetime,
    lifetime: timedelta,
    user_id: str | None,
    roles: Sequence[str],
    groups: Sequence[str],
) -> str:
    """A client token with the claims that the service SDK would put into one that it signs itself."""
    claims: dict[str, Any] = {"aud": audience, "iat": now, "exp": now + lifetime}
    if user_id is not None:
        claims["sub"] = user_id
    if roles:
        claims["role"] = list(roles)
    if groups:
        claims[_GROUP_CLAIM] = list(groups)
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def _decode(token: str | None, *, keys: Sequence[str]) -> dict[str, Any]:
    """The claims of a token that one of the keys signed; the primary key goes first."""
    for key in keys[:-1]:
        with suppress(TokenError):
            return _decode_with(token, key=key)
    return _decode_with(token, key=keys[-1])


def _decode_with(token: str | None, *, key: str) -> dict[str, Any]:
    if token is None:
        raise TokenError("No access token was sent.")
    try:
        claims = _verified(token, key)
    except jwt.InvalidTokenError as error:
        raise TokenError(f"The access token was refused: {error}") from error
    if int(claims["exp"]) <= time.time():
        raise TokenError("The access token was refused: it has expired since it was first seen.")
    return claims


@lru_cache(maxsize=_TOKENS_KEPT)
def _verified(token: str, key: str) -> dict[str, Any]:
    """The claims of a good token. A sender signs once and uses the token for many messages; nobody changes them."""
    # Several audiences are legal for a REST token, and PyJWT cannot compare URLs: checked by the caller.
    return jwt.decode(
        token, key, algorithms=[_ALGORITHM], options={"require": ["exp", "aud"], "verify_aud": False}
    )


def _strings(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return (str(value),)


def _same_url(audience: str, url: URL) -> bool:
    try:
        return URL(audience) == url
    except ValueError:
        return False
