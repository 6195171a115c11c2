"""What the server does with the frames of one client."""

from localcloud.webpubsub.frames import (
    ClientFrame,
    FrameError,
    Invoke,
    JoinGroup,
    LeaveGroup,
    Ping,
    SendToGroup,
    SequenceAck,
    UserEvent,
    parse_frame,
)
from localcloud.webpubsub.hub import Connection
from localcloud.webpubsub.payloads import (
    PONG_FRAME,
    DataType,
    Payload,
    ack_frame,
    group_message,
    invocation_refused_frame,
    server_message,
)
from localcloud.webpubsub.permissions import Permission
from localcloud.webpubsub.switchboard import Switchboard
from localcloud.webpubsub.upstream import EventHandler, EventHandlerError

_PLAIN_EVENT = "message"

Failure = tuple[str, str]
"""Name and message of the error in an ack."""


class Session:
    """The conversation with one connection; frames are handled one after the other, in the client's order."""

    def __init__(
        self, *, connection: Connection, switchboard: Switchboard, event_handler: EventHandler | None
    ) -> None:
        self._connection = connection
        self._hub = switchboard.hub(connection.hub)
        self._switchboard = switchboard
        self._event_handler = event_handler

    async def receive(self, data: str | bytes) -> None:
        """Handles one WebSocket message.

        Raises:
            FrameError: The client broke the protocol; the connection has to be closed.
        """
        if self._hub.get(self._connection.id) is None:
            return  # closed by the server; these frames were on their way already
        if not self._connection.subprotocol.structured:
            await self._receive_plain(data)
        elif isinstance(data, bytes):
            raise FrameError("Binary frames are not part of the JSON subprotocols.")
        else:
            await self._handle(parse_frame(data))

    async def _receive_plain(self, data: str | bytes) -> None:
        data_type = DataType.BINARY if isinstance(data, bytes) else DataType.TEXT
        failure = await self._raise_event(_PLAIN_EVENT, Payload(data_type=data_type, raw=data))
        if failure is not None:
            raise FrameError(failure[1])

    async def _handle(self, frame: ClientFrame) -> None:
        match frame:
            case Ping():
                self._switchboard.answer(self._connection, PONG_FRAME)
            case SequenceAck():
                self._acknowledge(frame)
            case Invoke():
                refusal = invocation_refused_frame(
                    frame.invocation_id, reason="Invocations are not supported; send an event."
                )
                self._switchboard.answer(self._connection, refusal)
            case _:
                await self._perform(frame)

    def _acknowledge(self, frame: SequenceAck) -> None:
        if not self._connection.subprotocol.reliable:
            raise FrameError("sequenceAck belongs to the reliable subprotocol.")
        self._connection.outbox.acknowledge(frame.sequence_id)

    async def _perform(self, frame: JoinGroup | LeaveGroup | SendToGroup | UserEvent) -> None:
        """Runs a request once per `ackId`; only success is remembered, so that a failure can be tried again."""
        if self._connection.has_done(frame.ack_id):
            failure: Failure | None = (
                "Duplicate",
                f"The request with ackId {frame.ack_id} was done already.",
            )
        elif (failure := await self._run(frame)) is None:
            self._connection.mark_done(frame.ack_id)
        if frame.ack_id is not None:
            self._switchboard.acknowledge(self._connection, ack_frame(frame.ack_id, error=failure))

    async def _run(self, frame: JoinGroup | LeaveGroup | SendToGroup | UserEvent) -> Failure | None:
        match frame:
            case JoinGroup():
                if (failure := self._forbidden(Permission.JOIN_LEAVE_GROUP, frame.group)) is None:
                    self._hub.join(self._connection, frame.group)
                return failure
            case LeaveGroup():
                if (failure := self._forbidden(Permission.JOIN_LEAVE_GROUP, frame.group)) is None:
                    self._hub.leave(self._connection, frame.group)
                return failure
            case SendToGroup():
                if (failure := self._forbidden(Permission.SEND_TO_GROUP, frame.group)) is None:
                    self._publish(frame)
                return failure
            case UserEvent():
                return await self._raise_event(frame.event, frame.payload)

    def _publish(self, frame: SendToGroup) -> None:
        excluded = {self._connection.id} if frame.no_echo else set[str]()
        message = group_message(frame.payload, group=frame.group, from_user_id=self._connection.user_id)
        self._switchboard.deliver(self._hub.of_group(frame.group, excluded=excluded), message)

    async def _raise_event(self, name: str, payload: Payload) -> Failure | None:
        if self._event_handler is None:
            return "InternalServerError", f"No event handler is configured for hub {self._hub.name}."
        try:
            reply = await self._event_handler.user_event(self._connection, name, payload)
        except EventHandlerError as error:
            return "InternalServerError", str(error)
        if reply is not None:
            self._switchboard.deliver([self._connection], server_message(reply))
        return None

    def _forbidden(self, permission: Permission, group: str) -> Failure | None:
        if self._connection.permissions.allows(permission, group):
            return None
        return "Forbidden", f"The client does not have the permission {permission} for group {group}."
