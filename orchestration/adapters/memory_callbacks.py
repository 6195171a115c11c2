"""The in-memory twin of the callback sender."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestration.callbacks import CallbackAnswer
from orchestration.errors import AddressRefused


@dataclass
class MemoryCallbackSender:
    """Keeps what was sent. ``answers`` are given one after the other, then 200; ``refused`` hosts may not be called."""

    answers: deque[CallbackAnswer] = field(default_factory=deque)
    refused: set[str] = field(default_factory=set)
    sent: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    async def check(self, url: str) -> None:
        """Let https pass, to hosts that are not refused."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname in self.refused:
            raise AddressRefused(f"{parts.hostname} may not be called")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> CallbackAnswer:
        """Remember the call and answer."""
        if urlsplit(url).hostname in self.refused:
            return CallbackAnswer(error="the address is refused")
        self.sent.append((url, body, dict(headers)))
        return self.answers.popleft() if self.answers else CallbackAnswer(status=200)
