"""What an identity provider says about somebody, as a caller. Pure.

Claims come from a verified access token of Microsoft Entra ID, or from the header that App Service authentication
("Easy Auth") sets. Both end as the same names: ``tid``, ``oid``, ``azp`` or ``appid``, ``roles``, ``scp``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from orchestration.errors import TokenRefused
from orchestration.identity import Caller, Role
from orchestration.schemas import parse_json

PRINCIPAL_HEADER = "x-ms-client-principal"
FULL_SCOPE = "user_impersonation"
"""The scope that the portal offers: the application may do what its user may."""

MAX_PRINCIPAL = 16 * 1024
_MICROSOFT = "http://schemas.microsoft.com/identity/claims/"
_LONG_NAMES = {
    f"{_MICROSOFT}tenantid": "tid",
    f"{_MICROSOFT}objectidentifier": "oid",
    f"{_MICROSOFT}scope": "scp",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
}
"""Easy Auth writes some claims under the names of the older .NET identity model."""


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller that verified claims describe.

    An application has the greatest of its app roles. A user has the greatest of theirs too, but no more than the
    scopes allow that the application was given in their name: ``user_impersonation`` allows all, a scope named as
    a role allows that role, others allow nothing. Without any app role there is no role.
    """
    tenant, owner = _text(claims, "tid"), _text(claims, "oid")
    role = _greatest(_words(claims.get("roles")))
    scopes = _words(claims.get("scp"))
    if not scopes and _of_application(claims):
        app = _text(claims, "azp") or _text(claims, "appid")
        return Caller(tenant=tenant, subject=f"app:{app or owner}", role=role)
    allowed = Role.ADMIN if not scopes or FULL_SCOPE in scopes else _greatest(scopes)
    if role is not None and (allowed is None or role.includes(allowed)):
        role = allowed
    return Caller(tenant=tenant, subject=f"user:{owner or _text(claims, 'sub')}", role=role)


def check_access_token(claims: Mapping[str, Any]) -> None:
    """Raises :class:`TokenRefused` for an ID token: it tells an application who signed in, and opens nothing.

    It is signed by the same keys and may be for the same audience, and a user's carries the same app roles. An
    access token has scopes, or is an application's own.
    """
    if not _words(claims.get("scp")) and not _of_application(claims):
        raise TokenRefused("this is no access token")


def _of_application(claims: Mapping[str, Any]) -> bool:
    """Whether nobody but an application is meant: ``idtyp`` says so where it is sent, else subject and object are one."""
    return claims.get("idtyp") == "app" or (
        bool(_text(claims, "oid")) and claims.get("oid") == claims.get("sub")
    )


def principal_claims(header: str) -> dict[str, Any]:
    """The claims in ``X-MS-CLIENT-PRINCIPAL``: base64 of ``{"auth_typ", "claims": [{"typ", "val"}], "role_typ"}``.

    Raises :class:`TokenRefused` for anything else, and for a provider that is not Entra.
    """
    if len(header) > MAX_PRINCIPAL:
        raise TokenRefused("the client principal cannot be read")
    try:
        principal = parse_json(base64.b64decode(header, validate=True))
        provider, role_type = principal["auth_typ"], principal.get("role_typ", "roles")
        pairs = [(str(claim["typ"]), str(claim["val"])) for claim in principal["claims"]]
    except (ValueError, binascii.Error, KeyError, TypeError, AttributeError):
        raise TokenRefused("the client principal cannot be read") from None
    if provider != "aad":
        raise TokenRefused("the client principal is not of Microsoft Entra ID")
    claims: dict[str, Any] = {"roles": []}
    for name, value in pairs:
        short = "roles" if name == role_type else _LONG_NAMES.get(name, name)
        if short == "roles":
            claims["roles"].append(value)
        elif claims.setdefault(short, value) != value:
            raise TokenRefused("the client principal contradicts itself")
    return claims


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:128] if isinstance(value, str) else ""


def _words(value: object) -> frozenset[str]:
    """A claim of several words: a list, or one text with blanks between them."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(word for word in value if isinstance(word, str))
    return frozenset()


def _greatest(words: Iterable[str]) -> Role | None:
    known = [role for role in Role if role.value in {word.lower() for word in words}]
    return known[-1] if known else None
