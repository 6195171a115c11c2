"""The way of every HTTP call: find its route, admit its caller, run its handler, answer.

Nothing escapes ``Api.answer``: what went wrong becomes a problem document (RFC 9457).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from orchestration.access import AccessService
from orchestration.controller import ContentArchitectController, refusal
from orchestration.errors import ContentArchitectError
from orchestration.http import HttpCall, HttpReply
from orchestration.ids import canonical_job_id
from orchestration.routes import BASE, Route
from orchestration.telemetry.entries import served, serving
from orchestration.telemetry.trace_context import current_trace_id

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers calls. ``access`` decides who may; the controller's handlers do the work."""

    controller: ContentArchitectController
    access: AccessService

    async def answer(self, route: Route, call: HttpCall) -> HttpReply:
        """Answer one call of a route. A cancelled call answers too, or the host would wait for it."""
        base = self.controller.settings.api_url
        path, trace = f"/{BASE}/{route.path}", call.traceparent
        with serving(call.method, path, name=route.name, base=base, traceparent=trace) as span:
            call = replace(call, trace_id=current_trace_id() or call.trace_id)
            reply, tenant = await self._answered(route, call)
            served(
                span,
                reply.status,
                tenant=tenant,
                job_id=canonical_job_id(call.route.get("jobId", "")) or "",
                route=route.name,
            )
            return reply

    async def _answered(self, route: Route, call: HttpCall) -> tuple[HttpReply, str]:
        """The answer, and the tenant of whoever was admitted."""
        tenant = ""
        try:
            caller = await self.access.admit(call, route.role)
            tenant = caller.tenant
            return await route.handler(self.controller, replace(call, caller=caller)), tenant
        except ContentArchitectError as error:
            return refusal(error, call.trace_id), tenant
        except asyncio.CancelledError:
            cancelled = ContentArchitectError("the call was cancelled", code="cancelled")
            return refusal(cancelled, call.trace_id), tenant
        except Exception:  # noqa: BLE001 - the outermost place of the HTTP path: a defect becomes a problem document
            _log.exception("unexpected error", extra={"trace_id": call.trace_id})
            return refusal(ContentArchitectError("something went wrong here"), call.trace_id), tenant
