"""One bare call to Web PubSub's data plane, for the messages that every commit sends.

The official client spends 0.57 ms of CPU on each, this 0.09; docs/decisions/0006-bare-http-client.md has the
figures. Format: "Web PubSub - Send To Group" (Microsoft Learn, REST, api-version 2024-12-01): a POST whose bearer
token is signed with the access key (HS256, RFC 7519), for the URL of this very request as its audience, or is one of
Microsoft Entra ID.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

import jwt

from orchestration.adapters.bare_http import BareClient, NoAnswer
from orchestration.errors import DependencyUnavailable
from orchestration.retry import PUBLISH_RETRY

API_VERSION = "2024-12-01"
IDENTITY_SCOPE = "https://webpubsub.azure.com/.default"
_TOKENS_KEPT = 256
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})

Authorize = Callable[[str], Awaitable[str]]
"""The bearer token for a request to this URL."""


def key_token(key: str) -> Authorize:
    """Tokens signed with an access key, each for one URL and one to two minutes.

    All messages of a job go to one URL, so a token serves for many: signing costs as much as sending.
    """

    @lru_cache(maxsize=_TOKENS_KEPT)
    def signed(url: str, minute: int) -> str:
        return jwt.encode({"aud": url, "exp": (minute + 2) * 60}, key, algorithm="HS256")

    async def token(url: str) -> str:
        return signed(url, int(time.time() // 60))

    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubLink:
    """A hub's endpoint (without a trailing slash), how calls are let in, and a long-lived client."""

    client: BareClient
    endpoint: str
    hub: str
    authorize: Authorize

    async def send(self, path: str, message: str) -> None:
        """Hand one JSON message over; ``path`` follows the hub, starts with a slash and is encoded already.

        Tried again once when there is no usable answer: receivers drop what they have seen by its sequence. Raises
        :class:`DependencyUnavailable`.
        """
        failures = 0
        while True:
            try:
                return await self._send_once(path, message)
            except NoAnswer as error:
                failures += 1
                delay = PUBLISH_RETRY.delay(failures, chance=random.random())  # noqa: S311 - spreads retries
                if delay is None:
                    raise _unavailable(str(error)) from error
                await asyncio.sleep(delay)

    async def _send_once(self, path: str, message: str) -> None:
        url = f"{self.endpoint}/api/hubs/{self.hub}{path}?api-version={API_VERSION}"
        headers = {
            "Authorization": f"Bearer {await self.authorize(url)}",
            "Content-Type": "application/json",
        }
        answer = await self.client.request("POST", url, headers, message.encode())
        if answer.status in _TRANSIENT:
            raise NoAnswer(str(answer.status))
        if answer.status >= 300:
            raise _unavailable(f"answered {answer.status}")


def _unavailable(reason: str) -> DependencyUnavailable:
    return DependencyUnavailable(f"Web PubSub: {reason}", code="realtime_unavailable")
