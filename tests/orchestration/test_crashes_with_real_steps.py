"""The way to a real article under crashes: a job that was taken over has the result of one that never was.

The crash schedule of :mod:`tests.orchestration.test_crashes` with the steps of the `standard` workflow in place of
made-up ones: the embedded writer over the caller's own sources, and over the sample library.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from layers.catalog import CATALOG, StepDeclaration, artifact_type
from layers.contract import Artifact, StepContext, Tools
from layers.text import words
from orchestration.adapters.library_files import FileLibrary
from tests.layers.test_new_sources import AGAINST, FOR
from tests.orchestration.support import FakeSteps, World
from tests.orchestration.test_crashes import Simulation

LIBRARY = Path(__file__).parents[2] / "samples" / "library"
OWN_SOURCES = {
    "topic": "Coffee and health",
    "contentType": "blog_post",
    "audience": "b2c",
    "sources": [{"title": "For", "text": FOR}, {"title": "Against", "text": AGAINST}],
    "sourcesOnly": True,
}
FROM_LIBRARY = {"topic": "How much sleep do adults need?", "contentType": "blog_post", "audience": "b2c"}


class RealSteps(FakeSteps):
    """The steps themselves; what they remember within a process is forgotten with each of their runs."""

    artifacts = staticmethod(artifact_type)

    async def _make(self, declaration: StepDeclaration, context: StepContext) -> Artifact:
        words._stems_of.cache_clear()
        return await CATALOG[declaration.service].load()(context)


def simulation(request: dict[str, Any], plan: Iterable[int] = ()) -> Simulation:
    """Every process reads the library anew, and no step's result comes from the step cache."""
    world = World(
        steps=RealSteps(),
        environment={"STEP_CACHE": "false"},
        tools=lambda: Tools(library=FileLibrary(LIBRARY)),
    )
    return Simulation(plan, world=world, request=request)


async def result_of(simulation: Simulation) -> bytes:
    """Run it to its end and hold it to the invariant."""
    await simulation.submit()
    job = await simulation.run()
    await simulation.check(job)
    assert ("standard", 1) == (job.workflow_type, job.attempt)
    return await simulation.result(job)


async def uninterrupted(request: dict[str, Any]) -> tuple[bytes, list[str]]:
    whole = simulation(request)
    return await result_of(whole), whole.points


RESULT, NAMES = asyncio.run(uninterrupted(OWN_SOURCES))
COMMITS = [number for number, name in enumerate(NAMES, 1) if name.endswith(" commit")]


def test_the_result_is_an_article_with_citations() -> None:
    package = json.loads(RESULT)
    assert package["article"]["markdown"].startswith("# ")
    assert "[[1]](#source-1)" in package["article"]["markdown"]
    assert {"For", "Against"} == {source["title"] for source in package["sources"]}
    assert len(COMMITS) >= 2 * 8, (
        "each of the eight steps is committed: before and after that is a point to die at"
    )


@pytest.mark.parametrize("point", COMMITS, ids=lambda number: f"{number} {NAMES[number - 1]}")
async def test_a_crash_at_any_commit_changes_no_byte_of_the_article(point: int) -> None:
    crashed = simulation(OWN_SOURCES, [point])
    assert RESULT == await result_of(crashed)
    assert 1 == crashed.crashes


async def test_crash_upon_crash_changes_no_byte_of_an_article_from_the_library() -> None:
    expected, _ = await uninterrupted(FROM_LIBRARY)
    crashed = simulation(FROM_LIBRARY, range(12, 120, 7))
    assert expected == await result_of(crashed)
    assert crashed.crashes >= 5
    assert len(json.loads(expected)["sources"]) > 1
