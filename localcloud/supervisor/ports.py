"""Which loopback ports a stack listens on: the usual ones if free, else others, never one of another stack."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO

API, BLOB, TABLE, BROKER, BROKER_STATS, WEB_PUBSUB, TELEMETRY = (
    "api",
    "blob",
    "table",
    "servicebus",
    "servicebus-stats",
    "webpubsub",
    "telemetry",
)
USUAL: Mapping[str, int] = {
    API: 7071,
    BLOB: 10000,
    TABLE: 10002,
    BROKER: 5672,
    BROKER_STATS: 5300,
    WEB_PUBSUB: 8080,
    TELEMETRY: 4319,
}
# Further candidates lie this far apart and below the kernel's range for outgoing connections (32768 and up):
# a part that is restarted must not find its port taken by somebody's outgoing connection.
_STRIDE = 10
_HIGHEST = 32_000


class PortInUseError(Exception):
    """The one port that was asked for is taken."""


class PortClaims:
    """Ports claimed by this process until it ends.

    Between choosing a port and listening on it another stack could choose the same one; a lock file per port,
    shared by all stacks of the user, closes that gap. The kernel frees the locks of a killed process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"content-architect-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._locks: dict[int, IO[str]] = {}

    def claim(self, port: int) -> bool:
        """Try to take ``port``; false if anybody has it."""
        if port in self._locks:
            return False
        handle = (self._folder / str(port)).open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        if not _nobody_listens(port):
            handle.close()
            return False
        self._locks[port] = handle
        return True

    def close(self) -> None:
        """Give all claims back."""
        for handle in self._locks.values():
            handle.close()
        self._locks.clear()


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(
    claims: PortClaims, *, instances: int, last: Mapping[str, int], api_port: int | None = None
) -> dict[str, int]:
    """Claim a port for every part: ``last`` run's first, then the usual one, then the next free.

    The runners are named ``functions-1`` ...; the first is the API, at ``api_port`` if given. Raises
    :class:`PortInUseError` when exactly that one is taken.
    """
    chosen: dict[str, int] = {}
    for name in USUAL:
        if name == API:
            continue
        chosen[name] = _first_free(claims, _candidates(last.get(name), USUAL[name]), name)
    for number in range(1, instances + 1):
        name = f"functions-{number}"
        usual = (api_port or USUAL[API]) + number - 1
        if number == 1 and api_port is not None:
            if not claims.claim(api_port):
                raise PortInUseError(f"Port {api_port} is in use; leave --port away to get a free one")
            chosen[name] = api_port
        else:
            chosen[name] = _first_free(claims, _candidates(last.get(name), usual), name)
    return chosen


def _candidates(last: int | None, usual: int) -> Iterator[int]:
    return chain([] if last is None else [last], range(usual, _HIGHEST, _STRIDE))


def _first_free(claims: PortClaims, candidates: Iterable[int], name: str) -> int:
    for port in candidates:
        if claims.claim(port):
            return port
    raise PortInUseError(f"No free port for {name} below {_HIGHEST}")
