"""Small templates on paper."""

from collections.abc import Mapping
from typing import Any

from infra.checks.bicep.deployment import Deployment
from infra.checks.bicep.reader import read
from infra.checks.findings import Problem
from infra.checks.sources import Sources

GROUP = "/subscriptions/s/resourceGroups/g"
READS = {"A.B/things": {"properties.host": "{name}.example.com"}}


def deploy(text: str, files: Mapping[str, str] | None = None, **given: Any) -> Deployment:
    """A template of this text, with other files beside it."""
    problems: list[Problem] = []
    return Deployment(
        template=read("infra/t.bicep", text),
        sources=Sources(changed={f"infra/{name}": content for name, content in (files or {}).items()}),
        scope=GROUP,
        given=given,
        reads_of=READS,
        problems=problems,
    )


def value(expression: str, **given: Any) -> Any:
    """The value of an expression; ``given`` are parameters."""
    params = "".join(f"param {name} {_type(each)}\n" for name, each in given.items())
    return deploy(f"{params}var v = {expression}\n", **given).value_of("v", 0)


def _type(given: Any) -> str:
    kinds = {bool: "bool", int: "int", str: "string", list: "array", dict: "object"}
    return kinds[type(given)]
