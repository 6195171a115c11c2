"""The host's admin API: run a function by hand, status, ping and drain."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

HOST_VERSION = "4.1037.0"
"""Version of the host whose behaviour this one follows."""

DrainState = Literal["Disabled", "InProgress", "Completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminActions:
    """What the admin API can do to the host."""

    start_by_hand: Callable[[str, str], bool]
    """Start a function with an input text without waiting; False when there is no such function."""
    drain: Callable[[], None]
    """Stop all listeners but HTTP; what runs may finish and counts."""
    drain_state: Callable[[], DrainState]
    outstanding: Callable[[], int]


class AdminApi:
    """Answers requests below ``/admin``."""

    def __init__(self, actions: AdminActions, *, instance_id: str) -> None:
        self._actions = actions
        self._instance_id = instance_id
        self._began = time.monotonic()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request; 404 for what this host does not have."""
        path = request.path.rstrip("/").removeprefix("/admin")
        if path.lower().startswith("/functions/") and request.method == "POST":
            return await self._start_function(request, path.split("/")[2])
        known: Mapping[tuple[str, str], Callable[[], Awaitable[web.Response]]] = {
            ("GET", "/host/status"): self._status,
            ("GET", "/host/ping"): self._ping,
            ("POST", "/host/ping"): self._ping,
            ("POST", "/host/drain"): self._drain,
            ("GET", "/host/drain/status"): self._drain_status,
        }
        action = known.get((request.method, path.lower()))
        return web.Response(status=404) if action is None else await action()

    async def _start_function(self, request: web.Request, name: str) -> web.Response:
        try:
            content: Any = json.loads(await request.text() or "null")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return web.Response(status=400)
        given = content.get("input", "")
        text = given if isinstance(given, str) else json.dumps(given)
        return web.Response(status=202 if self._actions.start_by_hand(name, text) else 404)

    async def _status(self) -> web.Response:
        return web.json_response(
            {
                "id": f"localhost-{self._instance_id[:8]}",
                "state": "Running",
                "version": HOST_VERSION,
                "versionDetails": "local host",
                "instanceId": self._instance_id,
                "processUptime": int((time.monotonic() - self._began) * 1000),
            }
        )

    async def _ping(self) -> web.Response:
        return web.Response(status=200)

    async def _drain(self) -> web.Response:
        self._actions.drain()
        return web.Response(status=202)

    async def _drain_status(self) -> web.Response:
        return web.json_response(
            {
                "state": self._actions.drain_state(),
                "outstandingInvocations": self._actions.outstanding(),
                "outstandingRetries": 0,
            }
        )
