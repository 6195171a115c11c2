"""Validates JSON-LD against the table of types and properties: what it finds is listed by path and rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from layers.top.artifacts import SchemaFinding
from layers.top.markup.schema_vocabulary import DATA_TYPES, PARENTS, PROPERTIES, is_a, required
from layers.top.rendering.references import safe_url

_CONTEXT: Final = "https://schema.org"
_KEYWORDS: Final = frozenset(("@context", "@type", "@id"))
_PARTIAL_DATE: Final = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2]))?")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_LONGEST_HEADLINE: Final = 300


def validate(document: Mapping[str, Any]) -> tuple[SchemaFinding, ...]:
    """Every defect of one document, in the order of its properties; empty for a sound one."""
    findings = (
        [] if document.get("@context") == _CONTEXT else [_finding("@context", "value", f"must be {_CONTEXT}")]
    )
    return (*findings, *_node("$", document))


def _finding(path: str, rule: Any, message: str) -> SchemaFinding:
    return SchemaFinding(path=path, rule=rule, message=message)


def _node(path: str, node: Mapping[str, Any]) -> Iterator[SchemaFinding]:
    kind = node.get("@type")
    if not isinstance(kind, str) or kind not in PARENTS:
        yield _finding(path, "type", f"{kind!r} is not a known type")
        return
    for name in required(kind):
        if node.get(name) in (None, "", [], {}):
            yield _finding(f"{path}.{name}", "required", f"{kind} needs {name}")
    for name, value in node.items():
        if name in _KEYWORDS:
            continue
        if name not in PROPERTIES:
            yield _finding(f"{path}.{name}", "property", f"{name} is not a known property")
            continue
        domains, ranges = PROPERTIES[name]
        if not any(is_a(kind, domain) for domain in domains):
            yield _finding(f"{path}.{name}", "domain", f"{name} does not belong to {kind}")
        yield from _values(f"{path}.{name}", name, value, ranges)
    yield from _consistency(path, kind, node)


def _values(path: str, name: str, value: Any, ranges: tuple[str, ...]) -> Iterator[SchemaFinding]:
    several = value if isinstance(value, (list, tuple)) else [value]
    for place, item in enumerate(several):
        where = f"{path}[{place}]" if isinstance(value, (list, tuple)) else path
        if isinstance(item, Mapping):
            yield from _nested(where, item, ranges)
        elif not any(_fits(item, kind) for kind in ranges if kind in DATA_TYPES):
            rule = "value" if isinstance(item, str) and {"Date", "URL"} & set(ranges) else "range"
            yield _finding(where, rule, f"{item!r} is not {' or '.join(ranges)}")
        elif name == "inLanguage" and not _LANGUAGE.fullmatch(str(item)):
            yield _finding(where, "value", f"{item!r} is not a language tag")
        elif name == "headline" and len(str(item)) > _LONGEST_HEADLINE:
            yield _finding(where, "value", "the headline is too long")


def _nested(path: str, node: Mapping[str, Any], ranges: tuple[str, ...]) -> Iterator[SchemaFinding]:
    kind = node.get("@type")
    if isinstance(kind, str) and kind in PARENTS and not any(is_a(kind, wanted) for wanted in ranges):
        yield _finding(path, "range", f"{kind} is not {' or '.join(ranges)}")
    yield from _node(path, node)


def _fits(value: Any, kind: str) -> bool:
    if kind == "Integer":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == "Number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if not isinstance(value, str) or not value.strip():
        return False
    if kind == "URL":
        return safe_url(value) is not None
    return kind == "Text" or _is_date(value)


def _is_date(value: str) -> bool:
    """ISO 8601: a day, or only a month or a year."""
    if _PARTIAL_DATE.fullmatch(value):
        return True
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _consistency(path: str, kind: str, node: Mapping[str, Any]) -> Iterator[SchemaFinding]:
    """What holds between properties: order of dates, dense positions, a rating within its scale."""
    published, modified = str(node.get("datePublished", "")), str(node.get("dateModified", ""))
    if published and modified and modified < published:
        yield _finding(f"{path}.dateModified", "value", "lies before datePublished")
    if is_a(kind, "ItemList"):
        elements = node.get("itemListElement")
        items = elements if isinstance(elements, (list, tuple)) else [elements]
        positions = [item.get("position") for item in items if isinstance(item, Mapping)]
        if positions != list(range(1, len(positions) + 1)):
            yield _finding(f"{path}.itemListElement", "value", "positions must count from 1")
    if kind == "Rating" and not _within(node):
        yield _finding(f"{path}.ratingValue", "value", "lies outside the scale")


def _within(rating: Mapping[str, Any]) -> bool:
    try:
        value, best = float(rating.get("ratingValue", 0)), float(rating.get("bestRating", 5))
        return float(rating.get("worstRating", 0)) <= value <= best
    except (TypeError, ValueError):
        return False
