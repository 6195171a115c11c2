"""REST: sending to everybody, a group, a user or a connection, and making client tokens."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from localcloud.webpubsub.gateway import client_audience
from localcloud.webpubsub.hub import Connection
from localcloud.webpubsub.payloads import (
    Message,
    Payload,
    PayloadError,
    data_type_of,
    group_message,
    payload_from_body,
    server_message,
)
from localcloud.webpubsub.problems import ApiError
from localcloud.webpubsub.rest import connection_of, excluded_by, group_of, hub_of, integer_of
from localcloud.webpubsub.switchboard import Switchboard
from localcloud.webpubsub.tokens import issue_client_token

_UNSUPPORTED_PARAMETERS = ("filter", "messageTtlSeconds")
_DEFAULT_TOKEN_MINUTES = 60
_MAXIMUM_TOKEN_MINUTES = 60 * 24 * 365


class SendApi:
    """The publishing side of the REST API.

    A send is answered with 202 before the fan-out: receivers are determined and the message is serialised while
    the request is handled, the outgoing queues are filled on the next turn of the event loop. Turns run in order,
    so a connection gets messages in the order in which they were accepted.
    """

    def __init__(self, *, key: str, switchboard: Switchboard, now: Callable[[], datetime]) -> None:
        self._key = key
        self._switchboard = switchboard
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """The paths of api-version 2024-12-01."""
        hub = "/api/hubs/{hub}"
        return [
            web.post(f"{hub}/:send", self._send_to_all),
            web.post(f"{hub}/groups/{{group}}/:send", self._send_to_group),
            web.post(f"{hub}/users/{{user}}/:send", self._send_to_user),
            web.post(f"{hub}/connections/{{connection}}/:send", self._send_to_connection),
            web.post(f"{hub}/:generateToken", self._generate_token),
        ]

    async def _send_to_all(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        message = server_message(await _payload(request))
        return self._accept(hub.everyone(excluded=excluded_by(request)), message)

    async def _send_to_group(self, request: web.Request) -> web.Response:
        hub, group = hub_of(request, self._switchboard), group_of(request)
        message = group_message(await _payload(request), group=group)
        return self._accept(hub.of_group(group, excluded=excluded_by(request)), message)

    async def _send_to_user(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        message = server_message(await _payload(request))
        return self._accept(hub.of_user(request.match_info["user"], excluded=excluded_by(request)), message)

    async def _send_to_connection(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        message = server_message(await _payload(request))
        return self._accept([connection_of(request, hub)], message)

    async def _generate_token(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        client_type = request.query.get("clientType", "Default")
        if client_type.lower() != "default":
            raise ApiError(400, "UnsupportedClientType", f"clientType {client_type!r} is not supported.")
        minutes = integer_of(request, "minutesToExpire", minimum=1, maximum=_MAXIMUM_TOKEN_MINUTES)
        token = issue_client_token(
            key=self._key,
            audience=client_audience(request.host, hub.name),
            now=self._now(),
            lifetime=timedelta(minutes=minutes or _DEFAULT_TOKEN_MINUTES),
            user_id=request.query.get("userId"),
            roles=request.query.getall("role", []),
            groups=request.query.getall("group", []),
        )
        return web.json_response({"token": token})

    def _accept(self, receivers: list[Connection], message: Message) -> web.Response:
        asyncio.get_running_loop().call_soon(self._switchboard.deliver, receivers, message)
        return web.Response(status=202)


async def _payload(request: web.Request) -> Payload:
    for name in _UNSUPPORTED_PARAMETERS:
        if name in request.query:
            raise ApiError(400, "UnsupportedParameter", f"The query parameter {name} is not supported.")
    data_type = data_type_of(request.content_type) if "Content-Type" in request.headers else None
    if data_type is None:
        raise ApiError(
            415,
            "UnsupportedMediaType",
            "The content type must be application/json, text/plain or application/octet-stream.",
        )
    try:
        return payload_from_body(data_type, await request.read())
    except PayloadError as error:
        raise ApiError(400, "InvalidBody", str(error)) from error
