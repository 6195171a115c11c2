"""REST: connections, groups, users and permissions."""

from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from localcloud.webpubsub.hub import Connection
from localcloud.webpubsub.permissions import Permission
from localcloud.webpubsub.problems import ApiError
from localcloud.webpubsub.rest import (
    connection_of,
    done,
    excluded_by,
    existence,
    group_of,
    hub_of,
    integer_of,
)
from localcloud.webpubsub.switchboard import Switchboard

_LARGEST_PAGE = 200
_LARGEST_TOP = 2**31 - 1
_DEFAULT_CLOSE_REASON = "The connection was closed by the server."


class ConnectionApi:
    """The managing side of the REST API. DELETE of something that is not there is a success: it is gone."""

    def __init__(self, *, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def routes(self) -> list[web.RouteDef]:
        """The paths of api-version 2024-12-01."""
        hub = "/api/hubs/{hub}"
        connection, group, user = (
            f"{hub}/connections/{{connection}}",
            f"{hub}/groups/{{group}}",
            f"{hub}/users/{{user}}",
        )
        permission = f"{hub}/permissions/{{permission}}/connections/{{connection}}"
        return [
            web.post(f"{hub}/:closeConnections", self._close_all),
            web.head(connection, self._connection_exists),
            web.delete(connection, self._close_connection),
            web.delete(f"{connection}/groups", self._leave_all_groups),
            web.head(group, self._group_exists),
            web.post(f"{group}/:closeConnections", self._close_group),
            web.get(f"{group}/connections", self._list_group, allow_head=False),
            web.put(f"{group}/connections/{{connection}}", self._join_group),
            web.delete(f"{group}/connections/{{connection}}", self._leave_group),
            web.head(user, self._user_exists),
            web.post(f"{user}/:closeConnections", self._close_user),
            web.put(f"{user}/groups/{{group}}", self._add_user_to_group),
            web.delete(f"{user}/groups/{{group}}", self._remove_user_from_group),
            web.delete(f"{user}/groups", self._remove_user_from_all_groups),
            web.put(permission, self._grant),
            web.delete(permission, self._revoke),
            web.head(permission, self._check),
        ]

    async def _close_all(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        return self._close(request, hub.everyone(excluded=excluded_by(request)))

    async def _close_group(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        return self._close(request, hub.of_group(group_of(request), excluded=excluded_by(request)))

    async def _close_user(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        return self._close(request, hub.of_user(request.match_info["user"], excluded=excluded_by(request)))

    async def _close_connection(self, request: web.Request) -> web.Response:
        connection = self._find(request)
        return self._close(request, [connection] if connection is not None else [])

    async def _connection_exists(self, request: web.Request) -> web.Response:
        return existence(self._find(request))

    async def _leave_all_groups(self, request: web.Request) -> web.Response:
        if (connection := self._find(request)) is not None:
            hub_of(request, self._switchboard).leave_all(connection)
        return done()

    async def _group_exists(self, request: web.Request) -> web.Response:
        return existence(hub_of(request, self._switchboard).of_group(group_of(request)))

    async def _join_group(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        hub.join(connection_of(request, hub), group_of(request))
        return web.Response()

    async def _leave_group(self, request: web.Request) -> web.Response:
        if (connection := self._find(request)) is not None:
            hub_of(request, self._switchboard).leave(connection, group_of(request))
        return done()

    async def _list_group(self, request: web.Request) -> web.Response:
        hub, group = hub_of(request, self._switchboard), group_of(request)
        top = integer_of(request, "top", minimum=1, maximum=_LARGEST_TOP)
        page_size = integer_of(request, "maxpagesize", minimum=1, maximum=_LARGEST_PAGE) or _LARGEST_PAGE
        size = min(page_size, top or page_size)
        after = request.query.get("continuationToken", "")
        members, more = hub.page_of_group(group, after=after, size=size)
        page: dict[str, object] = {"value": [_member(member) for member in members]}
        left = None if top is None else top - len(members)
        if more and left != 0:
            page["nextLink"] = _next_link(request, after=members[-1].id, page_size=page_size, top=left)
        return web.json_response(page)

    async def _user_exists(self, request: web.Request) -> web.Response:
        return existence(hub_of(request, self._switchboard).of_user(request.match_info["user"]))

    async def _add_user_to_group(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        hub.add_user_to_group(request.match_info["user"], group_of(request))
        return web.Response()

    async def _remove_user_from_group(self, request: web.Request) -> web.Response:
        hub = hub_of(request, self._switchboard)
        hub.remove_user_from_group(request.match_info["user"], group_of(request))
        return done()

    async def _remove_user_from_all_groups(self, request: web.Request) -> web.Response:
        hub_of(request, self._switchboard).remove_user_from_all_groups(request.match_info["user"])
        return done()

    async def _grant(self, request: web.Request) -> web.Response:
        connection = connection_of(request, hub_of(request, self._switchboard))
        connection.permissions.grant(_permission_of(request), request.query.get("targetName"))
        return web.Response()

    async def _revoke(self, request: web.Request) -> web.Response:
        permission = _permission_of(request)
        if (connection := self._find(request)) is not None:
            connection.permissions.revoke(permission, request.query.get("targetName"))
        return done()

    async def _check(self, request: web.Request) -> web.Response:
        connection = connection_of(request, hub_of(request, self._switchboard))
        return existence(
            connection.permissions.allows(_permission_of(request), request.query.get("targetName"))
        )

    def _find(self, request: web.Request) -> Connection | None:
        return hub_of(request, self._switchboard).get(request.match_info["connection"])

    def _close(self, request: web.Request, connections: list[Connection]) -> web.Response:
        reason = request.query.get("reason") or _DEFAULT_CLOSE_REASON
        for connection in connections:
            self._switchboard.close(connection, reason)
        return done()


def _permission_of(request: web.Request) -> Permission:
    name = request.match_info["permission"]
    try:
        return Permission(name)
    except ValueError as error:
        raise ApiError(400, "InvalidPermission", f"{name!r} is not a permission.") from error


def _member(connection: Connection) -> dict[str, str]:
    member = {"connectionId": connection.id}
    if connection.user_id is not None:
        member["userId"] = connection.user_id
    return member


def _next_link(request: web.Request, *, after: str, page_size: int, top: int | None) -> str:
    query: dict[str, str | int] = {
        "api-version": request.query["api-version"],
        "maxpagesize": page_size,
        "continuationToken": after,
    }
    if top is not None:
        query["top"] = top
    path = URL(request.raw_path, encoded=True).raw_path
    return f"http://{request.host}{path}?{urlencode(query)}"
