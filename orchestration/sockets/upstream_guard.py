"""Who may call the event handler: Web PubSub itself, for the hub that this app uses."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from orchestration.errors import RequestRefused, TokenRefused
from orchestration.http import HttpCall
from orchestration.ports import TokenVerifier
from orchestration.settings import Settings
from orchestration.sockets.upstream import UpstreamEvent, allowed_origin, is_signed, parse_event


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamGuard:
    """Checks where an event comes from. Every check that the settings make possible has to pass, one at least.

    With an access key: the signature of the connection id. With ``WEB_PUBSUB_UPSTREAM_AUDIENCE`` and
    ``WEB_PUBSUB_UPSTREAM_PRINCIPAL``: a token for that audience of the service's own managed identity.
    """

    settings: Settings
    tokens: TokenVerifier

    def origin(self, call: HttpCall) -> str:
        """For the handshake before the first event (abuse protection of CloudEvents webhooks, section 4).

        Returns the host to allow. Raises :class:`RequestRefused` 403 for every host but that of our own endpoint.
        """
        allowed = allowed_origin(
            call.headers.get("webhook-request-origin", ""), self.settings.web_pubsub_hosts
        )
        if allowed is None:
            raise RequestRefused("events come from our own Web PubSub alone", code="forbidden", status=403)
        return allowed

    async def admit(self, call: HttpCall) -> UpstreamEvent:
        """The event of a call. Raises :class:`TokenRefused` (401) or :class:`RequestRefused` 400, 403, 413."""
        event = parse_event(call)
        keys, audience = self.settings.web_pubsub_keys, self.settings.upstream_audience
        if not keys and not audience:
            raise TokenRefused("no key and no identity is configured that events could be checked with")
        if keys and not is_signed(event, keys):
            raise TokenRefused("the signature is not that of our Web PubSub")
        if audience:
            await self._check_token(call, audience)
        if event.hub.lower() != self.settings.web_pubsub_hub.lower():
            raise RequestRefused("events of this hub are not for this app", code="forbidden", status=403)
        return event

    async def _check_token(self, call: HttpCall, audience: str) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused("an access token is needed", challenge="Bearer")
        claims = await self.tokens.verify(token.strip(), audience=audience)
        principal = (self.settings.upstream_principal or "").encode()
        # An identity shows as ``oid``; for an application's own token ``sub`` says the same.
        named = [str(claims.get(name, "")).encode(errors="replace") for name in ("oid", "sub")]
        if not any([hmac.compare_digest(name, principal) for name in named]):  # noqa: C419 - compare both
            raise TokenRefused("the token is of another identity than our Web PubSub's")
