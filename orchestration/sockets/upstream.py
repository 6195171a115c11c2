"""Events that Web PubSub sends to its event handler: CloudEvents in binary HTTP mode, as values. Pure.

Source: the service's reference for CloudEvents (``reference-cloud-events``) and the CloudEvents HTTP binding 1.0.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from orchestration.errors import RequestRefused
from orchestration.http import HttpCall
from orchestration.schemas import parse_json
from orchestration.sockets.groups import Watcher

MAX_UPSTREAM_BYTES = 64 * 1024
"""The largest event that is read; a request to subscribe has some hundred bytes."""

SUBPROTOCOLS = ("json.reliable.webpubsub.azure.v1", "json.webpubsub.azure.v1")
"""Those that are chosen for a client that offers several: the one that replays after a lost socket first."""

_LONGEST_GROUP = 64
_TYPE = re.compile(r"azure\.webpubsub\.(sys|user)\.(.{1,128})", re.DOTALL)
_CONNECTION = re.compile(r"[\x21-\x7e]{1,256}")


class Kind(StrEnum):
    """What sends an event: the service (``sys``) or a client (``user``)."""

    SYSTEM = "sys"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamEvent:
    """One event. ``user_id`` is empty for an anonymous client; ``signature`` is the header as it came."""

    kind: Kind
    name: str
    hub: str
    connection_id: str
    user_id: str
    signature: str
    content_type: str
    body: bytes


def parse_event(call: HttpCall) -> UpstreamEvent:
    """Read the ``ce-`` headers. Raises :class:`RequestRefused` 400 for what is no event, 413 for one too large."""
    if len(call.body) > MAX_UPSTREAM_BYTES:
        detail = f"an event is at most {MAX_UPSTREAM_BYTES // 1024} KB"
        raise RequestRefused(detail, code="too_large", status=413)
    kind = _TYPE.fullmatch(_attribute(call, "type"))
    if kind is None:
        raise _bad("ce-type should be azure.webpubsub.sys.<event> or azure.webpubsub.user.<event>")
    connection_id = _attribute(call, "connectionid")
    if not _CONNECTION.fullmatch(connection_id):
        raise _bad("ce-connectionId should be 1 to 256 visible ASCII characters")
    return UpstreamEvent(
        kind=Kind(kind.group(1)),
        name=kind.group(2),
        hub=_attribute(call, "hub"),
        connection_id=connection_id,
        user_id=_attribute(call, "userid"),
        signature=call.headers.get("ce-signature", ""),
        content_type=call.headers.get("content-type", "").partition(";")[0].strip().lower(),
        body=call.body,
    )


def is_signed(event: UpstreamEvent, keys: Iterable[str]) -> bool:
    """Whether one of the keys signed the connection id.

    The service signs with its primary and its secondary key, so that one of the two always fits while keys are
    replaced. All pairs are compared, each in constant time. The signature covers the connection id alone.
    """
    given = [part.strip().encode(errors="replace") for part in event.signature.split(",")[:8]]
    wanted = [signature(key, event.connection_id).encode() for key in keys]
    return any([hmac.compare_digest(one, other) for one in given for other in wanted])  # noqa: C419 - compare all


def signature(key: str, connection_id: str) -> str:
    """The signature of a connection id: ``sha256=`` and the HMAC-SHA256 in hexadecimal."""
    return f"sha256={hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()}"


def allowed_origin(asked: str, hosts: Iterable[str]) -> str | None:
    """The host of ours that ``WebHook-Request-Origin`` names (it may name several), or None."""
    given = {part.strip().lower() for part in asked.split(",")}
    return next((host for host in hosts if host in given), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """What the body of a connect event says: the subprotocols on offer, and the groups that the token is in."""

    subprotocols: tuple[str, ...]
    groups: tuple[str, ...]

    def group_of(self, watcher: Watcher) -> str:
        """The group of ours that the token is in: the user's own, else that of a job; empty for none."""
        jobs = (group for group in self.groups if group.startswith("job:") and len(group) <= _LONGEST_GROUP)
        return watcher.group if watcher.group in self.groups else next(jobs, "")

    @property
    def chosen(self) -> str | None:
        """The best subprotocol on offer, or None: then the service decides."""
        return next((name for name in SUBPROTOCOLS if name in self.subprotocols), None)


def parse_connect(event: UpstreamEvent) -> ConnectRequest:
    """The body of a connect event. Raises :class:`RequestRefused` 400."""
    fields = _object(event.body)
    claims = fields.get("claims")
    groups = claims.get("webpubsub.group") if isinstance(claims, Mapping) else None
    return ConnectRequest(subprotocols=_texts(fields.get("subprotocols")), groups=_texts(groups))


def parse_job_id(event: UpstreamEvent) -> str:
    """The ``jobId`` in the data of a client's event, unchecked. Raises :class:`RequestRefused` 400."""
    if event.content_type not in ("application/json", "text/plain"):
        raise _bad('the data should be JSON: {"jobId": "..."}')
    job_id = _object(event.body).get("jobId")
    if not isinstance(job_id, str):
        raise _bad('the data should be {"jobId": "..."}')
    return job_id


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        fields = parse_json(body) if body else {}
    except ValueError as error:
        raise _bad(str(error)) from error
    if not isinstance(fields, dict):
        raise _bad("the data should be a JSON object")
    return fields


def _texts(value: object) -> tuple[str, ...]:
    """The strings of a list; a claim may also be one string."""
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if isinstance(item, str))


def _attribute(call: HttpCall, name: str) -> str:
    """A CloudEvents attribute; its value is percent-encoded (HTTP binding, section 3.1.3.2)."""
    return unquote(call.headers.get(f"ce-{name}", ""))


def _bad(detail: str) -> RequestRefused:
    return RequestRefused(detail, code="bad_event", status=400)
