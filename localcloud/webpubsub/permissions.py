"""What a connection may do: roles from its token, and grants and revocations over REST."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self

_ROLE_PREFIX = "webpubsub."


class Permission(StrEnum):
    """The permissions of the service, by the name that roles and the REST API share."""

    SEND_TO_GROUP = "sendToGroup"
    JOIN_LEAVE_GROUP = "joinLeaveGroup"


class Permissions:
    """The permissions of one connection: each for every group, for named groups, or not at all."""

    def __init__(self) -> None:
        self._everywhere: set[Permission] = set()
        self._groups: dict[Permission, set[str]] = {permission: set() for permission in Permission}

    @classmethod
    def from_roles(cls, roles: Iterable[str]) -> Self:
        """Reads roles such as `webpubsub.joinLeaveGroup` and `webpubsub.sendToGroup.<group>`.

        The group may contain dots. Other roles are the application's own and grant nothing here.
        """
        permissions = cls()
        for role in roles:
            name, _, group = role.removeprefix(_ROLE_PREFIX).partition(".")
            if role.startswith(_ROLE_PREFIX) and name in set(Permission):
                permissions.grant(Permission(name), group or None)
        return permissions

    def grant(self, permission: Permission, group: str | None) -> None:
        """Allows for one group, or for all where `group` is None."""
        if group is None:
            self._everywhere.add(permission)
        else:
            self._groups[permission].add(group)

    def revoke(self, permission: Permission, group: str | None) -> None:
        """Takes back the grant for one group, or every grant of this permission where `group` is None.

        A grant for all groups is not narrowed by revoking one group: it has to be revoked as it was given.
        """
        if group is None:
            self._everywhere.discard(permission)
            self._groups[permission].clear()
        else:
            self._groups[permission].discard(group)

    def allows(self, permission: Permission, group: str | None) -> bool:
        """Whether the permission holds for a group, or for all groups where `group` is None."""
        return permission in self._everywhere or (group is not None and group in self._groups[permission])
