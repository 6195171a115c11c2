"""Claims-based security: the `$cbs` node, where clients put tokens before they attach to entities."""

from collections.abc import Callable

from localcloud.servicebus.access import AccessDeniedError, AccessKey, Grant, covers, entity_path
from localcloud.servicebus.amqp import encode
from localcloud.servicebus.requests import Request, Response

NODE = "$cbs"

# The asyncio client of the Python SDK labels its shared access signatures "jwt"; what the token is shows in its text.
_TOKEN_TYPES = ("servicebus.windows.net:sastoken", "jwt")


class Claims:
    """The entities that one connection may use, by audience, with the end of each permission."""

    def __init__(self, key: AccessKey, clock: Callable[[], float]) -> None:
        self._key = key
        self._clock = clock
        self._granted: dict[str, float] = {}

    def allow_all(self) -> None:
        """Allows everything, after a login with name and key."""
        self._granted[""] = float("inf")

    def allows(self, path: str) -> bool:
        """Whether a token that is still valid covers the entity path."""
        now = self._clock()
        return any(until > now and covers(audience, path) for audience, until in self._granted.items())

    def handle(self, request: Request) -> Response:
        """Answers put-token: 202 and a permission for the audience, or 401 with the reason."""
        try:
            audience, grant = self._check(request)
        except AccessDeniedError as denial:
            return _response(401, str(denial), encode.symbol("amqp:unauthorized-access"))
        self._granted[audience] = grant.expires_at
        return _response(202, "Accepted")

    def _check(self, request: Request) -> tuple[str, Grant]:
        if request.properties.get("operation") != "put-token":
            raise AccessDeniedError("This node knows the operation put-token alone.")
        if request.properties.get("type") not in _TOKEN_TYPES:
            raise AccessDeniedError(f"This node accepts tokens of the types {', '.join(_TOKEN_TYPES)} alone.")
        name = request.properties.get("name")
        if not isinstance(request.body, str) or not isinstance(name, str):
            raise AccessDeniedError("The request lacks a token or the name of an audience.")
        grant = self._key.verify(request.body, now=self._clock())
        audience = entity_path(name)
        if not covers(grant.path, audience):
            raise AccessDeniedError("The token is for another resource.")
        return audience, grant


def _response(code: int, description: str, condition: bytes | None = None) -> Response:
    properties = {"status-code": encode.int_(code), "status-description": encode.string(description)}
    if condition is not None:
        properties["error-condition"] = condition
    return Response(properties=properties)
