"""Sessions: windows, delivery numbers and the routing of frames to links (OASIS AMQP 1.0, parts 2.5 and 2.7)."""

from collections import deque
from typing import Protocol

from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.amqp.frames import AttachReply, FrameError, LinkFlow
from localcloud.servicebus.amqp.links import MAX_MESSAGE_SIZE, IncomingLink, OutgoingLink
from localcloud.servicebus.amqp.performatives import (
    MAX_UINT,
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Transfer,
)
from localcloud.servicebus.amqp.service import LinkRefusedError, LinkRequest, Sender, Service
from localcloud.servicebus.amqp.types import DecodeError, Described, Value

WINDOW = 65536

_COORDINATOR = 0x30
_MAX_SND_MODE = 2
_MAX_RCV_MODE = 1
_SOURCE_FILTER_FIELD = 7


class ConnectionPort(Protocol):
    """What a session needs of its connection."""

    @property
    def peer_max_frame_size(self) -> int:
        """Largest frame that the client takes, in bytes."""

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough."""

    def write(self, data: bytes) -> None:
        """Queues a frame."""


class Session:
    """One session of a connection; the broker answers on the client's channel and with the client's handles."""

    def __init__(self, connection: ConnectionPort, service: Service, channel: int, begin: Begin) -> None:
        self._connection = connection
        self._service = service
        self._channel = channel
        self._links: dict[int, IncomingLink | OutgoingLink] = {}
        self._unsettled: dict[int, tuple[OutgoingLink, bytes]] = {}
        self._next_delivery = 0
        self._next_incoming = begin.next_outgoing_id
        self._next_outgoing = 0
        self._window = WINDOW
        self._peer_window = begin.incoming_window
        self._held_back: deque[bytes] = deque()

    def start(self) -> None:
        """Answers the client's begin."""
        self._connection.write(frames.begin(self._channel, remote_channel=self._channel, window=WINDOW))

    def attach(self, request: Attach) -> None:
        """Opens a link, or refuses it with a missing terminus and a detach that carries the reason."""
        if request.handle in self._links:
            raise FrameError(f"handle {request.handle} is in use")
        if request.snd_settle_mode > _MAX_SND_MODE or request.rcv_settle_mode > _MAX_RCV_MODE:
            raise DecodeError("a link asks for an unknown settle mode")
        asked = _link_request(request)
        try:
            link = self._open(request, asked)
        except LinkRefusedError as refusal:
            self._reply(request, asked, refused=True)
            self._connection.write(frames.detach(self._channel, request.handle, error=refusal.error))
            return
        self._links[request.handle] = link
        self._reply(request, asked, refused=False)
        if isinstance(link, IncomingLink):
            link.start()

    def transfer(self, part: Transfer, payload: bytes) -> None:
        """Takes a frame of a message. Links that were refused get none: clients send without waiting for the answer."""
        self._next_incoming = (self._next_incoming + 1) & MAX_UINT
        self._window -= 1
        link = self._links.get(part.handle)
        if isinstance(link, IncomingLink):
            link.transfer(part, payload)
        if self._window <= WINDOW // 2:
            self.send_flow(None)

    def flow(self, update: Flow) -> None:
        """Takes the client's window and, for a link, its credit."""
        start = update.next_incoming_id if update.next_incoming_id is not None else 0
        window = (start + update.incoming_window - self._next_outgoing) & MAX_UINT
        self._peer_window = window if window <= MAX_UINT // 2 else 0
        self._send_held_back()
        link = self._links.get(update.handle) if update.handle is not None else None
        if isinstance(link, OutgoingLink):
            link.flow(update)
        elif update.echo:
            self.send_flow(None)

    def disposition(self, update: Disposition) -> None:
        """Hands the client's decisions to the sources of the deliveries and sends back what came of them."""
        if update.role is SENDER:
            return
        last = update.first if update.last is None else update.last
        if last - update.first < len(self._unsettled):
            numbers = [number for number in range(update.first, last + 1) if number in self._unsettled]
        else:
            numbers = [number for number in self._unsettled if update.first <= number <= last]
        for number in numbers:
            link, tag = self._unsettled.pop(number)
            answer = link.source.settled(tag, update.state, final=update.settled) if link.source else None
            if answer is not None and not update.settled:
                self._connection.write(
                    frames.disposition(self._channel, role=SENDER, delivery_id=number, state=answer)
                )

    def detach(self, request: Detach) -> None:
        """Closes a link and confirms it; a handle that the broker refused needs no second detach."""
        link = self._links.pop(request.handle, None)
        if link is not None:
            self._drop(link)
            self._connection.write(frames.detach(self._channel, request.handle, closed=request.closed))

    def close(self) -> None:
        """Drops all links after an end or a lost connection."""
        for link in self._links.values():
            self._drop(link)
        self._links.clear()

    @property
    def window_open(self) -> bool:
        """Whether the client's window lets a message leave at once."""
        return self._peer_window > 0 and not self._held_back

    @property
    def client_reads(self) -> bool:
        """Whether the client reads fast enough to get more messages."""
        return self._connection.writable

    def send_flow(self, link: LinkFlow | None) -> None:
        """Sends the session's flow state, which also opens its window again."""
        self._window = WINDOW
        self._connection.write(
            frames.flow(
                self._channel,
                next_incoming_id=self._next_incoming,
                window=WINDOW,
                next_outgoing_id=self._next_outgoing,
                link=link,
            )
        )

    def send_transfer(self, link: OutgoingLink, tag: bytes, payload: bytes) -> None:
        """Sends a message, or queues its frames while the client's window is closed."""
        number = self._next_delivery
        self._next_delivery = (number + 1) & MAX_UINT
        if not link.pre_settled:
            self._unsettled[number] = (link, tag)
        delivery = frames.Delivery(handle=link.handle, delivery_id=number, tag=tag, settled=link.pre_settled)
        self._held_back.extend(
            frames.transfers(self._channel, delivery, payload, self._connection.peer_max_frame_size)
        )
        self._send_held_back()

    def send_settlement(self, delivery_id: int, state: bytes) -> None:
        """Settles a delivery of the client."""
        self._connection.write(
            frames.disposition(self._channel, role=RECEIVER, delivery_id=delivery_id, state=state)
        )

    def _send_held_back(self) -> None:
        while self._held_back and self._peer_window > 0:
            self._peer_window -= 1
            self._next_outgoing = (self._next_outgoing + 1) & MAX_UINT
            self._connection.write(self._held_back.popleft())

    def _open(self, request: Attach, asked: LinkRequest) -> IncomingLink | OutgoingLink:
        if request.role is SENDER:
            return IncomingLink(self, request, self._service.open_target(asked, self._find_reply_link))
        link = OutgoingLink(self, request, address=asked.address, far_address=asked.far_address)
        link.source = self._service.open_source(asked, link)
        return link

    def _find_reply_link(self, address: str, reply_to: str | None) -> Sender | None:
        candidates = [
            link
            for link in self._links.values()
            if isinstance(link, OutgoingLink) and link.address == address
        ]
        for link in candidates:
            if link.far_address == reply_to:
                return link
        return candidates[0] if candidates else None

    def _reply(self, request: Attach, asked: LinkRequest, *, refused: bool) -> None:
        far_address = asked.far_address or request.name
        receives = request.role is RECEIVER
        source = frames.source(asked.address if receives else far_address)
        target = frames.target(far_address if receives else asked.address)
        reply = AttachReply(
            name=request.name,
            handle=request.handle,
            client_role=request.role,
            snd_settle_mode=request.snd_settle_mode,
            rcv_settle_mode=request.rcv_settle_mode,
            source=encode.NULL if refused and receives else source,
            target=encode.NULL if refused and not receives else target,
            max_message_size=MAX_MESSAGE_SIZE,
        )
        self._connection.write(frames.attach(self._channel, reply))

    def _drop(self, link: IncomingLink | OutgoingLink) -> None:
        if isinstance(link, OutgoingLink):
            if link.source is not None:
                link.source.detached()
            for number in [number for number, (owner, _) in self._unsettled.items() if owner is link]:
                del self._unsettled[number]


def _link_request(request: Attach) -> LinkRequest:
    near, far = (
        (request.source, request.target) if request.role is RECEIVER else (request.target, request.source)
    )
    filters = _field(request.source, _SOURCE_FILTER_FIELD)
    far_address = _field(far, 0)
    address = _field(near, 0)
    return LinkRequest(
        address=address if isinstance(address, str) else "",
        far_address=far_address if isinstance(far_address, str) else None,
        filters=tuple(str(name) for name in filters) if isinstance(filters, dict) else (),
        coordinator=near is not None and near.descriptor == _COORDINATOR,
    )


def _field(terminus: Described | None, index: int) -> Value:
    if terminus is None:
        return None
    if not isinstance(terminus.value, list):
        raise DecodeError("a terminus must be a list")
    return terminus.value[index] if index < len(terminus.value) else None
