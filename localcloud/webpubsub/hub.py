"""The hub: who is connected, who is in which group, and who therefore receives a message. Pure, no I/O."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from localcloud.webpubsub.outbox import Outbox
from localcloud.webpubsub.payloads import Subprotocol
from localcloud.webpubsub.permissions import Permissions

_REMEMBERED_ACK_IDS = 10_000


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One client connection; for reliable clients it outlives the socket that it was made on.

    Attributes:
        id: Unique over all hubs.
        hub: Name of the hub.
        user_id: Absent for anonymous clients.
        subprotocol: What the client negotiated.
        permissions: What the client may do.
        outbox: What waits to be sent.
        reconnection_token: Secret that lets a reliable client recover this connection.
        state: Opaque text that the upstream event handler keeps with the connection.
        groups: Names of the groups that the connection is in; only the hub changes it.
    """

    id: str
    hub: str
    user_id: str | None
    subprotocol: Subprotocol
    permissions: Permissions
    outbox: Outbox
    reconnection_token: str | None = None
    state: str | None = None
    groups: set[str] = field(default_factory=set)
    _done_ack_ids: dict[int, None] = field(default_factory=dict)

    def has_done(self, ack_id: int | None) -> bool:
        """Whether a request with this `ackId` already succeeded, so that it must not run again."""
        return ack_id in self._done_ack_ids

    def mark_done(self, ack_id: int | None) -> None:
        """Remembers that the request with this `ackId` succeeded."""
        if ack_id is None:
            return
        self._done_ack_ids[ack_id] = None
        if len(self._done_ack_ids) > _REMEMBERED_ACK_IDS:
            del self._done_ack_ids[next(iter(self._done_ack_ids))]


class Hub:
    """The connections of one hub, by id, by group and by user.

    Adding a user to a group is remembered: it holds for the user's connections now and for those to come.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._connections: dict[str, Connection] = {}
        self._groups: dict[str, dict[str, Connection]] = {}
        self._users: dict[str, dict[str, Connection]] = {}
        self._groups_of_user: dict[str, set[str]] = {}

    def get(self, connection_id: str) -> Connection | None:
        """The connection with this id, if it exists in this hub."""
        return self._connections.get(connection_id)

    def add(self, connection: Connection, groups: Iterable[str] = ()) -> None:
        """Registers a connection and joins it to the given groups and to those of its user."""
        self._connections[connection.id] = connection
        joined = set(groups)
        if connection.user_id is not None:
            self._users.setdefault(connection.user_id, {})[connection.id] = connection
            joined |= self._groups_of_user.get(connection.user_id, set())
        for group in joined:
            self.join(connection, group)

    def remove(self, connection: Connection) -> bool:
        """Forgets a connection; False where it was gone already."""
        if self._connections.pop(connection.id, None) is None:
            return False
        self.leave_all(connection)
        if connection.user_id is not None:
            _discard(self._users, connection.user_id, connection.id)
        return True

    def join(self, connection: Connection, group: str) -> None:
        """Adds a connection to a group; nothing changes where it is in already."""
        connection.groups.add(group)
        self._groups.setdefault(group, {})[connection.id] = connection

    def leave(self, connection: Connection, group: str) -> None:
        """Takes a connection out of a group; nothing changes where it is not in."""
        connection.groups.discard(group)
        _discard(self._groups, group, connection.id)

    def leave_all(self, connection: Connection) -> None:
        """Takes a connection out of all its groups."""
        for group in list(connection.groups):
            self.leave(connection, group)

    def add_user_to_group(self, user_id: str, group: str) -> None:
        """Adds the present and future connections of a user to a group."""
        self._groups_of_user.setdefault(user_id, set()).add(group)
        for connection in self.of_user(user_id):
            self.join(connection, group)

    def remove_user_from_group(self, user_id: str, group: str) -> None:
        """Takes the present and future connections of a user out of a group."""
        self._groups_of_user.get(user_id, set()).discard(group)
        for connection in self.of_user(user_id):
            self.leave(connection, group)

    def remove_user_from_all_groups(self, user_id: str) -> None:
        """Takes the present and future connections of a user out of every group."""
        self._groups_of_user.pop(user_id, None)
        for connection in self.of_user(user_id):
            self.leave_all(connection)

    def everyone(self, *, excluded: Container[str] = ()) -> list[Connection]:
        """All connections but the excluded ids."""
        return _without(self._connections.values(), excluded)

    def of_group(self, group: str, *, excluded: Container[str] = ()) -> list[Connection]:
        """The members of a group but the excluded ids."""
        return _without(self._groups.get(group, {}).values(), excluded)

    def of_user(self, user_id: str, *, excluded: Container[str] = ()) -> list[Connection]:
        """The connections of a user but the excluded ids."""
        return _without(self._users.get(user_id, {}).values(), excluded)

    def page_of_group(self, group: str, *, after: str, size: int) -> tuple[list[Connection], bool]:
        """At most `size` members of a group, and whether there are more.

        Pages follow the connection ids, so that members who come and go between two pages neither hide nor
        repeat others. `after` is the last id of the page before, empty for the first one.
        """
        rest: Iterator[str] = (
            identifier for identifier in sorted(self._groups.get(group, {})) if identifier > after
        )
        identifiers = list(islice(rest, size + 1))
        page = [self._connections[identifier] for identifier in identifiers[:size]]
        return page, len(identifiers) > size


def _without(connections: Iterable[Connection], excluded: Container[str]) -> list[Connection]:
    return [connection for connection in connections if connection.id not in excluded]


def _discard(index: dict[str, dict[str, Connection]], name: str, connection_id: str) -> None:
    members = index.get(name, {})
    members.pop(connection_id, None)
    if not members:
        index.pop(name, None)
