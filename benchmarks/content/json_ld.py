"""JSON-LD: findings on our own documents, and seeded defects in them that validation catches.

Where the vocabulary's index is at hand, the hand-written table of types and properties is held against it.

python -m benchmarks.content.json_ld [path of the data folder]
"""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.content.common import data_file
from benchmarks.content.pipeline import TOPICS, brief_of, library_tools, run
from benchmarks.report import report
from layers.contract import ContentType
from layers.top.artifacts import SchemaMarkup
from layers.top.markup.schema_validation import validate
from layers.top.markup.schema_vocabulary import DATA_TYPES, PARENTS, PROPERTIES
from orchestration.workflows import PREDEFINED, with_flags

Node = dict[str, Any]
Defect = Callable[[random.Random, Node], bool]
MUTATIONS = 300
_AUTHOR = {"name": "Ada Example", "url": "https://example.org/ada", "credentials": "Editor"}


def unknown_type(chance: random.Random, node: Node) -> bool:
    node["@type"] = chance.choice(["BlogPots", "article", "Thingy", "", 7])
    return True


def unknown_property(chance: random.Random, node: Node) -> bool:
    node[chance.choice(["headLine", "autor", "dateUpdated", "relevance"])] = "x"
    return True


def wrong_domain(chance: random.Random, node: Node) -> bool:
    foreign = {
        "acceptedAnswer": {"@type": "Answer", "text": "x"},
        "ratingValue": 3,
        "audienceType": "all",
        "jobTitle": "x",
    }
    name = chance.choice(sorted(foreign.keys() - node.keys()))
    owners = {
        "acceptedAnswer": "Question",
        "ratingValue": "Rating",
        "audienceType": "Audience",
        "jobTitle": "Person",
    }
    if node["@type"] == owners[name]:
        return False
    node[name] = foreign[name]
    return True


def wrong_range(chance: random.Random, node: Node) -> bool:
    names = [name for name in sorted(node) if name in PROPERTIES and name != "position"]
    if not names:
        return False
    node[chance.choice(names)] = chance.choice([True, {"@type": "Rating", "ratingValue": 1, "bestRating": 5}])
    return True


def missing_required(chance: random.Random, node: Node) -> bool:
    needed = ["mainEntity", "acceptedAnswer", "text", "itemListElement", "position", "audienceType"]
    if "headline" in node:  # cited works may be without a date
        needed += ["headline", "datePublished"]
    there = [name for name in needed if name in node]
    if not there:
        return False
    del node[chance.choice(there)]
    return True


def bad_date(chance: random.Random, node: Node) -> bool:
    if "datePublished" not in node:
        return False
    node["datePublished"] = chance.choice(["yesterday", "22.11.2026", "2026-13-01", "2026-02-30", ""])
    return True


def bad_url(chance: random.Random, node: Node) -> bool:
    if "url" not in node:
        return False
    node["url"] = chance.choice(["not a url", "javascript:alert(1)", "example.org", "http://", ""])
    return True


DEFECTS: tuple[Defect, ...] = (
    unknown_type, unknown_property, wrong_domain, wrong_range, missing_required, bad_date, bad_url
)  # fmt: skip


async def main() -> None:
    documents = [document async for document in own_documents()]
    findings = sum(len(validate(document)) for document in documents)
    report("json_ld.own.findings", findings, "findings", goal=0, documents=len(documents))
    made: dict[str, list[bool]] = {}
    for kind, caught in mutations(documents):
        made.setdefault(kind, []).append(caught)
    every = [caught for values in made.values() for caught in values]
    by_kind = {kind: f"{sum(values)}/{len(values)}" for kind, values in made.items()}
    report(
        "json_ld.mutations.caught",
        sum(every) / len(every),
        "ratio",
        goal=0.95,
        mutations=len(every),
        kinds=by_kind,
    )
    if index := data_file("schema_index_30.0.json"):
        wrong = list(disagreements(json.loads(index.read_text(encoding="utf-8"))))
        report("json_ld.table.disagreements", len(wrong), "entries", goal=0, which=wrong)


async def own_documents() -> Any:
    """What all predefined workflows, markup added, write for each content type."""
    tools = library_tools()
    for place, kind in enumerate(ContentType):
        for name, workflow in PREDEFINED.items():
            brief = brief_of(
                TOPICS[place % len(TOPICS)], content_type=kind, tags=("example",), author=_AUTHOR
            )
            made = await run(with_flags(workflow, {"includeSchemaMarkup": True}), brief, tools)
            markup = made[SchemaMarkup]
            assert isinstance(markup, SchemaMarkup), name
            for document in markup.json_ld:
                yield json.loads(json.dumps(document))


def mutations(documents: list[Node]) -> Iterator[tuple[str, bool]]:
    """Every defect in turn at a seeded place of a seeded document: its name, and whether it was found."""
    chance = random.Random(1)  # noqa: S311 - the same defects every time
    for number in range(MUTATIONS):
        defect, applied = DEFECTS[number % len(DEFECTS)], False
        while not applied:
            document = copy.deepcopy(chance.choice(documents))
            applied = defect(chance, chance.choice(list(nodes(document))))
        yield defect.__name__, bool(validate(document))


def nodes(value: Any) -> Iterator[Node]:
    """All typed nodes of a document, itself first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def disagreements(index: dict[str, Any]) -> Iterator[str]:
    """Types with another parent, properties with a domain or range that the vocabulary does not give them."""
    types, properties = index["t"], index["p"]
    for kind, parent in PARENTS.items():
        if kind not in types or (parent and parent not in types[kind]):
            yield kind
    for name, (domains, ranges) in PROPERTIES.items():
        known = properties.get(name)
        if (
            known is None
            or not set(domains) <= set(known[0])
            or not set(ranges) <= set(known[1]) | DATA_TYPES
        ):
            yield name


if __name__ == "__main__":
    asyncio.run(main())
