"""What all REST paths share: the access-key check, the api-version check, errors, and reading of parameters."""

import re
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from localcloud.webpubsub.hub import Connection, Hub
from localcloud.webpubsub.problems import ApiError
from localcloud.webpubsub.switchboard import Switchboard
from localcloud.webpubsub.tokens import TokenError, bearer_token, verify_rest_token

API_VERSIONS = frozenset({"2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"})
"""The stable versions whose paths are a subset of those served here."""

_HUB_PATH = "/api/hubs/"
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")
_MAXIMUM_GROUP_LENGTH = 1024


def guard(keys: Sequence[str]) -> Middleware:
    """Middleware: refuses REST calls without a genuine token or a known api-version; renders errors."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path.startswith(_HUB_PATH):
                _check_token(request, keys)
                _check_version(request)
            return await handler(request)
        except ApiError as error:
            return error.response()
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                raise
            return ApiError(
                error.status, error.reason.replace(" ", ""), error.text or error.reason
            ).response()

    return check


def hub_of(request: web.Request, switchboard: Switchboard) -> Hub:
    """The hub that the path names."""
    name = request.match_info["hub"]
    if not _HUB_NAME.fullmatch(name):
        raise ApiError(400, "InvalidHub", f"{name!r} is not a hub name.")
    return switchboard.hub(name)


def group_of(request: web.Request) -> str:
    """The group that the path names."""
    group = request.match_info["group"]
    if not group.strip() or len(group) > _MAXIMUM_GROUP_LENGTH:
        raise ApiError(400, "InvalidGroup", f"A group name has 1 to {_MAXIMUM_GROUP_LENGTH} characters.")
    return group


def connection_of(request: web.Request, hub: Hub) -> Connection:
    """The connection that the path names; 404 where it does not exist."""
    connection = hub.get(request.match_info["connection"])
    if connection is None:
        raise ApiError(404, "ConnectionNotFound", f"The connection does not exist in hub {hub.name}.")
    return connection


def excluded_by(request: web.Request) -> frozenset[str]:
    """The connection ids that the query leaves out."""
    return frozenset(request.query.getall("excluded", []))


def integer_of(request: web.Request, name: str, *, minimum: int, maximum: int) -> int | None:
    """A whole number of the query, or None where it is absent."""
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
        raise ApiError(400, "InvalidParameter", f"{name} must be a number from {minimum} to {maximum}.")
    return int(text)


def existence(found: object) -> web.Response:
    """The answer to HEAD: 200 or 404, without a body."""
    return web.Response(status=200 if found else 404)


def done() -> web.Response:
    """204: nothing more to say."""
    return web.Response(status=204)


def _check_token(request: web.Request, keys: Sequence[str]) -> None:
    # The path as it came over the wire: the SDK signs its own percent-encoding.
    url = URL(f"http://{request.host}{request.raw_path}", encoded=False)
    try:
        verify_rest_token(bearer_token(request.headers.get("Authorization")), keys=keys, url=url)
    except TokenError as error:
        raise ApiError(401, "Unauthorized", str(error)) from error


def _check_version(request: web.Request) -> None:
    version = request.query.get("api-version")
    if version is None:
        raise ApiError(400, "MissingApiVersion", "The query parameter api-version is missing.")
    if version not in API_VERSIONS:
        known = ", ".join(sorted(API_VERSIONS))
        raise ApiError(
            400, "UnsupportedApiVersion", f"api-version {version!r} is not supported, only {known}."
        )
