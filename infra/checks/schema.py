"""Holds evaluated resources against the hand-written facts in ``schema.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from infra.checks.bicep.values import Resource
from infra.checks.sources import Sources

PATH: Final = "infra/checks/schema.yaml"
_SCALARS: Final[Mapping[str, type]] = {"string": str, "int": int, "bool": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """What is known of a type: its version, the longest name, the shape of its body, and what can be read."""

    version: str
    name: int
    body: Any
    reads: Mapping[str, str]

    @property
    def has_tags(self) -> bool:
        """Whether resources of the type can have tags."""
        return "tags" in self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All known types, and the shapes that they share."""

    shapes: Mapping[str, Any]
    types: Mapping[str, ResourceType]

    @classmethod
    def load(cls, sources: Sources) -> Schema:
        """Read the facts."""
        data = sources.yaml(PATH)
        types = {
            name: ResourceType(
                version=fact["version"], name=fact["name"], body=fact["body"], reads=fact.get("reads", {})
            )
            for name, fact in data["types"].items()
        }
        return cls(shapes=data["shapes"], types=types)

    @property
    def reads(self) -> Mapping[str, Mapping[str, str]]:
        """What can be read of each type."""
        return {name: fact.reads for name, fact in self.types.items()}

    def problems(self, resource: Resource) -> Iterator[str]:
        """What is wrong with a resource's body; nothing for a type that is not known at all."""
        known = self.types.get(resource.type)
        if known is not None:
            yield from self._object("", resource.body, known.body)

    def _value(self, path: str, value: Any, shape: Any) -> Iterator[str]:
        if isinstance(shape, list):
            if value not in shape:
                yield f"{path} is {value!r}, not one of {', '.join(map(str, shape))}"
        elif isinstance(shape, dict):
            yield from self._object(path, value, shape)
        elif inner := re.fullmatch(r"(list|map)\((\w+)\)", shape):
            each = self._array if inner[1] == "list" else self._map
            yield from each(path, value, inner[2])
        elif shape in self.shapes:
            yield from self._value(path, value, self.shapes[shape])
        elif shape != "any":
            wanted = _SCALARS[shape]
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                yield f"{path} is {value!r}, not {shape}"

    def _array(self, path: str, value: Any, item: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} is {value!r}, not an array"
            return
        for position, each in enumerate(value):
            yield from self._value(f"{path}[{position}]", each, item)

    def _map(self, path: str, value: Any, item: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path} is {value!r}, not an object"
            return
        for key, each in value.items():
            yield from self._value(f"{path}.{key}", each, item)

    def _object(self, path: str, value: Any, shape: Mapping[str, Any]) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path} is {value!r}, not an object"
            return
        known = {key.removesuffix("!"): inner for key, inner in shape.items()}
        for key, each in value.items():
            inside = f"{path}.{key}" if path else key
            if key in known:
                yield from self._value(inside, each, known[key])
            else:
                close = get_close_matches(key, known, n=1)
                yield f"there is no property {inside}" + (f", but {close[0]}" if close else "")
        for key in shape:
            if key.endswith("!") and key.removesuffix("!") not in value:
                yield f"{path + '.' if path else ''}{key.removesuffix('!')} is missing"
