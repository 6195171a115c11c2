"""The receiver of a chaos run's callbacks: writes down each call, and refuses some of them the first time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

_REFUSALS = (500, 503, 429, 302)
REFUSED_SHARE = 0.15
"""Of the callbacks this share is refused once; a second refusal would have to wait for five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it came: the three headers of Standard Webhooks, and the body."""

    webhook_id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass(kw_only=True)
class CallbackReceiver:
    """Takes calls at ``url``. ``accepted`` are those that were answered with 200, in order."""

    chance: random.Random
    url: str = ""
    accepted: list[Call] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def take(self, request: web.Request) -> web.Response:
        """Write a call down, or refuse it."""
        call = Call(
            webhook_id=request.headers.get("webhook-id", ""),
            timestamp=request.headers.get("webhook-timestamp", ""),
            signature=request.headers.get("webhook-signature", ""),
            body=await request.read(),
        )
        first = call.webhook_id not in self.refused and not any(
            call.webhook_id == known.webhook_id for known in self.accepted
        )
        if first and self.chance.random() < REFUSED_SHARE:
            self.refused.add(call.webhook_id)
            return web.Response(status=self.chance.choice(_REFUSALS))
        self.accepted.append(call)
        return web.Response()


@asynccontextmanager
async def receiving(seed: int) -> AsyncIterator[CallbackReceiver]:
    """A receiver on this machine."""
    receiver = CallbackReceiver(chance=random.Random(seed))  # noqa: S311 - repeatable on purpose
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver
    finally:
        await runner.cleanup()
