"""The OpenAPI 3.1 document: the table of routes, the types of bodies and answers, and the words about them.

``./dev openapi`` writes it to ``orchestration/openapi.json`` in a process of its own; the service hands that file
out as it is. Nothing of this is imported where calls are answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from layers.catalog import artifact_type
from orchestration.contract.answers import Problem
from orchestration.contract.examples import wrong_request
from orchestration.contract.job_operations import OPERATIONS_OF_A_JOB
from orchestration.contract.management_operations import OTHER_OPERATIONS
from orchestration.contract.operations import (
    BODY_REFUSALS,
    CHANGE_REFUSALS,
    CODES,
    OPEN_REFUSALS,
    PATH_PARAMETERS,
    REFUSAL_HEADERS,
    ROLE_REFUSALS,
    TAGS,
    Answer,
    Operation,
    Parameter,
)
from orchestration.contract.realtime_operations import OPERATIONS_OF_REALTIME
from orchestration.operations_fields import FIELDS
from orchestration.routes import BASE, ROUTES, Route

VERSION = "0.1.0"
OPERATIONS: Mapping[str, Operation] = {
    **OPERATIONS_OF_A_JOB,
    **OTHER_OPERATIONS,
    **OPERATIONS_OF_REALTIME,
}
"""By route name; a test holds it to the table of routes."""

_PACKAGE = "ResultPackage"
_COMPONENTS = "#/components/schemas/"
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "Entra ID token, API key or internal token.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same as a header."},
}
_ABOUT = (
    "Submit content requests, watch the jobs, take the results. JSON is camelCase; times are RFC 3339 in UTC; ids "
    "are opaque. What goes wrong is told as RFC 9457 problem documents with a stable `code`. Unknown fields are "
    "refused, and so are unknown query parameters on every route that takes a role. Answers may gain members."
)


def document() -> dict[str, Any]:
    """The whole document."""
    schemas = _Components()
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(ROUTES.values(), key=lambda each: (each.path, each.method)):
        path = paths.setdefault(f"/{BASE}/{route.path}", {})
        path[route.method.lower()] = _operation(route, OPERATIONS[route.name], schemas)
    components = schemas.components()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Content Architect", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/", "description": "The host that this document came from."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": dict(sorted(schemas.refusals.items())),
            "securitySchemes": _SECURITY,
        },
    }


def to_text(value: Mapping[str, Any]) -> str:
    """The document as it is kept in the repository."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def operation_id(name: str) -> str:
    """``job_result`` as client generators like it: ``jobResult``."""
    return re.sub(r"_(\w)", lambda found: found.group(1).upper(), name)


class _Components:
    """Collects the types that the operations mention, and makes one set of components of them."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[Any, str]] = {}
        self.refusals: dict[str, Any] = {}
        self.reference(Problem, body=False)

    def reference(self, shape: Any, *, body: bool) -> dict[str, Any]:
        """A reference to the schema of a type, or to the named one."""
        if isinstance(shape, str):
            return {"$ref": _COMPONENTS + shape}
        name = str(shape.__name__)
        self._types[name] = (shape, "validation" if body else "serialization")
        return {"$ref": _COMPONENTS + name}

    def refusal(self, status: int, codes: tuple[str, ...]) -> dict[str, Any]:
        """A reference to the refusal with these codes."""
        name = ".".join((str(status), *codes))
        self.refusals[name] = _refusal(codes, REFUSAL_HEADERS.get(status, {}))
        return {"$ref": f"#/components/responses/{name}"}

    def components(self) -> dict[str, Any]:
        """All schemas by name."""
        package = artifact_type("ContentPackage")
        wanted = {**self._types, "ContentPackage": (package, "serialization")}
        _, found = TypeAdapter.json_schemas(
            [(name, mode, TypeAdapter(shape)) for name, (shape, mode) in wanted.items()],  # type: ignore[misc]
            ref_template=_COMPONENTS + "{model}",
        )
        schemas = {name: _tidy(schema) for name, schema in found["$defs"].items()}
        bodies = _reachable(
            schemas, [name for name, (_, mode) in self._types.items() if mode == "validation"]
        )
        for name in schemas.keys() - bodies:
            schemas[name].pop("additionalProperties", None)  # answers may gain members
        for name, texts in FIELDS.items():
            for field, text in texts.items():
                schemas[name]["properties"][field]["description"] = text
        _finish_package(schemas)
        schemas["JobView"]["properties"]["result"] = {"$ref": _COMPONENTS + _PACKAGE}
        schemas["GenerateRequest"]["allOf"] = _NEEDED
        return dict(sorted(schemas.items()))


_NEEDED = [
    {
        "if": {"properties": {"type": {"const": kind}}, **({"required": ["type"]} if named else {})},
        "then": {"required": fields},
    }
    for kind, named, fields in (
        ("content_generation", False, ["topic", "contentType", "audience"]),
        ("research_generation", True, ["topic"]),
        ("citation_verification", True, ["content"]),
    )
]
"""What a request of each type cannot do without."""


def _finish_package(schemas: dict[str, Any]) -> None:
    """The package as callers get it: with what differs from run to run (:func:`orchestration.results.result_body`)."""
    package = schemas.pop("ContentPackage")
    package["description"] = "The result of a job. `content_hash` covers all but ids, dates and usage."
    package["properties"] |= {
        "jobId": {"type": "string", "format": "uuid"},
        "created": {"type": "string", "format": "date-time"},
        "usage": {"$ref": _COMPONENTS + "Usage"},
    }
    package["required"] = [*package.get("required", []), "jobId", "created", "usage"]
    schemas["PackageSource"]["properties"]["accessed"] = {"type": "string", "format": "date"}
    schemas[_PACKAGE] = package


def _tidy(schema: Any) -> Any:
    """Without the titles that repeat a name, and with Markdown for code."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(text := schema.get("description"), str):
        schema = {**schema, "description": text.replace("``", "`")}
    return {
        name: {member: _tidy(part) for member, part in value.items()}
        if name == "properties"
        else _tidy(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }


def _reachable(schemas: Mapping[str, Any], names: list[str]) -> set[str]:
    """These components and all that they refer to."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += re.findall(rf'"{_COMPONENTS}(\w+)"', json.dumps(schemas[name]))
    return seen


def _operation(route: Route, operation: Operation, schemas: _Components) -> dict[str, Any]:
    role = f"Role: {route.role.value}." if route.role else "Open to everybody."
    found: dict[str, Any] = {
        "operationId": operation_id(route.name),
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description} {role}".strip(),
        "security": [{name: []} for name in _SECURITY] if route.role else [],
        "x-role": route.role.value if route.role else None,
    }
    if parameters := _parameters(route, operation):
        found["parameters"] = parameters
    if operation.body is not None:
        content = {"schema": schemas.reference(operation.body, body=True), "example": operation.body_example}
        found["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": content},
        }
    answers = {str(status): _answer(answer, schemas) for status, answer in operation.answers.items()}
    found["responses"] = {**answers, **_refusals(route, operation, schemas, answers)}
    return found


def _parameters(route: Route, operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", route.path)
    return [
        *(_parameter(name, "path", PATH_PARAMETERS[name]) for name in names),
        *(_parameter(name, "query", parameter) for name, parameter in operation.query.items()),
        *(_parameter(name, "header", parameter) for name, parameter in operation.headers.items()),
    ]


def _parameter(name: str, where: str, parameter: Parameter) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _answer(answer: Answer, schemas: _Components) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.description, "headers": _headers(answer.headers)}
    content: dict[str, Any] = {}
    if answer.shape is not None:
        content["application/json"] = {"schema": schemas.reference(answer.shape, body=False)}
        if answer.example is not None:
            content["application/json"]["example"] = answer.example
    content |= {media: {"schema": dict(schema)} for media, schema in answer.media.items()}
    if content:
        found["content"] = content
    return found


def _headers(texts: Mapping[str, str]) -> dict[str, Any]:
    named = {**texts, "X-Request-Id": "The trace id."}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in named.items()}


def _refusals(
    route: Route, operation: Operation, schemas: _Components, answers: Mapping[str, Any]
) -> dict[str, Any]:
    """What may be refused, by status; a good answer of the same status stays as it is."""
    found: dict[int, tuple[str, ...]] = {}
    sources = [OPEN_REFUSALS]
    if route.role is not None:
        sources.append(ROLE_REFUSALS)
        if route.method != "GET" and not route.repeatable:
            sources.append(CHANGE_REFUSALS)
    if operation.body is not None:
        sources.append(BODY_REFUSALS)
    for source in (*sources, operation.refusals):
        for status, codes in source.items():
            found[status] = (*found.get(status, ()), *codes)
    return {
        str(status): schemas.refusal(status, tuple(dict.fromkeys(codes)))
        for status, codes in sorted(found.items())
        if str(status) not in answers
    }


def _refusal(codes: tuple[str, ...], headers: Mapping[str, str]) -> dict[str, Any]:
    schema = {
        "allOf": [{"$ref": _COMPONENTS + "Problem"}],
        "properties": {"code": {"enum": list(codes)}},
    }
    content: dict[str, Any] = {"schema": schema}
    if "invalid_request" in codes:
        content["example"] = wrong_request()
    return {
        "description": " ".join(f"`{code}`: {CODES[code]}" for code in codes),
        "headers": _headers({**headers, "x-ms-error-code": "The code."}),
        "content": {"application/problem+json": content},
    }
