"""Faults on demand, for tests of clients and publishers; served only when the stand-in is told so."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from localcloud.webpubsub.payloads import Frame, is_message
from localcloud.webpubsub.problems import ApiError
from localcloud.webpubsub.switchboard import Switchboard

_REST_PATH = "/api/hubs/"
_LONGEST_DELAY_SECONDS = 60


@dataclass(slots=True, kw_only=True)
class FaultPlan:
    """The faults that are switched on.

    Attributes:
        delay: Seconds to wait before every frame to a client.
        status: The status to answer REST calls with, while `rejections` is above 0.
        rejections: How many REST calls are still to be refused.
        duplicates: How many messages are still to be sent twice.
        retry_after: Seconds for the `Retry-After` header of a refusal; absent for no header.
    """

    delay: float = 0.0
    status: int = 503
    rejections: int = 0
    duplicates: int = 0
    retry_after: int | None = None

    async def pace(self, frame: Frame) -> int:
        """Waits as long as a frame is to be delayed; returns how often to send it."""
        if self.delay > 0:
            await asyncio.sleep(self.delay)
        if self.duplicates < 1 or not is_message(frame):
            return 1
        self.duplicates -= 1
        return 2


def refusals(plan: FaultPlan) -> Middleware:
    """Middleware: refuses as many REST calls as the plan says."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if plan.rejections < 1 or not request.path.startswith(_REST_PATH):
            return await handler(request)
        plan.rejections -= 1
        response = ApiError(plan.status, "FaultInjected", "Refused on purpose.").response()
        if plan.retry_after is not None:
            response.headers["Retry-After"] = str(plan.retry_after)
        return response

    return refuse


class FaultApi:
    """`/_faults`: GET shows the plan, DELETE resets it; POST to `drop`, `delay`, `duplicate` or `reject` adds a fault.

    There is no fault that changes the order: the service keeps that of each connection, and an order to break it is refused.
    """

    def __init__(self, *, plan: FaultPlan, switchboard: Switchboard) -> None:
        self._plan = plan
        self._switchboard = switchboard

    def routes(self) -> list[web.RouteDef]:
        """The control endpoint; no credential, as it exists on loopback and on request only."""
        return [
            web.get("/_faults", self._show),
            web.delete("/_faults", self._reset),
            web.post("/_faults/drop", self._drop),
            web.post("/_faults/delay", self._delay),
            web.post("/_faults/duplicate", self._duplicate),
            web.post("/_faults/reorder", self._reorder),
            web.post("/_faults/reject", self._reject),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        plan = self._plan
        return web.json_response(
            {
                "delay": plan.delay,
                "status": plan.status,
                "rejections": plan.rejections,
                "duplicates": plan.duplicates,
                "retryAfter": plan.retry_after,
                "sockets": self._switchboard.live,
            }
        )

    async def _reset(self, _: web.Request) -> web.Response:
        fresh = FaultPlan()
        self._plan.delay, self._plan.rejections = fresh.delay, fresh.rejections
        self._plan.duplicates = fresh.duplicates
        return web.Response(status=204)

    async def _drop(self, request: web.Request) -> web.Response:
        """Cuts sockets abruptly: one connection (`connectionId`), or all of a hub."""
        order = await _order(request)
        if not isinstance(order.get("hub"), str):
            raise ApiError(400, "InvalidFault", "hub is missing.")
        hub = self._switchboard.hub(order["hub"])
        wanted = order.get("connectionId")
        chosen = [connection for connection in hub.everyone() if wanted in {None, connection.id}]
        dropped = [connection.id for connection in chosen if self._switchboard.drop(connection)]
        return web.json_response({"dropped": dropped})

    async def _delay(self, request: web.Request) -> web.Response:
        """Slows every frame down by `seconds`."""
        self._plan.delay = _number(await _order(request), "seconds", maximum=_LONGEST_DELAY_SECONDS)
        return web.Response(status=204)

    async def _duplicate(self, request: web.Request) -> web.Response:
        """Sends the next `times` messages twice, each time with the same sequence id."""
        self._plan.duplicates = int(_number(await _order(request), "times", maximum=1_000_000))
        return web.Response(status=204)

    async def _reorder(self, _: web.Request) -> web.Response:
        raise ApiError(400, "NotAFault", "The service keeps the order of the messages of a connection.")

    async def _reject(self, request: web.Request) -> web.Response:
        """Answers the next `times` REST calls with `status` (429 or 503) and, if given, `retryAfter` seconds."""
        order = await _order(request)
        if order.get("status") not in {429, 503}:
            raise ApiError(400, "InvalidFault", "status must be 429 or 503.")
        self._plan.status = order["status"]
        self._plan.rejections = int(_number(order, "times", maximum=1_000_000))
        has_retry_after = order.get("retryAfter") is not None
        self._plan.retry_after = int(_number(order, "retryAfter", maximum=3600)) if has_retry_after else None
        return web.Response(status=204)


async def _order(request: web.Request) -> dict[str, Any]:
    try:
        order = await request.json()
    except ValueError as error:
        raise ApiError(400, "InvalidFault", "The body is not JSON.") from error
    if not isinstance(order, dict):
        raise ApiError(400, "InvalidFault", "The body is not a JSON object.")
    return order


def _number(order: dict[str, Any], name: str, *, maximum: float) -> float:
    value = order.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
        raise ApiError(400, "InvalidFault", f"{name} must be a number from 0 to {maximum}.")
    return value
