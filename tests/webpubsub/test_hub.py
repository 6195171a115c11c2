"""Groups, users and permissions of the pure hub."""

from collections.abc import Iterable

import pytest

from localcloud.webpubsub.hub import Connection, Hub
from localcloud.webpubsub.outbox import Outbox, OutboxLimits
from localcloud.webpubsub.payloads import Subprotocol
from localcloud.webpubsub.permissions import Permission, Permissions

JOIN, SEND = Permission.JOIN_LEAVE_GROUP, Permission.SEND_TO_GROUP


def connection(identifier: str, user: str | None = None) -> Connection:
    return Connection(
        id=identifier,
        hub="h",
        user_id=user,
        subprotocol=Subprotocol.JSON,
        permissions=Permissions(),
        outbox=Outbox(subprotocol=Subprotocol.JSON, limits=OutboxLimits()),
    )


def ids(connections: Iterable[Connection]) -> set[str]:
    return {member.id for member in connections}


def test_a_user_added_to_a_group_brings_present_and_future_connections() -> None:
    hub = Hub("h")
    hub.add(connection("before", "ann"))
    hub.add(connection("other", "bob"))
    hub.add_user_to_group("ann", "g")
    hub.add(connection("after", "ann"))
    assert {"before", "after"} == ids(hub.of_group("g"))
    hub.remove_user_from_group("ann", "g")
    hub.add(connection("last", "ann"))
    assert set() == ids(hub.of_group("g"))


def test_a_user_removed_from_all_groups_does_not_come_back_to_them() -> None:
    hub = Hub("h")
    hub.add(connection("one", "ann"), groups=["token"])
    hub.add_user_to_group("ann", "g")
    hub.remove_user_from_all_groups("ann")
    hub.add(connection("two", "ann"))
    assert (set(), set()) == (ids(hub.of_group("g")), ids(hub.of_group("token")))


def test_a_removed_connection_leaves_nothing_behind() -> None:
    hub = Hub("h")
    gone = connection("gone", "ann")
    hub.add(gone, groups=["g"])
    assert hub.remove(gone)
    assert not hub.remove(gone)
    assert [hub.everyone(), hub.of_group("g"), hub.of_user("ann")] == [[], [], []]


def test_pages_of_a_group_neither_repeat_nor_hide_members_while_others_leave() -> None:
    hub = Hub("h")
    members = {f"c{number}": connection(f"c{number}") for number in range(7)}
    for member in members.values():
        hub.add(member, groups=["g"])
    seen, after, more = [], "", True
    while more:
        page, more = hub.page_of_group("g", after=after, size=3)
        seen += [member.id for member in page]
        after = seen[-1]
        hub.leave(members[seen[0]], "g")
    assert sorted(members) == seen


def test_an_ack_id_is_remembered_after_success_only() -> None:
    client = connection("c")
    assert not client.has_done(1)
    client.mark_done(1)
    client.mark_done(None)
    assert client.has_done(1)
    assert not client.has_done(None)


@pytest.mark.parametrize(
    ("roles", "permission", "group", "allowed"),
    [
        ([], JOIN, "g", False),
        (["webpubsub.joinLeaveGroup"], JOIN, "any", True),
        (["webpubsub.joinLeaveGroup"], SEND, "any", False),
        (["webpubsub.sendToGroup.a.b"], SEND, "a.b", True),
        (["webpubsub.sendToGroup.a.b"], SEND, "a", False),
        (["webpubsub.sendToGroup.a"], SEND, None, False),
        (["sendToGroup", "webpubsub.other", "admin"], SEND, "g", False),
    ],
)
def test_roles_give_permissions_for_all_groups_or_for_one(
    roles: list[str], permission: Permission, group: str | None, allowed: bool
) -> None:
    assert allowed == Permissions.from_roles(roles).allows(permission, group)


def test_a_grant_is_taken_back_as_it_was_given_or_all_at_once() -> None:
    permissions = Permissions.from_roles(["webpubsub.sendToGroup", "webpubsub.sendToGroup.g"])
    permissions.revoke(SEND, "g")
    assert permissions.allows(SEND, "g")
    permissions.grant(SEND, "h")
    permissions.revoke(SEND, None)
    assert not permissions.allows(SEND, "h")
