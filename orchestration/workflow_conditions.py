"""Conditions: steps of custom workflows that run only for requests that give them something to work on.

A step whose condition does not hold is left out when the job is submitted, as by an ``include...`` flag, so that the
job's snapshot holds what runs. A definition must be able to run whichever of its conditions hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Literal

from layers.catalog import StepDeclaration
from orchestration.errors import FieldError
from orchestration.schemas import GenerateRequest
from orchestration.workflows import Workflow, find_problems

Condition = Literal["platforms", "sources", "author", "keyPoints", "searchKeywords"]
"""A field of the request that must not be empty."""

_HOLDS: Mapping[str, Callable[[GenerateRequest], bool]] = {
    "platforms": lambda request: bool(request.platforms),
    "sources": lambda request: bool(request.sources),
    "author": lambda request: request.author is not None,
    "keyPoints": lambda request: bool(request.key_points),
    "searchKeywords": lambda request: bool(request.search_keywords),
}


def for_request(workflow: Workflow, request: GenerateRequest) -> Workflow:
    """The workflow without the steps whose condition does not hold for this request."""
    return _without(workflow, [name for name, holds in _HOLDS.items() if not holds(request)])


def condition_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[FieldError]:
    """What is wrong with a workflow when some of its conditions do not hold; empty when it can always run."""
    used = sorted({step.only_if for step in workflow.steps if step.only_if})
    for number in range(1, len(used) + 1):
        for missing in combinations(used, number):
            if problems := find_problems(_without(workflow, missing), catalog):
                without = f"for a request without {' and '.join(missing)}: "
                return [FieldError(pointer="/steps", detail=f"{without}{each.detail}") for each in problems]
    return []


def _without(workflow: Workflow, missing: Iterable[str]) -> Workflow:
    """Nobody waits for a step that is left out."""
    gone = {step.name for step in workflow.steps if step.only_if in set(missing)}
    kept = [
        replace(step, depends_on=tuple(name for name in step.depends_on if name not in gone))
        for step in workflow.steps
        if step.name not in gone
    ]
    return replace(workflow, steps=tuple(kept))
