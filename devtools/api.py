"""A small client of the HTTP API for the developer commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

_PREFIX = "/content-architect"
# The server ends a synchronous wait after 100 s; this leaves it time to say so.
_TIMEOUT = aiohttp.ClientTimeout(total=150, sock_connect=5)


class ApiUnreachableError(Exception):
    """No answer: connection refused, cut or timed out."""


@dataclass(slots=True, kw_only=True)
class ApiError(Exception):
    """The API refused. ``pointers`` are (JSON pointer, detail) pairs of its problem document (RFC 9457)."""

    status: int
    title: str
    detail: str = ""
    pointers: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def __str__(self) -> str:
        """Title, detail, and one line per field."""
        head = f"{self.title} ({self.status})" + (f": {self.detail}" if self.detail else "")
        return "\n".join([head, *(f"  {pointer}: {detail}" for pointer, detail in self.pointers)])

    @classmethod
    def of(cls, status: int, body: str) -> ApiError:
        """From an answer; anything that is not a problem document is shown as it is."""
        try:
            problem = json.loads(body)
        except json.JSONDecodeError:
            problem = None
        if not isinstance(problem, dict):
            return cls(status=status, title="The API refused the request", detail=body.strip()[:300])
        return cls(
            status=status,
            title=str(problem.get("title") or "The API refused the request"),
            detail=str(problem.get("detail") or ""),
            pointers=[
                (str(error.get("pointer", "")), str(error.get("detail", "")))
                for error in problem.get("errors") or ()
            ],
        )


class Api:
    """One API base address; an async context manager that owns its connections.

    Every call raises :class:`ApiError` for an answer of 400 and above, :class:`ApiUnreachableError` for none.
    """

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/") + _PREFIX
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("use the client in an async with block")
        return self._session

    async def submit(
        self, request: Mapping[str, Any], *, key: str, wait: int | None = None
    ) -> dict[str, Any]:
        """Submit under an idempotency key; the job view. ``wait`` asks for another wait than usual, in seconds."""
        headers = {"Idempotency-Key": key}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        return await self._json("POST", "/generate", json=request, headers=headers)

    async def job(self, job_id: str) -> dict[str, Any]:
        """The job view."""
        return await self._json("GET", f"/job/{job_id}")

    async def events(self, job_id: str, *, after: int) -> list[dict[str, Any]]:
        """The logged events with a sequence above ``after``, as far as one page goes."""
        page = await self._json("GET", f"/job/{job_id}/events", params={"after": str(after)})
        return list(page["value"])

    async def socket_url(self, job_id: str) -> str:
        """A Web PubSub address with a token that receives this job's events."""
        return str((await self._json("POST", f"/job/{job_id}/negotiate"))["url"])

    async def own_socket_url(self) -> str:
        """The same for all jobs that this caller submits."""
        return str((await self._json("POST", "/realtime/negotiate"))["url"])

    async def result(self, job_id: str, media_type: str) -> str:
        """The result as JSON, ``text/markdown`` or ``text/html``."""
        return await self._text("GET", f"/job/{job_id}/result", headers={"Accept": media_type})

    async def cancel(self, job_id: str) -> None:
        """Cancel the job."""
        await self._text("POST", f"/job/{job_id}/cancel")

    async def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        text = await self._text(method, path, **arguments)
        try:
            return dict(json.loads(text))
        except (json.JSONDecodeError, TypeError, ValueError) as error:
            raise ApiError(
                status=502, title=f"{method} {path} gave no JSON object", detail=text[:300]
            ) from error

    async def _text(self, method: str, path: str, **arguments: Any) -> str:
        try:
            async with self.session.request(method, self._base + path, **arguments) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnreachableError(f"{self._base} does not answer: {error or 'timed out'}") from error
        if answer.status >= 400:
            raise ApiError.of(answer.status, text)
        return text
