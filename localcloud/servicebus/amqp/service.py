"""What the wire asks of the service behind it: opening links, taking messages, hearing of settlements."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from localcloud.servicebus.amqp.frames import AmqpError
from localcloud.servicebus.amqp.types import Described


class LinkRefusedError(Exception):
    """The service does not open the link; carries the error for the client."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.error = AmqpError(condition, description)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """What a client asks for when it attaches a link.

    `address` is the node's; `far_address` the client's own end, which its requests name in reply-to; `filters` the
    names of the source filters it wants; `coordinator` says that it wants transactions.
    """

    address: str
    far_address: str | None
    filters: tuple[str, ...]
    coordinator: bool


class Sender(Protocol):
    """A link on which the client receives, as the service sees it."""

    @property
    def ready(self) -> bool:
        """Whether a message sent now would leave at once."""

    @property
    def pre_settled(self) -> bool:
        """Whether the client wants messages that are settled already."""

    def send(self, tag: bytes, payload: bytes) -> None:
        """Sends a message as soon as the client's credit allows."""


ReplyFinder = Callable[[str, str | None], Sender | None]
"""Finds the link of the same session that receives from a node, best the one whose far end has the given address."""


class Target(Protocol):
    """What stands behind a link on which the client sends."""

    def receive(self, message_format: int, payload: bytes) -> bytes:
        """Takes one message or batch; returns the encoded delivery state. Raises `DecodeError` for malformed ones."""


class Source(Protocol):
    """What stands behind a link on which the client receives."""

    def credit_changed(self) -> None:
        """The link may be able to send now."""

    def settled(self, tag: bytes, state: Described | None, *, final: bool) -> bytes | None:
        """The client has decided on a delivery; returns the encoded state of the broker's answer, if it waits for one.

        `final` says that the client regards the delivery as settled and waits for nothing.
        """

    def detached(self) -> None:
        """The link is gone."""


class Service(Protocol):
    """What a connection offers behind its links; one object per connection."""

    def login(self, user: str, password: str) -> bool:
        """Checks the credentials of SASL PLAIN."""

    def open_target(self, request: LinkRequest, find_reply_link: ReplyFinder) -> Target:
        """Opens what the client sends to; raises `LinkRefusedError`."""

    def open_source(self, request: LinkRequest, link: Sender) -> Source:
        """Opens what the client receives from; raises `LinkRefusedError`."""
