"""The way of every HTTP call: find its route, admit its caller, run its handler, answer.

Nothing escapes ``Api.answer``: what went wrong becomes a problem document (RFC 9457).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from orchestration.access.rate_limits import RateLimits
from orchestration.access.service import AccessService
from orchestration.controller import ContentArchitectController, refusal
from orchestration.errors import ContentArchitectError
from orchestration.http import HttpCall, HttpReply, check_size, complete
from orchestration.ids import canonical_job_id
from orchestration.routes import BASE, Route, as_get
from orchestration.telemetry.entries import admitted, served, serving
from orchestration.telemetry.trace_context import current_trace_id

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers calls. ``access`` decides who may, ``rates`` how often; the controller's handlers do the work."""

    controller: ContentArchitectController
    access: AccessService
    rates: RateLimits

    async def answer(self, route: Route, call: HttpCall) -> HttpReply:
        """Answer one call of a route. A cancelled call answers too, or the host would wait for it."""
        path, trace = f"/{BASE}/{route.path}", call.traceparent
        base, job_id = self.controller.settings.api_url, canonical_job_id(call.route.get("jobId", ""))
        with serving(call.method, path, name=route.name, base=base, traceparent=trace) as span:
            call = replace(call, trace_id=current_trace_id() or call.trace_id)
            reply = complete(await self._answer(*as_get(route, call)), call.trace_id)
            served(span, reply.status, job_id=job_id, route=route.name)
            return reply

    async def _answer(self, route: Route, call: HttpCall) -> HttpReply:
        limits: dict[str, str] = {}
        try:
            check_size(call)
            caller = await self.access.admit(call, route.role)
            admitted(caller.tenant)
            if caller.limited:
                limits |= await self.rates.spend(caller.tenant)
            route.check(call)
            reply = await route.handler(self.controller, replace(call, caller=caller))
        except ContentArchitectError as error:
            reply = refusal(error, call.trace_id)
        except asyncio.CancelledError:
            reply = refusal(ContentArchitectError("the call was cancelled", code="cancelled"), call.trace_id)
        except Exception:  # noqa: BLE001 - the outermost place of the HTTP path: a defect becomes a problem document
            _log.exception("unexpected error", extra={"trace_id": call.trace_id})
            reply = refusal(ContentArchitectError("something went wrong here"), call.trace_id)
        return replace(reply, headers={**limits, **reply.headers})
