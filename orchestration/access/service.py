"""AccessService: who is calling, and may they? Every route but the open ones passes here before its handler runs."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from orchestration.access.addresses import address_hash, caller_address
from orchestration.access.apikeys import ApiKeyService
from orchestration.access.claims import PRINCIPAL_HEADER, caller_of, check_access_token, principal_claims
from orchestration.access.refusals import Refusals
from orchestration.errors import RequestRefused, TokenRefused
from orchestration.http import HttpCall
from orchestration.identity import NOBODY, Caller, Role
from orchestration.ids import canonical_job_id
from orchestration.management.audit import Actor
from orchestration.ports import JobStore, TokenVerifier
from orchestration.settings import Settings

OPERATOR = "operator"
"""The subject of whoever holds ``INTERNAL_API_TOKEN``."""

LOCAL = Caller(tenant="local", subject="local", role=Role.ADMIN, everywhere=True)
"""Everybody, with ``AUTH_MODE=off``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """Turns a credential into a caller, in the way of ``AUTH_MODE``."""

    settings: Settings
    store: JobStore
    tokens: TokenVerifier
    keys: ApiKeyService
    refusals: Refusals

    async def admit(self, call: HttpCall, needed: Role | None) -> Caller:
        """The caller, who has the role that is needed; ``None`` admits everybody.

        Raises :class:`TokenRefused` (401) for a missing or wrong credential, :class:`RequestRefused` 403 for one
        whose role is too small, :class:`DependencyUnavailable` when a credential cannot be checked now.
        """
        if needed is None:
            return NOBODY
        address = self.address(call)
        self.refusals.check(address)
        try:
            caller = replace(await self._caller(call), address=address)
        except TokenRefused as error:
            actor = Actor(tenant=error.tenant, user=error.subject, trace_id=call.trace_id, address=address)
            await self.refusals.note(actor, str(error), counts=True)
            raise
        if not caller.may(needed):
            actor = Actor(tenant=caller.tenant, user=caller.subject, trace_id=call.trace_id, address=address)
            await self.refusals.note(actor, f"the role {needed} was needed", counts=False)
            raise RequestRefused(f"this takes the role {needed}", code="forbidden", status=403)
        return await self._in_tenant_of_job(caller, call)

    async def _in_tenant_of_job(self, caller: Caller, call: HttpCall) -> Caller:
        """The installation's operator acts in the tenant of the job that they name; all others in their own."""
        job_id = canonical_job_id(call.route.get("jobId", ""))
        if caller.subject != OPERATOR or job_id is None:
            return caller
        await self.store.prepare()
        stored = await self.store.read_job(job_id)
        return replace(caller, tenant=stored.job.tenant) if stored else caller

    def address(self, call: HttpCall) -> str:
        """The keyed hash of where the call comes from; empty where no proxy of ours says it."""
        found = caller_address(call.headers, hops=self.settings.trusted_proxy_hops)
        return address_hash(found, self.settings.signing_secret)

    async def _caller(self, call: HttpCall) -> Caller:
        if self.settings.auth_mode == "off":
            return LOCAL
        given = call.credential
        if self._is_internal(given):
            tenant = self.settings.producer_default_tenant
            return Caller(tenant=tenant, subject=OPERATOR, role=Role.OPERATOR, everywhere=True)
        if self.settings.auth_mode == "apikey":
            return await self.keys.caller(_needed(given))
        principal = call.headers.get(PRINCIPAL_HEADER)
        if principal is not None and self.settings.easy_auth_in_front:
            return self._principal(principal)
        claims = await self.tokens.verify(_needed(given), audience=self.settings.entra_audience)
        check_access_token(claims)
        return caller_of(claims)

    def _principal(self, header: str) -> Caller:
        claims = principal_claims(header)
        tenant = str(claims.get("tid", "")).lower()
        if tenant not in self.settings.entra_tenants:
            raise TokenRefused("the directory of the client principal is not served here")
        return caller_of({**claims, "tid": tenant})

    def _is_internal(self, given: str) -> bool:
        token = self.settings.internal_api_token
        if token is None:
            return False
        # A header may hold half a surrogate pair (bytes that are no UTF-8), which the default refuses to encode.
        return hmac.compare_digest(given.encode(errors="surrogatepass"), token.get_secret_value().encode())


def _needed(given: str) -> str:
    if not given:
        raise TokenRefused("a credential is needed", challenge="Bearer")
    return given
