"""Workflows as data: the four predefined ones, the two job types beside them, and what validation says.

The lists are sets: the order comes from what steps provide and require (:mod:`layers.catalog`) and from explicit
``depends_on``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layers.catalog import CATALOG, StepDeclaration
from layers.contract import JobType
from orchestration.errors import FieldError, InvalidRequest
from orchestration.retry import STEP_RETRY, RetryPolicy

RESULT_ARTIFACT = "ContentPackage"
MAX_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a workflow.

    ``optional``: its failure degrades the result instead of failing the job. ``timeout`` is in seconds. ``only_if``
    names the field of a request without which the step is left out (:mod:`orchestration.workflow_conditions`).
    """

    name: str
    service: str
    optional: bool = False
    depends_on: tuple[str, ...] = ()
    timeout: float = 180.0
    retry: RetryPolicy = STEP_RETRY
    only_if: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A named set of steps. ``estimated_seconds`` is for runs that wait on a language model."""

    id: str
    version: int
    description: str
    estimated_seconds: float
    steps: tuple[Step, ...]

    def to_snapshot(self) -> dict[str, Any]:
        """Plain values for the job's input row."""
        steps = [{**_shallow(step), "retry": _shallow(step.retry)} for step in self.steps]
        return {**_shallow(self), "steps": steps}

    @classmethod
    def from_snapshot(cls, value: Mapping[str, Any]) -> Workflow:
        """The workflow of a snapshot, as it was at submission."""
        steps = tuple(
            Step(
                **{**s, "depends_on": tuple(s["depends_on"]), "retry": RetryPolicy.from_snapshot(s["retry"])}
            )
            for s in value["steps"]
        )
        return cls(**{**value, "steps": steps})


def _shallow(value: Workflow | Step | RetryPolicy) -> dict[str, Any]:
    """Where ``asdict`` would copy deeply: every submission takes a snapshot."""
    return {name: getattr(value, name) for name in value.__slots__}


_STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step(name="analyze_intent", service="queryIntentAnalyzer"),
        Step(name="gather_sources", service="sourceCollector"),
        Step(name="chunk_content", service="contentChunker"),
        Step(name="analyze_keywords", service="keywordTopicAnalyzer"),
        Step(name="aggregate_freshness", service="freshnessAggregator"),
        Step(name="structure_content", service="blufContentStructurer"),
        Step(name="optimize_queries", service="conversationalQueryOptimizer"),
        Step(name="map_relationships", service="semanticRelationshipMapper"),
        Step(name="tune_platform", service="platformSpecificTuner"),
        Step(name="generate_research", service="originalResearchEngine"),
        Step(name="optimize_content", service="llmContentOptimizer", timeout=600.0),
        Step(name="read_content", service="contentReader"),
        Step(name="verify_citations", service="citationAuthorityVerifier", timeout=300.0),
        Step(name="check_facts", service="factChecker", timeout=300.0),
        Step(name="generate_eeat", service="eeatSignalGenerator"),
        Step(name="generate_schema", service="schemaMarkupGenerator"),
        Step(name="assemble_package", service="contentAssembler"),
    )
}

_CORE = (
    "analyze_intent",
    "gather_sources",
    "chunk_content",
    "analyze_keywords",
    "structure_content",
    "optimize_content",
    "assemble_package",
)

_RESEARCH_HEAVY = (
    *_CORE,
    "optimize_queries",
    "aggregate_freshness",
    "map_relationships",
    "generate_research",
    "verify_citations",
    "check_facts",
    "generate_eeat",
)


def _workflow(
    workflow: str, description: str, minutes: float, names: Iterable[str], *, optional: str = ""
) -> Workflow:
    steps = tuple(replace(_STEPS[name], optional=name == optional) for name in names)
    return Workflow(
        id=workflow, version=1, description=description, estimated_seconds=minutes * 60, steps=steps
    )


PREDEFINED: dict[str, Workflow] = {
    workflow.id: workflow
    for workflow in (
        _workflow(
            "standard",
            "A cited article: intent, keywords, sources, structure, writing.",
            5,
            (*_CORE, "optimize_queries"),
            optional="optimize_queries",
        ),
        _workflow(
            "research_heavy",
            "A cited article with its research brief, fact report and E-E-A-T report.",
            12,
            _RESEARCH_HEAVY,
            optional="optimize_queries",
        ),
        _workflow(
            "seo_focused",
            "A cited article with queries, platform variants and JSON-LD.",
            8,
            (*_CORE, "optimize_queries", "tune_platform", "generate_schema"),
        ),
        _workflow(
            "citation_heavy",
            "A cited article with a verdict on every citation and an E-E-A-T report.",
            10,
            (*_CORE, "verify_citations", "generate_eeat"),
        ),
    )
}

CITATION_VERIFICATION = _workflow(
    "citation_verification",
    "Verdicts on the claims of given content.",
    3,
    (
        "gather_sources",
        "chunk_content",
        "read_content",
        "verify_citations",
        "check_facts",
        "assemble_package",
    ),
)

RESEARCH_GENERATION = _workflow(
    "research_generation",
    "An evidence table on a topic, without an article.",
    5,
    (
        "analyze_intent",
        "gather_sources",
        "chunk_content",
        "analyze_keywords",
        "aggregate_freshness",
        "map_relationships",
        "generate_research",
        "assemble_package",
    ),
)

BUILT_IN = frozenset({*PREDEFINED, CITATION_VERIFICATION.id, RESEARCH_GENERATION.id})
"""Ids that no custom workflow may have."""

INCLUDE_STEPS: dict[str, tuple[str, ...]] = {
    "includeResearch": ("generate_research", "check_facts"),
    "includeCitations": ("verify_citations",),
    "includeEEAT": ("generate_eeat",),
    "includeSchemaMarkup": ("generate_schema",),
    "includeSEOOptimization": ("optimize_queries", "tune_platform"),
}
"""Which steps a flag adds (true) or leaves out (false)."""


def workflow_for(job_type: JobType, workflow_type: str, flags: Mapping[str, bool | None]) -> Workflow:
    """The predefined workflow that a request asks for, with its ``include...`` flags applied.

    Raises :class:`InvalidRequest` when a flag leaves out a step that another one needs, and for a workflow type
    that is not predefined.
    """
    if job_type is JobType.CITATION_VERIFICATION:
        return CITATION_VERIFICATION
    if job_type is JobType.RESEARCH_GENERATION:
        return RESEARCH_GENERATION
    if workflow_type not in PREDEFINED:
        detail = f"should be one of: {', '.join(PREDEFINED)}"
        raise InvalidRequest([FieldError(pointer="/workflowType", detail=detail)])
    return with_flags(PREDEFINED[workflow_type], flags)


def with_flags(workflow: Workflow, flags: Mapping[str, bool | None]) -> Workflow:
    """The workflow with steps added and left out as the ``include...`` flags say; steps are told by their service.

    Raises :class:`InvalidRequest` when what comes out cannot run.
    """
    steps = list(workflow.steps)
    for flag, wanted in flags.items():
        concerned = {_STEPS[name].service: _STEPS[name] for name in INCLUDE_STEPS[flag]}
        if wanted is True:
            there = {step.service for step in steps}
            steps += [step for service, step in concerned.items() if service not in there]
        elif wanted is False:
            steps = [step for step in steps if step.service not in concerned]
    chosen = replace(workflow, steps=tuple(steps))
    if problems := find_problems(chosen):
        pointer = _flag_pointer(flags)
        raise InvalidRequest([FieldError(pointer=pointer, detail=problem.detail) for problem in problems])
    return chosen


def _flag_pointer(flags: Mapping[str, bool | None]) -> str:
    return next((f"/{name}" for name, value in flags.items() if value is False), "/workflowType")


def find_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration] = CATALOG) -> list[FieldError]:
    """What is wrong with a workflow, each naming place, step and cure; empty when it can run."""
    if not 1 <= len(workflow.steps) <= MAX_STEPS:
        detail = f"a workflow has 1 to {MAX_STEPS} steps, not {len(workflow.steps)}"
        return [FieldError(pointer="/steps", detail=detail)]
    for find in (_name_problems, _artifact_problems, _order_problems, _useless_steps):
        if problems := find(workflow, catalog):
            return problems
    return []


def _name_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[FieldError]:
    problems = []
    names = [step.name for step in workflow.steps]
    for number, step in enumerate(workflow.steps):
        at = f"/steps/{number}"
        if step.name in names[:number]:
            problems.append(_problem(f"{at}/name", f"step name {step.name} is used twice: rename one"))
        if step.service not in catalog:
            known = ", ".join(sorted(catalog))
            problems.append(
                _problem(f"{at}/service", f"step {step.name}: unknown service {step.service}; known: {known}")
            )
        problems += [
            _problem(
                f"{at}/dependsOn/{place}",
                f"step {step.name} depends on {other}, which is not a step: add it, or remove the name",
            )
            for place, other in enumerate(step.depends_on)
            if other not in names
        ]
    return problems


def _artifact_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[FieldError]:
    problems = []
    makers: dict[str, str] = {}
    for number, step in enumerate(workflow.steps):
        artifact = catalog[step.service].provides
        if artifact in makers:
            problems.append(
                _problem(
                    f"/steps/{number}/service",
                    f"two steps provide {artifact}: keep one of {makers[artifact]} and {step.name}",
                )
            )
        makers.setdefault(artifact, step.name)
    for number, step in enumerate(workflow.steps):
        for artifact in catalog[step.service].requires:
            if artifact not in makers:
                services = " or ".join(sorted(d.service for d in catalog.values() if d.provides == artifact))
                problems.append(
                    _problem(
                        f"/steps/{number}", f"step {step.name} needs {artifact}: add a step with {services}"
                    )
                )
    if RESULT_ARTIFACT not in makers:
        problems.append(_problem("/steps", "no step makes the package: add a step with contentAssembler"))
    return problems


def _order_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[FieldError]:
    placed: set[str] = set()
    waiting = dependencies(workflow, catalog)
    while ready := [name for name, needs in waiting.items() if needs <= placed]:
        placed.update(ready)
        waiting = {name: needs for name, needs in waiting.items() if name not in placed}
    if not waiting:
        return []
    return [_circle_problem(workflow, _circle(waiting))]


def _circle_problem(workflow: Workflow, circle: Sequence[str]) -> FieldError:
    """Artifacts alone make no cycle, so that one of its steps names the next one in its ``dependsOn``."""
    path = " -> ".join([*circle, circle[0]])
    following = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
    for number, step in enumerate(workflow.steps):
        other = following.get(step.name)
        if other in step.depends_on:
            pointer = f"/steps/{number}/dependsOn/{step.depends_on.index(other)}"
            cure = f"remove {other} from the dependsOn of {step.name}"
            return _problem(pointer, f"steps wait for each other: {path}; {cure}")
    return _problem("/steps", f"steps wait for each other: {path}; leave one out")


def _circle(waiting: Mapping[str, set[str]]) -> list[str]:
    """One cycle among steps that all wait: whoever follows what a step waits for comes back to a step."""
    path: list[str] = []
    name = min(waiting)
    while name not in path:
        path.append(name)
        name = min(waiting[name] & waiting.keys())
    return path[path.index(name) :]


def _useless_steps(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[FieldError]:
    """Steps from which no way leads to the package: nobody takes what they make."""
    graph = dependencies(workflow, catalog)
    reached = {step.name for step in workflow.steps if catalog[step.service].provides == RESULT_ARTIFACT}
    border = set(reached)
    while border:
        border = {other for name in border for other in graph[name]} - reached
        reached |= border
    return [
        _problem(
            f"/steps/{number}",
            f"step {step.name} cannot be reached from the package, nobody takes its "
            f"{catalog[step.service].provides}: leave it out, or let a step that leads there depend on it",
        )
        for number, step in enumerate(workflow.steps)
        if step.name not in reached
    ]


def _problem(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, detail=detail)


def dependencies(workflow: Workflow, catalog: Mapping[str, StepDeclaration] = CATALOG) -> dict[str, set[str]]:
    """For each step the steps that must be through before it: makers of what it requires or can use."""
    makers = {catalog[step.service].provides: step.name for step in workflow.steps}
    graph = {}
    for step in workflow.steps:
        declaration = catalog[step.service]
        wanted = (*declaration.requires, *declaration.uses)
        graph[step.name] = {makers[a] for a in wanted if a in makers} | set(step.depends_on)
    return graph


def in_order(workflow: Workflow, catalog: Mapping[str, StepDeclaration] = CATALOG) -> Sequence[Step]:
    """The steps in an order that respects all dependencies; steps of one wave keep the workflow's own order.

    Raises ValueError for a cycle, which :func:`find_problems` names in detail.
    """
    graph = dependencies(workflow, catalog)
    placed: list[str] = []
    while len(placed) < len(workflow.steps):
        ready = [n for n, needs in graph.items() if n not in placed and needs <= set(placed)]
        if not ready:
            raise ValueError(f"the steps of {workflow.id} wait for each other")
        placed += ready
    by_name = {step.name: step for step in workflow.steps}
    return [by_name[name] for name in placed]
