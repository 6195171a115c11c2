"""Links: credit, delivery counts and multi-frame messages in both directions (OASIS AMQP 1.0, part 2.6)."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from localcloud.servicebus.amqp import frames
from localcloud.servicebus.amqp.frames import AmqpError, LinkFlow
from localcloud.servicebus.amqp.performatives import MAX_UINT, Attach, Flow, Transfer
from localcloud.servicebus.amqp.service import Source, Target
from localcloud.servicebus.amqp.types import DecodeError

MAX_MESSAGE_SIZE = 256 * 1024
INCOMING_CREDIT = 1000

_SETTLED = 1


class SessionPort(Protocol):
    """What links need of their session."""

    def send_flow(self, link: LinkFlow | None) -> None:
        """Sends a flow frame."""

    def send_transfer(self, link: "OutgoingLink", tag: bytes, payload: bytes) -> None:
        """Sends a message, or queues its frames while the client's window is closed."""

    def send_settlement(self, delivery_id: int, state: bytes) -> None:
        """Settles a delivery of the client."""

    @property
    def window_open(self) -> bool:
        """Whether the client's window lets a message leave at once."""

    @property
    def client_reads(self) -> bool:
        """Whether the client reads fast enough to get more messages."""


@dataclass(slots=True)
class _Arrival:
    """The parts of a message that is arriving."""

    first: Transfer
    payload: bytearray
    oversize: bool = False


class IncomingLink:
    """A link on which the client sends."""

    def __init__(self, session: SessionPort, request: Attach, target: Target) -> None:
        self.handle = request.handle
        self._session = session
        self._target = target
        self._pre_settled = request.snd_settle_mode == _SETTLED
        self._arrival: _Arrival | None = None
        self._delivery_count = 0
        self._credit = 0

    def start(self) -> None:
        """Gives the client its first credit."""
        self._top_up()

    def transfer(self, part: Transfer, payload: bytes) -> None:
        """Takes one frame of a message; the last one hands the message over and settles it."""
        arrival = self._arrival
        if arrival is None:
            arrival = self._arrival = _Arrival(part, bytearray())
        if len(arrival.payload) + len(payload) > MAX_MESSAGE_SIZE:
            arrival.oversize = True
            arrival.payload.clear()
        if not arrival.oversize:
            arrival.payload += payload
        if part.aborted:
            self._arrival = None
            self._count()
        elif not part.more:
            self._arrival = None
            self._deliver(arrival, settled=bool(arrival.first.settled or part.settled))
            self._count()

    def _deliver(self, arrival: _Arrival, *, settled: bool) -> None:
        if arrival.first.delivery_id is None:
            raise DecodeError("the first transfer of a delivery lacks its delivery-id")
        state = self._outcome(arrival)
        if not settled and not self._pre_settled:
            self._session.send_settlement(arrival.first.delivery_id, state)

    def _outcome(self, arrival: _Arrival) -> bytes:
        if arrival.oversize:
            text = f"The message is larger than {MAX_MESSAGE_SIZE} bytes."
            return frames.rejected(AmqpError("amqp:link:message-size-exceeded", text))
        if arrival.first.state is not None:
            return frames.rejected(AmqpError("amqp:not-implemented", "Transactions are not supported here."))
        try:
            return self._target.receive(arrival.first.message_format or 0, bytes(arrival.payload))
        except DecodeError as error:
            return frames.rejected(AmqpError("amqp:decode-error", f"The message is malformed: {error}."))

    def _count(self) -> None:
        self._delivery_count = (self._delivery_count + 1) & MAX_UINT
        self._credit -= 1
        if self._credit <= INCOMING_CREDIT // 2:
            self._top_up()

    def _top_up(self) -> None:
        self._credit = INCOMING_CREDIT
        self._session.send_flow(
            LinkFlow(handle=self.handle, delivery_count=self._delivery_count, credit=self._credit)
        )


class OutgoingLink:
    """A link on which the client receives; messages beyond the credit wait in `send`'s queue."""

    def __init__(
        self, session: SessionPort, request: Attach, *, address: str, far_address: str | None
    ) -> None:
        self.handle = request.handle
        self.address = address
        self.far_address = far_address
        self.pre_settled = request.snd_settle_mode == _SETTLED
        self.source: Source | None = None
        self._session = session
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._delivery_count = 0
        self._credit = 0
        self._draining = False

    @property
    def ready(self) -> bool:
        """Whether a message sent now would leave at once."""
        if self._credit == 0 or self._waiting or not self._session.window_open:
            return False
        # A client that drains is owed what there is, up to its credit, however slowly it reads.
        return self._draining or self._session.client_reads

    def send(self, tag: bytes, payload: bytes) -> None:
        """Sends a message as soon as the client's credit allows."""
        self._waiting.append((tag, payload))
        self._send_waiting()

    def flow(self, update: Flow) -> None:
        """Takes new credit from the client, sends what it allows, and answers a drain."""
        if update.link_credit is not None:
            start = update.delivery_count or 0
            credit = (start + update.link_credit - self._delivery_count) & MAX_UINT
            # A difference in the upper half of the number range is a negative one: the client has reduced its credit.
            self._credit = credit if credit <= MAX_UINT // 2 else 0
        self._send_waiting()
        self._draining = update.drain
        if self._credit and self.source is not None:
            self.source.credit_changed()
        if update.drain:
            self._delivery_count = (self._delivery_count + self._credit) & MAX_UINT
            self._credit = 0
        if update.drain or update.echo:
            self._session.send_flow(
                LinkFlow(
                    handle=self.handle,
                    delivery_count=self._delivery_count,
                    credit=self._credit,
                    drain=update.drain,
                )
            )

    def _send_waiting(self) -> None:
        while self._waiting and self._credit:
            self._credit -= 1
            self._delivery_count = (self._delivery_count + 1) & MAX_UINT
            self._session.send_transfer(self, *self._waiting.popleft())
