"""The workflow that measures the engine alone: 12 steps that do nothing (1 -> 5 -> 4 -> 1 -> 1), 10 KB each."""

from __future__ import annotations

import base64
import os
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from pydantic import create_model

from layers.catalog import CATALOG, StepDeclaration, StepFunction
from layers.contract import Artifact, Layer, StepContext
from orchestration.workflows import PREDEFINED, RESULT_ARTIFACT, Step, Workflow

STAGES = (
    ("s01",),
    ("s02", "s03", "s04", "s05", "s06"),
    ("s07", "s08", "s09", "s10"),
    ("s11",),
    ("s12",),
)
STEPS = tuple(step for stage in STAGES for step in stage)


def _payload() -> str:
    """10,000 letters: one and the same as in the systems beside it, or such as no compression makes fewer."""
    if os.environ.get("BENCH_PAYLOAD") == "random":
        return base64.b64encode(random.Random(1).randbytes(7_500)).decode()  # noqa: S311 - no secret
    return "x" * 10_000


PAYLOAD = _payload()

first_steps: dict[str, float] = {}
"""When the first step of a job began, by topic (``time.perf_counter``, the same clock in all processes)."""


class Noop(Artifact):
    """What a step that does nothing makes."""

    step: str
    data: str


class Hook:
    """Called with topic and step in the middle of each step; a benchmark may replace ``call``."""

    call: Callable[[str, str], Awaitable[object]] | None = None


def _artifact_name(step: str) -> str:
    return RESULT_ARTIFACT if step == STEPS[-1] else f"Noop{step}"


_ARTIFACTS: dict[str, type[Noop]] = {
    _artifact_name(step): create_model(_artifact_name(step), __base__=Noop) for step in STEPS
}


def noop_artifact(name: str) -> type[Artifact]:
    """The artifact class of this name. Raises KeyError."""
    return _ARTIFACTS[name]


async def _run(step: str, context: StepContext) -> Artifact:
    first_steps.setdefault(context.brief.topic, time.perf_counter())
    if Hook.call is not None:
        await Hook.call(context.brief.topic, step)
    return _ARTIFACTS[_artifact_name(step)](step=step, data=PAYLOAD)


def __getattr__(name: str) -> StepFunction:
    """The implementation of each step, for the catalog to find."""
    if name in STEPS:
        return partial(_run, name)
    raise AttributeError(name)


def install() -> None:
    """Make the ``standard`` workflow of this process the one that does nothing."""
    for stage, before in zip(STAGES, ((), *STAGES), strict=False):
        for step in stage:
            CATALOG[f"noop-{step}"] = StepDeclaration(
                service=f"noop-{step}",
                layer=Layer.BOTTOM,
                implementation=f"{__name__}:{step}",
                provides=_artifact_name(step),
                requires=tuple(map(_artifact_name, before)),
            )
    PREDEFINED["standard"] = Workflow(
        id="standard",
        version=1,
        description="Twelve steps that do nothing.",
        estimated_seconds=1,
        steps=tuple(Step(name=step, service=f"noop-{step}") for step in STEPS),
    )
