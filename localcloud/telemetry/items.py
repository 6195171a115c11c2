"""Telemetry items as they come over the wire, and as they are kept. Pure.

Format: the ``/v2.1/track`` body of the Application Insights exporters, a JSON array or one JSON object a line, maybe
compressed with gzip; each item is an envelope with ``data.baseType`` and ``data.baseData``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SPANS = frozenset({"RequestData", "RemoteDependencyData"})
MAX_BODY_BYTES = 64 * 1024 * 1024
_GZIP = 31
_JOB = "content.job.id"


class BadBody(ValueError):
    """The body is not what exporters send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One envelope. ``trace``, ``id`` and ``parent`` are hexadecimal and empty where there are none."""

    kind: str
    time: str
    name: str
    trace: str = ""
    id: str = ""
    parent: str = ""
    job: str = ""
    role: str = ""
    instance: str = ""
    duration_ms: float = 0.0
    success: bool = True
    properties: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_span(self) -> bool:
        """Whether it has a place in a tree of its own; log records and errors hang on a span."""
        return self.kind in SPANS


def envelopes(body: bytes, encoding: str) -> list[dict[str, Any]]:
    """The envelopes of a request's body. Raises :class:`BadBody`."""
    if encoding.strip().lower() == "gzip":
        body = _inflated(body)
    try:
        text = body.decode()
        found = json.loads(text) if text.lstrip().startswith("[") else list(map(json.loads, _lines(text)))
    except ValueError as error:
        raise BadBody("the body is neither a JSON array nor JSON lines") from error
    if not all(isinstance(each, dict) for each in found):
        raise BadBody("every envelope should be a JSON object")
    return list(found)


def _lines(text: str) -> Iterable[str]:
    return (line for line in text.splitlines() if line.strip())


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        inflated = inflater.decompress(body, MAX_BODY_BYTES)
    except zlib.error as error:
        raise BadBody("the body is not gzip") from error
    if inflater.unconsumed_tail:
        raise BadBody(f"the body is over {MAX_BODY_BYTES} bytes")
    return inflated


def item_of(envelope: Mapping[str, Any]) -> Item:
    """What is kept of an envelope. Fields that are missing are empty."""
    tags, data = _mapping(envelope, "tags"), _mapping(envelope, "data")
    base = _mapping(data, "baseData")
    properties = {str(k): str(v) for k, v in _mapping(base, "properties").items()}
    return Item(
        kind=str(data.get("baseType", "")),
        time=str(envelope.get("time", "")),
        name=_name(base),
        trace=str(tags.get("ai.operation.id", "")).strip("0") and str(tags["ai.operation.id"]),
        id=str(base.get("id") or ""),
        parent=str(tags.get("ai.operation.parentId") or ""),
        job=properties.get(_JOB, ""),
        role=str(tags.get("ai.cloud.role", "")),
        instance=str(tags.get("ai.cloud.roleInstance", "")),
        duration_ms=milliseconds(str(base.get("duration", ""))),
        success=base.get("success", True) is not False,
        properties=properties,
        data=base,
    )


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _name(base: Mapping[str, Any]) -> str:
    """What an item is called: a span's name, a record's message, an error's type, a metric's name."""
    for entries, name in (("exceptions", "typeName"), ("metrics", "name")):
        listed = base.get(entries)
        if isinstance(listed, list) and listed and isinstance(listed[0], Mapping):
            return str(listed[0].get(name, ""))
    return str(base.get("name") or base.get("message") or "")


def milliseconds(duration: str) -> float:
    """A duration as ``d.hh:mm:ss.fff``; 0 for what is none."""
    days, _, clock = duration.rpartition(".") if duration.count(".") == 1 else ("0", "", duration)
    if duration.count(".") == 2:
        days, _, clock = duration.partition(".")
    elif ":" in days:
        days, clock = "0", duration
    try:
        hours, minutes, seconds = clock.split(":")
        return ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000
    except ValueError:
        return 0.0
