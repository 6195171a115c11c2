"""Tables of ``docs/api.md`` that are made from the contract. Standard library only; reads the document as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MARK = "<!-- made by ./dev openapi: {name} -->"
_END = "<!-- end -->"
_CODE = re.compile(r"`(\w+)`: (.*?)(?= `\w+`: |$)")


def with_tables(page: str, document: Mapping[str, Any]) -> str:
    """The page with its tables as the document has them. Raises ValueError for a page without their places."""
    tables = {"routes": routes(document), "fields": fields(document), "codes": codes(document)}
    for name, table in tables.items():
        mark = _MARK.format(name=name)
        if page.count(mark) != 1:
            raise ValueError(f"docs/api.md has no place for {name}: {mark} ... {_END}")
        before, _, rest = page.partition(mark)
        page = f"{before}{mark}\n{table}\n{_END}{rest.partition(_END)[2]}"
    return page


def routes(document: Mapping[str, Any]) -> str:
    """Every route with its role and what it does."""
    rows = [
        f"| `{method.upper()} {path.removeprefix('/content-architect/')}` | {operation['x-role'] or '-'} | {operation['summary']} |"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return "\n".join(["| route | role | does |", "|---|---|---|", *rows])


def fields(document: Mapping[str, Any]) -> str:
    """The fields of a content request."""
    schemas = document["components"]["schemas"]
    rows = [
        f"| `{name}` | {_values(schema, schemas)} | {schema['description']} |"
        for name, schema in schemas["GenerateRequest"]["properties"].items()
    ]
    return "\n".join(["| field | values | meaning |", "|---|---|---|", *rows])


def codes(document: Mapping[str, Any]) -> str:
    """Every code of a problem with its status."""
    found: dict[str, tuple[set[str], str]] = {}
    for name, response in document["components"]["responses"].items():
        for code, text in _CODE.findall(response["description"]):
            found.setdefault(code, (set(), text.strip()))[0].add(name.partition(".")[0])
    rows = [
        f"| `{code}` | {', '.join(sorted(statuses))} | {text} |"
        for code, (statuses, text) in sorted(found.items())
    ]
    return "\n".join(["| code | status | means |", "|---|---|---|", *rows])


def _values(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a field may hold, in a few words."""
    one = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        target = schemas[name]
        one = target if "enum" in target else {"type": f"object ({', '.join(target['properties'])})"}
    if "enum" in one:
        text = ", ".join(f"`{value}`" for value in one["enum"])
    elif one.get("type") == "array":
        text = f"up to {one['maxItems']}: {_values(one['items'], schemas)}"
    else:
        text = one.get("format") or one["type"]
        if "maxLength" in one:
            text += f", {one.get('minLength', 0)}-{one['maxLength']:,} characters"
    default = schema.get("default")
    return (
        text
        if default in (None, [])
        else f"{text}; default `{str(default).lower() if default is False or default is True else default}`"
    )
