"""Names in Web PubSub: groups of watchers, and users that an event handler can tell tenants by.

Group names are made of ``[A-Za-z0-9_:-]`` alone, since permissions of the service may treat other characters as
patterns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from orchestration.identity import Caller

_USER = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9a-f]{32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Whose socket it is: the tenant, and the digest of the identity within it."""

    tenant: str
    user: str

    @property
    def user_id(self) -> str:
        """The user id that goes into a socket's token, and comes back with every event of that socket."""
        return f"{self.tenant}:{self.user}"

    @property
    def group(self) -> str:
        """The group of this user's own jobs."""
        return user_group(self.user)


def job_group(job_id: str) -> str:
    """The group of a job's watchers."""
    return f"job:{job_id}"


def user_group(user: str) -> str:
    """The group of whoever submitted as this user; ``user`` is a digest of :func:`user_of`."""
    return f"user:{user}"


def user_of(caller: Caller) -> str:
    """A digest of who calls, 32 hexadecimal digits: no name or address goes into rows, tokens or group names."""
    return hashlib.sha256(f"{caller.tenant}\n{caller.subject}".encode()).hexdigest()[:32]


def watcher_of(caller: Caller) -> Watcher:
    """The caller as the holder of a socket."""
    return Watcher(tenant=caller.tenant, user=user_of(caller))


def parse_user_id(text: str) -> Watcher | None:
    """The watcher of a user id, or None when it is not one of ours."""
    match = _USER.fullmatch(text)
    return Watcher(tenant=match.group(1), user=match.group(2)) if match else None
