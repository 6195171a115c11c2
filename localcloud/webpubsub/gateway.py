"""Where client sockets arrive: authentication, handshake, recovery, and the reading side of every socket."""

import secrets
from collections.abc import Mapping, Sequence

from aiohttp import WSCloseCode, WSMsgType, web

from localcloud.webpubsub.cloudevents import ConnectReply, EventSource, connect_body
from localcloud.webpubsub.frames import FrameError
from localcloud.webpubsub.hub import Connection, Hub
from localcloud.webpubsub.link import Link
from localcloud.webpubsub.outbox import Outbox, OutboxLimits
from localcloud.webpubsub.payloads import Subprotocol, connected_frame
from localcloud.webpubsub.permissions import Permissions
from localcloud.webpubsub.problems import ApiError
from localcloud.webpubsub.session import Session
from localcloud.webpubsub.switchboard import Switchboard
from localcloud.webpubsub.tokens import ClientIdentity, TokenError, bearer_token, verify_client_token
from localcloud.webpubsub.upstream import ConnectRefusedError, EventHandler, EventHandlerError

MAXIMUM_FRAME_BYTES = 1024 * 1024
_CLOSE_TIMEOUT_SECONDS = 1.0
_SECRET_QUERY_PARAMETERS = frozenset({"access_token"})
_SECRET_HEADERS = frozenset({"authorization"})


def client_audience(host: str, hub: str) -> str:
    """The `aud` claim of client tokens for a hub, as the service SDK builds it from the endpoint."""
    return f"http://{host.lower()}/client/hubs/{hub}"


class Gateway:
    """Serves `/client/hubs/{hub}` and `/client/?hub=`."""

    def __init__(
        self,
        *,
        keys: Sequence[str],
        switchboard: Switchboard,
        event_handlers: Mapping[str, EventHandler],
        limits: OutboxLimits,
    ) -> None:
        self._keys = keys
        self._switchboard = switchboard
        self._event_handlers = event_handlers
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """The paths that the client SDKs connect to."""
        return [
            web.get("/client/hubs/{hub}", self._serve),
            web.get("/client", self._serve),
            web.get("/client/", self._serve),
        ]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("hub") or request.query.get("hub")
        if not name:
            raise ApiError(400, "BadRequest", "The hub is missing.")
        hub = self._switchboard.hub(name)
        if "awps_connection_id" in request.query:
            return await self._recover(request, hub)
        return await self._connect(request, hub)

    async def _connect(self, request: web.Request, hub: Hub) -> web.StreamResponse:
        identity = self._authenticate(request, hub)
        offered = _offered_subprotocols(request)
        subprotocol = _choose_subprotocol(offered)
        connection_id = secrets.token_urlsafe(16)
        reply = await self._ask_event_handler(request, hub, connection_id, identity)
        if reply.subprotocol is not None:
            if reply.subprotocol not in offered:  # RFC 6455 section 4.1: the client would have to fail
                raise ApiError(
                    500, "EventHandlerFailed", "The event handler chose a subprotocol not offered."
                )
            subprotocol = _choose_subprotocol([reply.subprotocol])
        connection = Connection(
            id=connection_id,
            hub=hub.name,
            user_id=reply.user_id or identity.user_id,
            subprotocol=subprotocol,
            permissions=Permissions.from_roles((*identity.roles, *reply.roles)),
            outbox=Outbox(subprotocol=subprotocol, limits=self._limits),
            reconnection_token=secrets.token_urlsafe(32) if subprotocol.reliable else None,
            state=reply.state,
        )
        socket = await _upgrade(request, subprotocol)
        hub.add(connection, (*identity.groups, *reply.groups))
        if (event_handler := self._event_handlers.get(hub.name)) is not None:
            event_handler.announce_connected(connection)
        await self._converse(connection, socket, request)
        return socket

    async def _recover(self, request: web.Request, hub: Hub) -> web.StreamResponse:
        """Gives a reliable client its connection back, or tells it with close code 1008 to give up.

        The reconnection token is the credential: the client token may have expired since the first connect.
        """
        subprotocol = _choose_subprotocol(_offered_subprotocols(request))
        socket = await _upgrade(request, subprotocol)
        connection = self._switchboard.recoverable(
            hub, request.query["awps_connection_id"], request.query.get("awps_reconnection_token", "")
        )
        if connection is None or not subprotocol.reliable:
            await socket.close(
                code=WSCloseCode.POLICY_VIOLATION, message=b"The connection cannot be recovered."
            )
            return socket
        await self._converse(connection, socket, request)
        return socket

    async def _converse(
        self, connection: Connection, socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        """Starts a socket of a connection with the connected frame, then reads it to its end."""
        connection.outbox.rewind(
            connected_frame(
                connection_id=connection.id,
                user_id=connection.user_id,
                reconnection_token=connection.reconnection_token,
            )
        )
        link = self._switchboard.attach(connection, socket, request)
        session = Session(
            connection=connection,
            switchboard=self._switchboard,
            event_handler=self._event_handlers.get(connection.hub),
        )
        try:
            await link.serve(self._read(socket, session, connection, link))
        finally:
            self._switchboard.detach(connection, link, clean=False)

    async def _read(
        self, socket: web.WebSocketResponse, session: Session, connection: Connection, link: Link
    ) -> None:
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.CLOSE:
                self._switchboard.detach(connection, link, clean=True)
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return
            try:
                await session.receive(message.data)
            except FrameError as error:
                self._switchboard.close(connection, str(error))

    def _authenticate(self, request: web.Request, hub: Hub) -> ClientIdentity:
        token = request.query.get("access_token") or bearer_token(request.headers.get("Authorization"))
        try:
            return verify_client_token(
                token, keys=self._keys, audience=client_audience(request.host, hub.name)
            )
        except TokenError as error:
            raise ApiError(401, "Unauthorized", str(error)) from error

    async def _ask_event_handler(
        self, request: web.Request, hub: Hub, connection_id: str, identity: ClientIdentity
    ) -> ConnectReply:
        event_handler = self._event_handlers.get(hub.name)
        if event_handler is None:
            return ConnectReply()
        source = EventSource(
            hub=hub.name, connection_id=connection_id, user_id=identity.user_id, subprotocol=""
        )
        body = connect_body(
            claims=identity.claims,
            query=_values(request.query, without=_SECRET_QUERY_PARAMETERS),
            headers=_values(request.headers, without=_SECRET_HEADERS),
            subprotocols=_offered_subprotocols(request),
        )
        try:
            return await event_handler.connect(source, body)
        except ConnectRefusedError as error:
            raise ApiError(error.status, "ConnectRefused", error.body or str(error)) from error
        except EventHandlerError as error:
            raise ApiError(500, "EventHandlerFailed", str(error)) from error


async def _upgrade(request: web.Request, subprotocol: Subprotocol) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(
        protocols=[subprotocol] if subprotocol.structured else [],
        max_msg_size=MAXIMUM_FRAME_BYTES,
        timeout=_CLOSE_TIMEOUT_SECONDS,
        compress=False,
    )
    if not socket.can_prepare(request).ok:
        raise ApiError(400, "BadRequest", "This address accepts WebSocket connections only.")
    await socket.prepare(request)
    return socket


def _offered_subprotocols(request: web.Request) -> list[str]:
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [name.strip() for name in offered.split(",") if name.strip()]


def _choose_subprotocol(offered: Sequence[str]) -> Subprotocol:
    """The first offered subprotocol that is supported; a client that offers none gets bare payloads."""
    for name in offered:
        if name in {Subprotocol.JSON, Subprotocol.RELIABLE}:
            return Subprotocol(name)
    if offered:
        supported = f"{Subprotocol.JSON}, {Subprotocol.RELIABLE}"
        raise ApiError(
            400, "UnsupportedSubprotocol", f"None of {list(offered)} is supported, only {supported}."
        )
    return Subprotocol.PLAIN


def _values(pairs: Mapping[str, str], *, without: frozenset[str]) -> dict[str, list[str]]:
    """The names and all their values, except those that carry credentials."""
    values: dict[str, list[str]] = {}
    for name, value in pairs.items():
        if name.lower() not in without:
            values.setdefault(name, []).append(value)
    return values
