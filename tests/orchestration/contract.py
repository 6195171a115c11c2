"""Holds answers to the OpenAPI document: nothing that it does not say, not even a member more."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from orchestration.http import HttpReply
from orchestration.routes import BASE, ROUTES

DOCUMENT = Path(__file__).parents[2] / "orchestration" / "openapi.json"
EVERYWHERE = {"X-Content-Type-Options", "Cache-Control"}
"""Headers of every answer that matter to no program."""
FAKE_PACKAGE = {"type": "object", "required": ["jobId", "created", "usage"]}
"""What fake steps make instead of a package."""


@cache
def contract() -> dict[str, Any]:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


@cache
def strict_components() -> dict[str, Any]:
    """The components, in which an object has no members but its own."""
    return _closed(contract()["components"])


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(part) for part in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(part) for name, part in value.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def documented(name: str) -> dict[str, Any]:
    """The document's entry of a route."""
    route = ROUTES[name]
    return contract()["paths"][f"/{BASE}/{route.path}"][route.method.lower()]


@cache
def answer_of(name: str, status: int) -> Mapping[str, Any] | None:
    found = documented(name)["responses"].get(str(status))
    if found and "$ref" in found:
        return contract()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


@cache
def validator(name: str, status: int, media: str, *, fake: bool) -> Any:
    found = answer_of(name, status)
    assert found
    components = strict_components()
    if fake:
        components = {**components, "schemas": {**components["schemas"], "ResultPackage": FAKE_PACKAGE}}
    schema = {**_closed(found["content"][media]["schema"]), "components": components}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def assert_in_contract(name: str, reply: HttpReply, *, fake: bool = False) -> None:
    """The answer of a route is one that the document promises: status, media type, members, headers.

    ``fake``: the steps were fake ones, so that a result is none.
    """
    found = answer_of(name, reply.status)
    assert found is not None, f"{name} may not answer {reply.status}: {reply.body[:300]!r}"
    assert set(reply.headers) - EVERYWHERE <= set(found["headers"]), f"{name} {reply.status}: {reply.headers}"
    media = reply.content_type.partition(";")[0]
    if "content" not in found:
        assert reply.body == b"", f"{name} {reply.status} has no body"
        return
    assert media in found["content"], f"{name} {reply.status} may not be {media}"
    if media.endswith("json"):
        errors = list(validator(name, reply.status, media, fake=fake).iter_errors(json.loads(reply.body)))
        assert not errors, f"{name} {reply.status}: {errors[0]}"
