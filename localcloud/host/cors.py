"""Cross-origin answers, as ``func start`` gives them for ``Host.CORS`` of ``local.settings.json``."""

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsPolicy:
    """Which origins a browser page may call from; none by default."""

    origins: tuple[str, ...] = ()
    credentials: bool = False

    def preflight(self, request: web.Request) -> web.Response | None:
        """Answer an ``OPTIONS`` preflight of an allowed origin; None for every other request."""
        wanted = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or wanted is None or not self._allows(request):
            return None
        headers = {"Access-Control-Allow-Methods": wanted, "Access-Control-Max-Age": "600"}
        asked = request.headers.get("Access-Control-Request-Headers")
        if asked is not None:
            headers["Access-Control-Allow-Headers"] = asked
        return web.Response(status=204, headers=headers)

    def decorate(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers that let the page read the response."""
        if not self._allows(request):
            return
        anyone = "*" in self.origins and not self.credentials
        response.headers["Access-Control-Allow-Origin"] = "*" if anyone else request.headers["Origin"]
        if self.credentials:
            response.headers["Access-Control-Allow-Credentials"] = "true"
        if not anyone:
            response.headers.add("Vary", "Origin")

    def _allows(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        return origin is not None and ("*" in self.origins or origin in self.origins)
