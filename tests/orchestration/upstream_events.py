"""Events as Web PubSub sends them, for tests of the event handler."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.handlers import realtime as controller_realtime
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Caller, Role
from orchestration.sockets.groups import Watcher, watcher_of
from tests.orchestration.support import World, body_of

KEY = "the-primary-key-of-a-web-pubsub-resource"
SECONDARY = "the-secondary-key-of-that-resource"
ENDPOINT = "https://Name.webpubsub.azure.com"
CONNECTION_STRING = f"Endpoint={ENDPOINT};AccessKey={KEY};Version=1.0;"
WITH_KEY = {"WEB_PUBSUB_CONNECTION_STRING": CONNECTION_STRING}

ANN = watcher_of(Caller(tenant="local", subject="ann", role=Role.SUBMITTER))
BOB = watcher_of(Caller(tenant="local", subject="bob", role=Role.SUBMITTER))
EVE = watcher_of(Caller(tenant="elsewhere", subject="ann", role=Role.SUBMITTER))


def signed(connection_id: str, *keys: str) -> str:
    digests = (hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest() for key in keys)
    return ",".join(f"sha256={digest}" for digest in digests)


def event(
    kind: str,
    name: str,
    *,
    watcher: Watcher | None = ANN,
    connection: str = "c-1",
    body: object = None,
    **headers: str,
) -> HttpCall:
    """One event, signed as the service does; ``headers`` (underscores for dashes) replace those of a good one."""
    given = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-type": f"azure.webpubsub.{kind}.{name}",
        "ce-hub": "contentjobs",
        "ce-connectionid": connection,
        "ce-eventname": name,
        "ce-signature": signed(connection, SECONDARY, KEY),
        **({"ce-userid": watcher.user_id} if watcher else {}),
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return HttpCall(method="POST", headers=given, body=data)


@dataclass(kw_only=True)
class PubSub:
    """What stands for the service: it tells events, and knows which connections are open."""

    world: World = field(default_factory=lambda: World(environment=WITH_KEY))

    async def tell(self, call: HttpCall) -> HttpReply:
        from orchestration.routes import ROUTES

        return await self.world.answer(ROUTES["realtime_upstream"], call)

    async def connect(
        self,
        watcher: Watcher = ANN,
        connection: str = "c-1",
        *,
        groups: list[str] | str | None = None,
        **body: Any,
    ) -> HttpReply:
        """The whole of connecting: the question, then the group of the token, then the news."""
        await self.world.app.sockets.interest.note(watcher, own_jobs=groups is None)
        claims = {"webpubsub.group": [watcher.group] if groups is None else groups}
        reply = await self.tell(
            event("sys", "connect", watcher=watcher, connection=connection, body={"claims": claims, **body})
        )
        if reply.status == 200:
            joined = claims["webpubsub.group"]
            self.world.publisher.members[connection] = {joined} if isinstance(joined, str) else set(joined)
            assert (
                await self.tell(event("sys", "connected", watcher=watcher, connection=connection))
            ).status == 204
        return reply

    async def ask(
        self, name: str, job_id: object, watcher: Watcher = ANN, connection: str = "c-1"
    ) -> Mapping[str, Any]:
        """A client's event and the reply to it."""
        reply = await self.tell(
            event("user", name, watcher=watcher, connection=connection, body={"jobId": job_id})
        )
        assert reply.status == 200, reply.body
        answer: Mapping[str, Any] = body_of(reply)
        return answer

    async def leave(self, watcher: Watcher = ANN, connection: str = "c-1") -> HttpReply:
        self.world.publisher.members.pop(connection, None)
        return await self.tell(
            event("sys", "disconnected", watcher=watcher, connection=connection, body={"reason": "bye"})
        )

    def groups(self, connection: str = "c-1") -> set[str]:
        return self.world.publisher.members[connection]


HANDSHAKE = controller_realtime.handshake
