"""The hand-written facts about resource types are facts: compared with Azure's own type data, where that is at hand."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.checks.context import load
from infra.checks.schema import Schema
from infra.checks.sources import Sources

FOLDERS = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[3:]]
DATA = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0]) / "bicep-types-pruned.json.gz"
NOT_IN_THE_DATA = {"Microsoft.Network/natGateways", "Microsoft.Network/publicIPAddresses"}
REQUIRED, READ_ONLY = 1, 2
SCALARS = {"string": "StringType", "int": "IntegerType", "bool": "BooleanType"}
NOT_IN_BODIES = {"name"}
LEFT_OUT_OF_THE_DATA = {"description"}
"""The data was cut down by every text that describes, and lost the properties of that name with them."""


class Types:
    """The type data of one resource type."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.types = entry["types"]
        self.body = self.resolve({"$ref": entry["body"]})

    def resolve(self, reference: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = self.types[reference["$ref"].removeprefix("#/")]
        return found

    def properties(self, found: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
        """Properties of an object; of one with cases, those of the case that the shape has."""
        own = dict(found.get("properties") or found.get("baseProperties") or {})
        if found["$type"] == "DiscriminatedObjectType":
            [case] = shape.get(f"{found['discriminator']}!", list(found["elements"])[:1])
            own |= self.resolve(found["elements"][case])["properties"]
        return own

    def words(self, found: dict[str, Any]) -> tuple[set[str], bool]:
        """The literals of a type, and whether other texts are taken too."""
        if found["$type"] == "StringLiteralType":
            return {found["value"]}, False
        if found["$type"] == "UnionType":
            parts = [self.words(self.resolve(each)) for each in found["elements"]]
            return set().union(*(words for words, _ in parts)), any(is_open for _, is_open in parts)
        return set(), found["$type"] == "StringType"


def differences(schema: Schema, types: Types, path: str, shape: Any, found: dict[str, Any]) -> Iterator[str]:
    """Where our facts and the data disagree."""
    kind = found["$type"]
    if isinstance(shape, list):
        words, is_open = types.words(found)
        if not is_open and not set(shape) <= words:
            yield f"{path}: {sorted(set(shape) - words)} are no values"
    elif isinstance(shape, dict):
        known = types.properties(found, shape)
        ours = {key.removesuffix("!"): (key.endswith("!"), inner) for key, inner in shape.items()}
        for name, (_, inner) in ours.items():
            if name in LEFT_OUT_OF_THE_DATA:
                continue
            if name not in known:
                yield f"{path}.{name}: there is no such property"
            elif known[name]["flags"] & READ_ONLY:
                yield f"{path}.{name}: is read-only"
            else:
                yield from differences(
                    schema, types, f"{path}.{name}", inner, types.resolve(known[name]["type"])
                )
        for name, fact in known.items():
            needed = fact["flags"] & REQUIRED and not fact["flags"] & READ_ONLY
            if needed and name not in NOT_IN_BODIES and not ours.get(name, (False, None))[0]:
                yield f"{path}.{name}: is required"
    elif inner := re.fullmatch(r"(list|map)\((\w+)\)", shape):
        if inner[1] == "list":
            if kind != "ArrayType":
                yield f"{path}: is {kind}, not an array"
            else:
                yield from differences(schema, types, f"{path}[]", inner[2], types.resolve(found["itemType"]))
        elif kind != "ObjectType" or not found.get("additionalProperties"):
            yield f"{path}: is {kind}, not a map"
    elif shape in schema.shapes:
        yield from differences(schema, types, path, schema.shapes[shape], found)
    elif shape != "any":
        _, is_open = types.words(found)
        if kind != SCALARS[shape] and not (shape == "string" and is_open):
            yield f"{path}: is {kind}, not {shape}"


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    if not DATA.exists():
        pytest.skip("Azure's type data is not on this machine")
    with gzip.open(DATA) as file:
        found: dict[str, Any] = json.load(file)
    return found


def test_every_fact_agrees_with_azures_type_data(data: dict[str, Any]) -> None:
    schema, found, compared = Schema.load(Sources()), [], 0
    for name, fact in schema.types.items():
        if name in NOT_IN_THE_DATA:
            continue
        types = Types(data[f"{name}@{fact.version}"])
        found += differences(schema, types, name, fact.body, types.body)
        compared += 1
    assert [] == found
    assert compared == len(schema.types) - len(NOT_IN_THE_DATA) > 25


def test_what_is_read_of_a_resource_is_there_to_be_read(data: dict[str, Any]) -> None:
    schema, missing = Schema.load(Sources()), []
    for name, fact in schema.types.items():
        for path in fact.reads:
            types = Types(data[f"{name}@{fact.version}"])
            found = types.body
            for step in path.split("."):
                known = types.properties(found, {})
                if step not in known:
                    missing.append(f"{name} {path}")
                    break
                found = types.resolve(known[step]["type"])
    assert [] == missing


def test_every_fact_is_used_and_every_shape_is_named() -> None:
    context, sources = load(Sources()), Sources()
    made = {resource.type for resources in context.resources.values() for resource in resources}
    assert set(context.schema.types) == made
    text = sources.text("infra/checks/schema.yaml")
    assert [] == [shape for shape in context.schema.shapes if len(re.findall(rf"\b{shape}\b", text)) < 2]
