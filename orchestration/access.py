"""AccessService: who is calling, and may they? Every route but the open ones passes here before its handler runs."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from orchestration.errors import RequestRefused
from orchestration.http import HttpCall
from orchestration.identity import NOBODY, Caller, Role
from orchestration.settings import Settings

LOCAL = Caller(tenant="local", role=Role.ADMIN, everywhere=True)
"""Everybody, with ``AUTH_MODE=off``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """Turns a credential into a caller."""

    settings: Settings

    async def admit(self, call: HttpCall, needed: Role | None) -> Caller:
        """The caller, who has the role that is needed; ``None`` admits everybody.

        Raises :class:`RequestRefused` 401 for a missing or wrong credential, 403 for one whose role is too small.
        """
        if needed is None:
            return NOBODY
        caller = self._caller(call)
        if not caller.may(needed):
            raise RequestRefused(f"this takes the role {needed}", code="forbidden", status=403)
        return caller

    def _caller(self, call: HttpCall) -> Caller:
        if self.settings.auth_mode == "off":
            return LOCAL
        given = call.credential
        token = self.settings.internal_api_token
        if token and given and hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            tenant = self.settings.producer_default_tenant
            return Caller(tenant=tenant, subject="operator", role=Role.OPERATOR, everywhere=True)
        raise RequestRefused(
            "a credential is needed", code="unauthorized", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
