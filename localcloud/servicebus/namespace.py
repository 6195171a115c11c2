"""The namespace: queues by name, and what each client connection finds at an address."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from localcloud.servicebus import cbs
from localcloud.servicebus.access import AccessKey, entity_path
from localcloud.servicebus.amqp import frames
from localcloud.servicebus.amqp.service import (
    LinkRefusedError,
    LinkRequest,
    ReplyFinder,
    Sender,
    Source,
    Target,
)
from localcloud.servicebus.amqp.types import Described
from localcloud.servicebus.cbs import Claims
from localcloud.servicebus.consumers import NOT_ALLOWED, Consumer, Outlet
from localcloud.servicebus.management import Management
from localcloud.servicebus.messages import Content, parse_transfer
from localcloud.servicebus.queues import Queue
from localcloud.servicebus.requests import RequestNode

_MANAGEMENT = "/$management"
_DEAD_LETTERS = "/$deadletterqueue"
_NOT_IMPLEMENTED = "amqp:not-implemented"


class QueueEntity:
    """A queue with its two outlets; also the target of links on which clients send to it."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.outlet = Outlet(queue.messages)
        self.dead_letter_outlet = Outlet(queue.dead_letters)
        self.received = 0

    def send(self, contents: list[Content]) -> list[int]:
        """Enqueues messages; returns their sequence numbers."""
        self.received += len(contents)
        return self.queue.send(contents)

    def receive(self, message_format: int, payload: bytes) -> bytes:
        """Takes a message or a batch from a link."""
        self.send(parse_transfer(message_format, payload))
        return frames.ACCEPTED

    def advance(self) -> None:
        """Lets time pass and hands out what is ready."""
        self.queue.advance()
        self.outlet.dispatch()
        self.dead_letter_outlet.dispatch()

    def stats(self) -> dict[str, int]:
        """Message counts by state, and how many messages came in and went out since the broker started."""
        counts = self.queue.messages.counts()
        dead = sum(self.queue.dead_letters.counts().values())
        return {
            **counts,
            "deadLetter": dead,
            "total": sum(counts.values()) + dead,
            "incoming": self.received,
            "outgoing": self.outlet.delivered,
            "deadLetterOutgoing": self.dead_letter_outlet.delivered,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What an address means: a queue, its dead letters or not, its management node or not."""

    entity: QueueEntity
    dead: bool
    management: bool

    @property
    def outlet(self) -> Outlet:
        return self.entity.dead_letter_outlet if self.dead else self.entity.outlet


class Namespace:
    """All queues; names are compared without regard to case."""

    def __init__(self, queues: Iterable[Queue]) -> None:
        self._entities = {queue.settings.name.lower(): QueueEntity(queue) for queue in queues}

    def __iter__(self) -> Iterator[QueueEntity]:
        return iter(self._entities.values())

    def find(self, path: str) -> _Place | None:
        """Looks an entity path up; the path must be in lower case."""
        management = path.endswith(_MANAGEMENT)
        path = path.removesuffix(_MANAGEMENT)
        dead = path.endswith(_DEAD_LETTERS)
        entity = self._entities.get(path.removesuffix(_DEAD_LETTERS))
        return None if entity is None else _Place(entity=entity, dead=dead, management=management)


class Visitor:
    """What one connection may reach: the service behind its links."""

    def __init__(self, namespace: Namespace, key: AccessKey, clock: Callable[[], float]) -> None:
        self._namespace = namespace
        self._key = key
        self._claims = Claims(key, clock)

    def login(self, user: str, password: str) -> bool:
        """Checks key name and key as SASL PLAIN gives them; such a connection needs no token."""
        if not self._key.matches(user, password):
            return False
        self._claims.allow_all()
        return True

    def open_target(self, request: LinkRequest, find_reply_link: ReplyFinder) -> Target:
        """Opens a queue for sending, `$cbs` or `$management` for requests."""
        if request.coordinator:
            raise LinkRefusedError(_NOT_IMPLEMENTED, "Transactions are not supported here.")
        if entity_path(request.address) == cbs.NODE:
            return RequestNode(request.address, find_reply_link, self._claims.handle)
        place = self._place(request)
        if place.management:
            management = Management(place.outlet, None if place.dead else place.entity.send)
            return RequestNode(request.address, find_reply_link, management.handle)
        if place.dead:
            raise LinkRefusedError(NOT_ALLOWED, "Clients may not send to a dead-letter queue.")
        return place.entity

    def open_source(self, request: LinkRequest, link: Sender) -> Source:
        """Opens a queue or its dead letters for receiving, or the answers of a request node."""
        if entity_path(request.address) == cbs.NODE:
            return _Answers()
        place = self._place(request)
        if place.management:
            return _Answers()
        if request.filters:
            wanted = ", ".join(request.filters)
            raise LinkRefusedError(
                _NOT_IMPLEMENTED, f"Sessions and filters are not supported here: {wanted}."
            )
        return Consumer(place.outlet, link)

    def _place(self, request: LinkRequest) -> _Place:
        path = entity_path(request.address)
        if not self._claims.allows(path):
            raise LinkRefusedError("amqp:unauthorized-access", f"No valid token for {path}.")
        place = self._namespace.find(path)
        if place is None:
            raise LinkRefusedError("amqp:not-found", f"The messaging entity {path} could not be found.")
        return place


class _Answers:
    """Source of answers to requests: they need neither credit watching nor settlement."""

    def credit_changed(self) -> None:
        return

    def settled(self, tag: bytes, state: Described | None, *, final: bool) -> bytes | None:  # noqa: ARG002 - port
        return None if final else frames.ACCEPTED

    def detached(self) -> None:
        return
