"""The HTTP face of the host: routes requests to functions and answers with the host's status codes."""

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from localcloud.host.admin import AdminApi
from localcloud.host.context import TraceContext
from localcloud.host.cors import CorsPolicy
from localcloud.host.http_datums import http_datum, http_response, read_http_input
from localcloud.host.invoker import Call, Invoker
from localcloud.host.keys import KeyRing
from localcloud.host.routing import RouteMatch, RouteTable
from localcloud.host.triggers import IndexedFunction

_LOG = logging.getLogger("host.http")

MAX_BODY_BYTES = 104_857_600
HTTP_REASON = "This function was programmatically called via the host APIs."


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFace:
    """What the server needs to answer."""

    functions: Mapping[str, IndexedFunction]
    routes: RouteTable
    invoker: Invoker
    admin: AdminApi
    keys: KeyRing | None
    """None: keys are not checked."""
    cors: CorsPolicy
    homepage: bool


class HttpServer:
    """Listens on one loopback socket."""

    def __init__(self, face: HttpFace) -> None:
        self._face = face
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop_listening(self) -> None:
        """Take no new connections; requests under way go on."""
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """Close every connection."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        preflight = self._face.cors.preflight(request)
        response = preflight or await self._respond(request)
        self._face.cors.decorate(request, response)
        return response

    async def _respond(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if path.lower().startswith("/admin/"):
            if not self._may_administer(request):
                return web.Response(status=401)
            return await self._face.admin.answer(request)
        match = self._face.routes.match(request.method, path)
        if match is None:
            return self._unmatched(path)
        if not self._may_call(request, match):
            return web.Response(status=401)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return web.Response(status=413)
        return await self._call(request, match)

    def _unmatched(self, path: str) -> web.Response:
        """The host's own page stands where no function takes the root."""
        if path != "/":
            return web.Response(status=404)
        return _homepage() if self._face.homepage else web.Response(status=204)

    def _may_administer(self, request: web.Request) -> bool:
        return self._face.keys is None or self._face.keys.allows("ADMIN", _key(request), "")

    def _may_call(self, request: web.Request, match: RouteMatch) -> bool:
        keys = self._face.keys
        return keys is None or keys.allows(match.route.auth_level, _key(request), match.route.function)

    async def _call(self, request: web.Request, match: RouteMatch) -> web.Response:
        trace = TraceContext.continued(request.headers.get("traceparent"), request.headers.get("tracestate"))
        call = Call(
            reason=HTTP_REASON, trigger=http_datum(await read_http_input(request, match.values)), trace=trace
        )
        outcome = await self._face.invoker.run(self._face.functions[match.route.function], call)
        if not outcome.succeeded:
            return web.Response(status=500)
        try:
            return http_response(outcome.response)
        except ValueError as error:
            _LOG.error(
                "'Functions.%s' returned a response that cannot be sent: %s", match.route.function, error
            )
            return web.Response(status=500)


def _key(request: web.Request) -> str | None:
    """Return the caller's key: the header wins over the query, even when it is wrong."""
    return request.headers.get("x-functions-key") or request.query.get("code")


def _homepage() -> web.Response:
    return web.Response(
        text="<!DOCTYPE html><title>Local Functions host</title><p>Your function app is up and running.</p>",
        content_type="text/html",
    )


def bind(port: int) -> socket.socket:
    """Bind a loopback socket; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
