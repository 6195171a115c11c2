"""HTTP as values, so that the controller knows neither the Functions host nor a web framework."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestration.errors import RequestRefused
from orchestration.identity import NOBODY, Caller

MAX_HEADERS = 100
MAX_HEADER_CHARACTERS = 32 * 1024
MAX_QUERY_CHARACTERS = 8 * 1024
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def valid_traceparent(value: str) -> str | None:
    """The traceparent (W3C Trace Context, version 00) if it is well formed."""
    return value if _TRACEPARENT.fullmatch(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request: header names in lower case, route parameters as the host matched them.

    ``caller`` is whoever was admitted; handlers of routes that take a role find them there. ``trace_id`` is the
    caller's (W3C Trace Context) where the call brings one, else a new one; it stays the same for the whole call.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    route: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller = NOBODY
    trace_id: str = ""

    def __post_init__(self) -> None:
        """Name the call once, so that the answer, the log and the audit row agree."""
        if not self.trace_id:
            match = _TRACEPARENT.fullmatch(self.headers.get("traceparent", ""))
            object.__setattr__(self, "trace_id", match.group(1) if match else secrets.token_hex(16))

    @property
    def credential(self) -> str:
        """What the call carries as bearer token, else as ``x-api-key``; empty where there is neither."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else self.headers.get("x-api-key", "")

    @property
    def traceparent(self) -> str | None:
        """The caller's traceparent if it is well formed."""
        return valid_traceparent(self.headers.get("traceparent", ""))


def check_size(call: HttpCall) -> None:
    """Refuse what no honest client sends before anything is read of it.

    Raises :class:`RequestRefused` 431 for too many or too long headers, 414 for too long a query.
    """
    length = sum(len(name) + len(value) for name, value in call.headers.items())
    if len(call.headers) > MAX_HEADERS or length > MAX_HEADER_CHARACTERS:
        detail = f"at most {MAX_HEADERS} headers with {MAX_HEADER_CHARACTERS} characters together"
        raise RequestRefused(detail, code="headers_too_large", status=431)
    if sum(len(name) + len(value) for name, value in call.query.items()) > MAX_QUERY_CHARACTERS:
        detail = f"the query has at most {MAX_QUERY_CHARACTERS} characters"
        raise RequestRefused(detail, code="uri_too_long", status=414)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


BASE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def complete(reply: HttpReply, trace_id: str) -> HttpReply:
    """The answer with the headers that every answer has; its own win."""
    return replace(reply, headers={**BASE_HEADERS, "X-Request-Id": trace_id, **reply.headers})


def matches_tag(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110, section 13.1.2): proxies that compress make a tag weak."""
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in given or "*" in given


def json_reply(
    status: int,
    value: Any,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = "application/json",
) -> HttpReply:
    """JSON with the headers that every answer has."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpReply(
        status=status, body=body, content_type=content_type, headers={**BASE_HEADERS, **(headers or {})}
    )


def accepted_type(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type that ``Accept`` likes best (RFC 9110, section 12.5.1); the first where all are equal.

    None when none is acceptable.
    """
    if not accept.strip():
        return offered[0]
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    best, best_quality = None, 0.0
    for media_type in offered:
        quality = max(
            ((precision, q) for pattern, q, precision in ranges if _matches(pattern, media_type)),
            default=(0, 0.0),
        )[1]
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _media_range(part: str) -> tuple[str, float, int]:
    pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                quality = 0.0
    return pattern, quality, 2 - pattern.count("*")


def _matches(pattern: str, media_type: str) -> bool:
    kind, _, subtype = pattern.partition("/")
    own_kind, _, own_subtype = media_type.partition("/")
    return kind in ("*", own_kind) and subtype in ("*", own_subtype)
