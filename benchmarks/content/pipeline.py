"""A workflow run in this process, step after step as the engine orders them, on the samples' library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

from layers.catalog import CATALOG
from layers.contract import Artifact, ContentBrief, StepContext, Tools
from layers.top.artifacts import ContentPackage
from orchestration.adapters.library_files import FileLibrary
from orchestration.workflows import Workflow, in_order

LIBRARY = Path(__file__).resolve().parents[2] / "samples" / "library"
TODAY = date(2026, 11, 22)
TOPICS = (
    "AI in hospitals",
    "Phishing",
    "Insomnia",
    "Solar and wind power costs",
    "AI in healthcare",
    "Renewable energy",
    "Remote work",
    "Sleep",
)
"""Subjects that the library covers."""

Artifacts = dict[type[Artifact], Artifact]


def brief_of(topic: str, **more: object) -> ContentBrief:
    """A request on the same day every time."""
    return ContentBrief.model_validate({"topic": topic, "today": TODAY, **more})


def library_tools() -> Tools:
    """The library and nothing else: no network, no model."""
    return Tools(library=FileLibrary(LIBRARY))


async def steps(
    workflow: Workflow, brief: ContentBrief, tools: Tools
) -> AsyncIterator[tuple[str, Artifacts]]:
    """Yields the name of each step once it is through, with all artifacts so far (one growing dictionary)."""
    artifacts: Artifacts = {}
    for step in in_order(workflow):
        function = CATALOG[step.service].load()
        made = await function(StepContext(brief=brief, artifacts=dict(artifacts), tools=tools))
        artifacts[type(made)] = made
        yield step.name, artifacts


async def run(workflow: Workflow, brief: ContentBrief, tools: Tools) -> Artifacts:
    """All artifacts of a workflow."""
    artifacts: Artifacts = {}
    async for _, made in steps(workflow, brief, tools):
        artifacts = made
    return artifacts


def package_bytes(artifacts: Artifacts) -> bytes:
    """The package as it would be stored."""
    package = artifacts[ContentPackage]
    return package.model_dump_json(by_alias=True).encode()
