"""What a listing is asked for: filters, page size and cursor. Pure; nothing here reads storage.

A cursor is opaque and bound to its question: it names the last place that was looked at, and a signature over
that place, the tenant and all filters. The tenant of a listing always comes from the credential; a cursor only
says where to go on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from layers.contract import JobType
from orchestration.errors import FieldError, InvalidRequest
from orchestration.jobs import JobStatus, Priority, moment, stamp
from orchestration.management.job_index import ALL, JobSummary, position, status_prefix, user_prefix

MAX_PAGE = 200
DEFAULT_PAGE = 50
_LABEL = 100
_SIGNATURE_BYTES = 12
CHOICES: dict[str, tuple[str, ...]] = {
    "status": tuple(status.value for status in JobStatus),
    "type": tuple(kind.value for kind in JobType),
    "priority": tuple(priority.value for priority in Priority),
}
_LABELS = ("workflowType", "userId", "projectId", "tag")
_TIMES = ("createdAfter", "createdBefore")
FILTERS = (*CHOICES, *_LABELS, *_TIMES)
"""What jobs can be listed by."""

_NAME = re.compile(r"^[A-Za-z]{1,40}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; None means any. ``created_after`` is inclusive, ``created_before`` exclusive."""

    status: JobStatus | None = None
    type: str | None = None
    workflow_type: str | None = None
    priority: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    tag: str | None = None
    created_after: str | None = None
    created_before: str | None = None

    @property
    def prefix(self) -> str:
        """Beginning of the index keys that hold all jobs of this filter and the fewest others."""
        if self.user_id:
            return user_prefix(self.user_id)
        if self.status and self.status.terminal:
            return status_prefix(self.status)
        return ALL

    @property
    def bounds(self) -> tuple[str, str]:
        """Positions between which the jobs lie (exclusive both), by their time of creation."""
        first = f"{position(self.created_before)}~" if self.created_before else ""
        last = f"{position(self.created_after)}~" if self.created_after else "~"
        return first, last

    def matches(self, job: JobSummary) -> bool:
        """Whether a job is one of those asked for."""
        return self.could_match(job) and self.status in (None, job.status)

    def could_match(self, job: JobSummary) -> bool:
        """Whether it is, but for its status, which alone changes."""
        wanted = (
            (self.type, job.type),
            (self.workflow_type, job.workflow_type),
            (self.priority, job.priority),
            (self.user_id, job.user_id),
            (self.project_id, job.project_id),
        )
        if any(value is not None and value != found for value, found in wanted):
            return False
        if self.tag is not None and self.tag not in job.tags:
            return False
        first, last = self.bounds
        return first < job.position < last


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """One page of a listing. ``after`` is the position behind which it begins."""

    filter: JobFilter = field(default_factory=JobFilter)
    page_size: int = DEFAULT_PAGE
    after: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorKey:
    """Signs cursors of one tenant. ``secret`` is shared by all instances of the app."""

    secret: bytes
    tenant: str

    def sign(self, parameters: Sequence[tuple[str, str]], place: str) -> str:
        """The cursor for this place in the answer to this question."""
        body = place.encode()
        return base64.urlsafe_b64encode(self._signature(parameters, body) + body).decode().rstrip("=")

    def place(self, parameters: Sequence[tuple[str, str]], cursor: str) -> str:
        """The place of a cursor. Raises :class:`InvalidRequest` for one that answers another question."""
        data = _decoded(cursor)
        signature, body = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(parameters, body)):
            detail = "is not a cursor of this listing: take nextLink as it is, or start without one"
            raise InvalidRequest([FieldError(pointer="/cursor", detail=detail)])
        return body.decode()

    def _signature(self, parameters: Sequence[tuple[str, str]], body: bytes) -> bytes:
        question = json.dumps([self.tenant, sorted(parameters)], separators=(",", ":")).encode()
        return hmac.new(self.secret, question + b"\n" + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _decoded(cursor: str) -> bytes:
    """The bytes of a cursor; none when it is not base64url, which no signature fits."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def parse_query(query: Mapping[str, str], key: CursorKey) -> JobQuery:
    """Check the parameters of ``GET jobs``. Raises :class:`InvalidRequest` that names every wrong one."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    given = {name: value for name, value in query.items() if name not in ("cursor", "pageSize")}
    for name, value in given.items():
        try:
            values[_snake(name)] = _value(name, value)
        except ValueError as error:
            pointer = f"/{name}" if _NAME.match(name) else ""
            errors.append(FieldError(pointer=pointer, detail=str(error)))
    size = page_size(query, errors)
    if errors:
        raise InvalidRequest(errors)
    parameters = tuple(sorted((name, value.strip()) for name, value in given.items()))
    page = JobQuery(filter=JobFilter(**values), page_size=size, parameters=parameters)
    return replace(page, after=key.place(parameters, query["cursor"])) if query.get("cursor") else page


def page_size(query: Mapping[str, str], errors: list[FieldError]) -> int:
    """``pageSize``, 1 to 200; a wrong one is added to ``errors``."""
    text = query.get("pageSize", str(DEFAULT_PAGE))
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    errors.append(FieldError(pointer="/pageSize", detail=f"should be a whole number from 1 to {MAX_PAGE}"))
    return DEFAULT_PAGE


def next_link(base: str, route: str, parameters: Sequence[tuple[str, str]], cursor: str) -> str:
    """The absolute link to the following page."""
    query = urlencode([*parameters, ("cursor", cursor)])
    return f"{base.rstrip('/')}/content-architect/{route}?{query}"


def parse_time(text: str) -> datetime:
    """An RFC 3339 time with its offset. Raises ValueError."""
    try:
        value = moment(text.strip().replace(" ", "+"))  # a plus sign that a client left unescaped
    except ValueError as error:
        raise ValueError("should be a time such as 2026-11-22T12:00:00Z") from error
    if value.tzinfo is None:
        raise ValueError("should say its offset from UTC, such as Z")
    if not 1971 <= value.year < 2270:
        raise ValueError("should be between the years 1971 and 2270")
    return value.astimezone(UTC)


def _value(name: str, text: str) -> object:
    text = text.strip()
    if name in CHOICES:
        if text not in CHOICES[name]:
            raise ValueError(f"should be one of: {', '.join(CHOICES[name])}")
        return JobStatus(text) if name == "status" else text
    if name in _TIMES:
        return stamp(parse_time(text))
    if name not in _LABELS:
        known = sorted([*FILTERS, "pageSize", "cursor"])
        raise ValueError(f"is not a known parameter; known: {', '.join(known)}")
    if not 1 <= len(text) <= _LABEL:
        raise ValueError(f"should have 1 to {_LABEL} characters")
    return text


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found.group().lower()}", name)
