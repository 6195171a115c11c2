"""What names stand for while a template is evaluated, beside plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.checks.bicep.functions import guid
from infra.checks.bicep.syntax import TypeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as Azure would be sent it. ``body`` has no nulls, and neither name, parent, scope nor dependsOn."""

    type: str
    version: str
    name: str
    id: str
    scope: str
    body: Mapping[str, Any] = field(repr=False)
    template: str
    symbol: str
    line: int
    in_loop: bool = False

    @property
    def where(self) -> str:
        """Its place in the templates; of one among several also its own name."""
        which = f"{self.symbol} {self.name.rpartition('/')[2]}" if self.in_loop else self.symbol
        return f"{self.template}:{self.line} ({which})"

    def get(self, *path: str) -> Any:
        """The value at a path of keys in the body; None where there is none."""
        value: Any = self.body
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    @property
    def properties(self) -> Mapping[str, Any]:
        """The ``properties`` of the body."""
        found: Mapping[str, Any] = self.get("properties") or {}
        return found


class Outputs(Protocol):
    """The outputs of a deployed module."""

    def output(self, name: str) -> Any:
        """The value of an output."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module; ``outputs`` is None where its condition is false."""

    symbol: str
    outputs: Outputs | None


def filled(pattern: str, resource: Resource, path: str) -> str:
    """What Azure would answer for a read of a resource: ``{name}`` and ``{guid}`` are filled in."""
    return pattern.format(name=resource.name, id=resource.id, guid=guid(resource.id, path))


def without_nulls(value: Any) -> Any:
    """A value without keys whose value is null: Azure treats them as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def type_problem(value: Any, declared: TypeName) -> str | None:
    """What keeps a value from being of a declared type; None where nothing does."""
    match declared.kind:
        case "string":
            fits = isinstance(value, str)
        case "int":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "bool":
            fits = isinstance(value, bool)
        case "object":
            fits = isinstance(value, dict)
        case "array":
            fits = isinstance(value, list)
        case "union":
            fits = value in declared.literals
        case "array of":
            return _array_problem(value, declared)
        case "object of":
            return _object_problem(value, declared)
        case _:
            return f"{declared.kind} is no known type"
    return None if fits else f"{value!r} is not {declared}"


def _array_problem(value: Any, declared: TypeName) -> str | None:
    if not isinstance(value, list) or declared.item is None:
        return f"{value!r} is not an array"
    return next((p for item in value if (p := type_problem(item, declared.item))), None)


def _object_problem(value: Any, declared: TypeName) -> str | None:
    if not isinstance(value, dict):
        return f"{value!r} is not an object"
    members = dict(declared.members)
    if value.keys() != members.keys():
        return f"keys are {sorted(value)}, declared are {sorted(members)}"
    return next((p for key, item in value.items() if (p := type_problem(item, members[key]))), None)
