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
from orchestration.routes import Route

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers calls. ``access`` decides who may; the controller's handlers do the work."""

    controller: ContentArchitectController
    access: AccessService

    async def answer(self, route: Route, call: HttpCall) -> HttpReply:
        """Answer one call of a route. A cancelled call answers too, or the host would wait for it."""
        try:
            caller = await self.access.admit(call, route.role)
            return await route.handler(self.controller, replace(call, caller=caller))
        except ContentArchitectError as error:
            return refusal(error, call.trace_id)
        except asyncio.CancelledError:
            return refusal(ContentArchitectError("the call was cancelled", code="cancelled"), call.trace_id)
        except Exception:  # noqa: BLE001 - the outermost place of the HTTP path: a defect becomes a problem document
            _log.exception("unexpected error", extra={"trace_id": call.trace_id})
            return refusal(ContentArchitectError("something went wrong here"), call.trace_id)
