"""Who calls: tenant, subject and roles. They come from the credential alone, never from a body."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. Each role includes those before it."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what ``other`` is needed for."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One authenticated caller.

    ``role`` is None for somebody without any (open routes). ``everywhere`` is set for the operator of the whole
    installation, who acts on every tenant's jobs and dead letters. ``subject`` names the key, user or client in audit
    rows; ``address`` is the keyed hash of where the call comes from, empty where that is not known.
    """

    tenant: str
    subject: str = ""
    role: Role | None = None
    everywhere: bool = False
    address: str = ""

    @property
    def limited(self) -> bool:
        """Whether the limits of a tenant count for this caller: not on open routes, nor for the operator."""
        return self.role is not None and not self.everywhere

    def may(self, needed: Role | None) -> bool:
        """Whether this caller may use a route that needs that role."""
        return needed is None or (self.role is not None and self.role.includes(needed))


NOBODY = Caller(tenant="")
"""The caller of an open route: health, the contract, what does not exist."""
