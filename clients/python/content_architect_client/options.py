"""What both clients are made with, and how a request of a flow becomes one of httpx."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from content_architect_client.flows import Send
from content_architect_client.policy import Answer, RetryPolicy
from content_architect_client.sockets import Protocol

_BASE = "/content-architect/"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT = httpx.Timeout(130.0, connect=10.0)
"""Above the longest wait that the service offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``base_url`` is the address of the service, without ``/content-architect``.

    ``api_key`` is one of its keys; ``token`` gives a bearer token each time (an Entra ID token, for instance).
    """

    base_url: str
    api_key: str | None = None
    token: Callable[[], str] | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    protocol: Protocol = "reliable"

    def __post_init__(self) -> None:
        """Refuse to send a credential over an open wire."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url should be an https URL")
        secret = self.api_key is not None or self.token is not None
        if secret and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ValueError("base_url should be https: a credential goes with every call")

    def request(self, send: Send) -> dict[str, Any]:
        """Arguments of ``httpx.Client.request``."""
        headers = {"Accept": "application/json", **send.headers}
        if self.api_key is not None:
            headers["x-api-key"] = self.api_key
        elif self.token is not None:
            headers["Authorization"] = f"Bearer {self.token()}"
        arguments: dict[str, Any] = {
            "method": send.method,
            "url": f"{self.base_url.rstrip('/')}{_BASE}{send.path}",
            "params": dict(send.query),
            "headers": headers,
        }
        return arguments if send.body is None else {**arguments, "json": send.body}


def answer_of(response: httpx.Response) -> Answer:
    """What the flows see of an answer."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, text=response.text)


def no_answer(error: httpx.TransportError) -> Answer:
    """What they see when nobody answers."""
    return Answer(status=0, text=f"{type(error).__name__}: {error}")


def new_key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


RESULT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "markdown": "text/markdown",
    "html": "text/html",
}
