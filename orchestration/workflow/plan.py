"""How a workflow will run: order, waves, critical path and what it is likely to take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layers.catalog import CATALOG, StepDeclaration
from layers.contract import Layer
from orchestration.workflows import Workflow, dependencies

STEP_SECONDS = {Layer.BOTTOM: 20.0, Layer.MIDDLE: 45.0, Layer.TOP: 75.0}
"""What a step of a layer takes with a language model, so that ``standard`` comes to its five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The run of a workflow as far as it can be told before.

    ``waves`` are steps that can run side by side, ``critical_path`` the chain that takes longest, and
    ``estimated_seconds`` what that chain is likely to take.
    """

    waves: tuple[tuple[str, ...], ...]
    critical_path: tuple[str, ...]
    estimated_seconds: float

    @property
    def order(self) -> tuple[str, ...]:
        """All steps in an order that respects what they wait for."""
        return tuple(name for wave in self.waves for name in wave)


def plan(
    workflow: Workflow,
    catalog: Mapping[str, StepDeclaration] = CATALOG,
    *,
    took: Mapping[str, float] | None = None,
) -> Plan:
    """The plan of a workflow that :func:`orchestration.workflows.find_problems` has nothing against.

    ``took`` is what steps took lately, in seconds by name; the others are taken to need what their layer does.
    """
    graph = dependencies(workflow, catalog)
    seconds = {step.name: STEP_SECONDS[catalog[step.service].layer] for step in workflow.steps}
    seconds |= {name: known for name, known in (took or {}).items() if name in seconds}
    waves: list[tuple[str, ...]] = []
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    while len(ends) < len(graph):
        wave = tuple(name for name, needs in graph.items() if name not in ends and needs <= ends.keys())
        for name in wave:
            last = max(sorted(graph[name]), key=lambda other: ends[other], default=None)
            before[name] = last
            ends[name] = seconds[name] + (ends[last] if last else 0.0)
        waves.append(wave)
    path = [max(ends, key=lambda name: ends[name])]
    while (previous := before[path[-1]]) is not None:
        path.append(previous)
    return Plan(waves=tuple(waves), critical_path=tuple(reversed(path)), estimated_seconds=max(ends.values()))
