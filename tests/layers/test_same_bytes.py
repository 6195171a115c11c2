"""The same inputs give the same package byte for byte: in another process, and after a stop behind every step."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from layers.catalog import CATALOG, artifact_type
from layers.contract import ContentBrief, GivenContent, GivenSource, JobType, StepContext, Tools
from layers.text import words
from orchestration.workflows import CITATION_VERIFICATION, PREDEFINED, RESEARCH_GENERATION, in_order
from tests.layers.run import TODAY
from tests.layers.test_new_sources import AGAINST, FOR, MARKET, REVIEW

WORKFLOWS = {
    **{name: (workflow, JobType.CONTENT_GENERATION) for name, workflow in PREDEFINED.items()},
    "citations": (CITATION_VERIFICATION, JobType.CITATION_VERIFICATION),
    "research": (RESEARCH_GENERATION, JobType.RESEARCH_GENERATION),
}


def brief(job_type):
    texts = (FOR, AGAINST, REVIEW, MARKET)
    return ContentBrief(
        topic="Coffee and health",
        today=TODAY,
        job_type=job_type,
        content=GivenContent(
            text="# Coffee\n\nCoffee lowers mortality by 17 percent.\n\nIt raises blood pressure."
        ),
        sources=tuple(
            GivenSource(title=f"Source {n}", text=text, must_use=True) for n, text in enumerate(texts, 1)
        ),
        sources_only=True,
    )


async def package_of(name, *, stopping=False):
    """The package's bytes; ``stopping`` takes every artifact back from its stored form before the next step."""
    workflow, job_type = WORKFLOWS[name]
    stored, made = {}, {}
    for step in in_order(workflow):
        declaration = CATALOG[step.service]
        if stopping:
            words._stems_of.cache_clear()
            made = {
                kind: kind.model_validate_json(text)
                for kind, text in ((artifact_type(key), text) for key, text in reversed(stored.items()))
            }
        artifact = await declaration.load()(
            StepContext(brief=brief(job_type), artifacts=dict(made), tools=Tools())
        )
        made[type(artifact)] = artifact
        stored[declaration.provides] = artifact.model_dump_json(by_alias=True)
    return stored["ContentPackage"].encode()


def digests():
    """Workflow by workflow, on a line each."""
    return [f"{name} {hashlib.sha256(asyncio.run(package_of(name))).hexdigest()}" for name in WORKFLOWS]


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_a_stop_behind_every_step_changes_no_byte(name):
    assert await package_of(name) == await package_of(name, stopping=True)


def test_another_process_with_other_hashes_gives_the_same_bytes():
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "4711"}
    program = "from tests.layers.test_same_bytes import digests; print('\\n'.join(digests()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True
    )

    assert digests() == done.stdout.split("\n")[:-1]
