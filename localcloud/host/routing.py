"""The route table: which function answers a method and a path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from localcloud.host.errors import FunctionInError
from localcloud.host.templates import RouteTemplate, parse_template
from localcloud.host.triggers import HttpTrigger

_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One HTTP function and the requests it takes."""

    function: str
    template: RouteTemplate
    methods: frozenset[str]
    auth_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """The route a request goes to and the values its path gave."""

    route: Route
    values: Mapping[str, str]


def make_route(function: str, trigger: HttpTrigger, *, route: str, prefix: str) -> Route:
    """Build the route of a function from its resolved template and the route prefix (which may be empty).

    Raises:
        FunctionInError: the route is reserved or its template is invalid.
    """
    if route.strip("/").lower().startswith(_RESERVED):
        raise FunctionInError("The specified route conflicts with one or more built in routes.")
    template = "/".join(part for part in (prefix.strip("/"), route.strip("/")) if part)
    return Route(
        function=function,
        template=parse_template(template),
        methods=trigger.methods,
        auth_level=trigger.auth_level,
    )


class RouteTable:
    """Routes in the host's order.

    There is no precedence: the functions are tried in the alphabetical order of their names, ignoring case, and the
    first one whose method, template and constraints fit is taken.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: route.function.upper())

    def match(self, method: str, raw_path: str) -> RouteMatch | None:
        """Find the function for a request line, or None (which is always answered 404, never 405)."""
        path = split_path(raw_path)
        for route in self._routes:
            if route.methods and method.upper() not in route.methods:
                continue
            values = route.template.match(path)
            if values is not None:
                return RouteMatch(route=route, values=values)
        return None


def split_path(raw_path: str) -> list[str]:
    """Split a raw path into decoded segments; an escaped slash stays escaped, as in Kestrel."""
    trimmed = raw_path.removeprefix("/").removesuffix("/")
    if not trimmed:
        return []
    return [
        "%2F".join(unquote(piece) for piece in part.replace("%2f", "%2F").split("%2F"))
        for part in trimmed.split("/")
    ]
