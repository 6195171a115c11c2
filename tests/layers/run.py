"""Runs all steps of a workflow in process, for the tests that read a whole package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from layers.catalog import CATALOG
from layers.contract import (
    Artifact,
    ContentBrief,
    GivenSource,
    LanguageModel,
    RawDocument,
    StepContext,
    Tools,
)
from layers.top.artifacts import ContentPackage
from orchestration.workflows import PREDEFINED, Workflow, in_order

TODAY = date(2026, 11, 22)


class Shelf:
    """A library of these documents."""

    def __init__(self, documents: Sequence[RawDocument] = ()) -> None:
        self._documents = tuple(documents)
        self.fingerprint = f"shelf-{hash(self._documents)}"

    async def documents(self) -> Sequence[RawDocument]:
        """All of them."""
        return self._documents


async def produce(
    topic: str,
    *texts: str,
    workflow: str | Workflow = "research_heavy",
    library: Shelf | None = None,
    llm: LanguageModel | None = None,
    **brief: object,
) -> ContentPackage:
    """The package for a topic from the caller's own texts alone, or from the library where there are none."""
    chosen = PREDEFINED[workflow] if isinstance(workflow, str) else workflow
    tools = Tools(library=library or Shelf(), llm=llm)
    own = tuple(GivenSource(title=f"Source {number}", text=text) for number, text in enumerate(texts, 1))
    asked = ContentBrief(topic=topic, today=TODAY, **({"sources": own, "sources_only": bool(own)} | brief))
    artifacts: dict[type[Artifact], Artifact] = {}
    for step in in_order(chosen):
        context = StepContext(brief=asked, artifacts=dict(artifacts), tools=tools)
        made = await CATALOG[step.service].load()(context)
        artifacts[type(made)] = made
    package = artifacts[ContentPackage]
    assert isinstance(package, ContentPackage)
    return package
