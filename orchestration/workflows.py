"""Workflows as data: the four predefined ones, the two job types beside them, and what validation says.

The lists are sets: the order comes from what steps provide and require (:mod:`layers.catalog`) and from explicit
``depends_on``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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

    ``optional``: its failure degrades the result instead of failing the job. ``timeout`` is in seconds.
    """

    name: str
    service: str
    optional: bool = False
    depends_on: tuple[str, ...] = ()
    timeout: float = 180.0
    retry: RetryPolicy = STEP_RETRY


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
        return asdict(self)

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

INCLUDE_STEPS: dict[str, tuple[str, ...]] = {
    "includeResearch": ("generate_research", "check_facts"),
    "includeCitations": ("verify_citations",),
    "includeEEAT": ("generate_eeat",),
    "includeSchemaMarkup": ("generate_schema",),
    "includeSEOOptimization": ("optimize_queries", "tune_platform"),
}
"""Which steps a flag adds (true) or leaves out (false)."""


def workflow_for(job_type: JobType, workflow_type: str, flags: Mapping[str, bool | None]) -> Workflow:
    """The workflow that a request asks for, with its ``include...`` flags applied.

    Raises :class:`InvalidRequest` when a flag leaves out a step that another one needs.
    """
    if job_type is JobType.CITATION_VERIFICATION:
        return CITATION_VERIFICATION
    if job_type is JobType.RESEARCH_GENERATION:
        return RESEARCH_GENERATION
    workflow = PREDEFINED[workflow_type]
    names = [step.name for step in workflow.steps]
    for flag, wanted in flags.items():
        if wanted is True:
            names += [name for name in INCLUDE_STEPS[flag] if name not in names]
        elif wanted is False:
            names = [name for name in names if name not in INCLUDE_STEPS[flag]]
    kept = {step.name: step for step in workflow.steps}
    chosen = replace(workflow, steps=tuple(kept.get(name, _STEPS[name]) for name in names))
    if problems := find_problems(chosen):
        raise InvalidRequest(
            [FieldError(pointer=_flag_pointer(flags), detail=problem) for problem in problems]
        )
    return chosen


def _flag_pointer(flags: Mapping[str, bool | None]) -> str:
    return next((f"/{name}" for name, value in flags.items() if value is False), "/workflowType")


def find_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration] = CATALOG) -> list[str]:
    """What is wrong with a workflow, each naming the step and the cure; empty when it can run."""
    problems = _name_problems(workflow, catalog)
    if problems:
        return problems
    provided = {catalog[s.service].provides: s.name for s in workflow.steps}
    for step in workflow.steps:
        for artifact in catalog[step.service].requires:
            if artifact not in provided:
                makers = sorted(d.service for d in catalog.values() if d.provides == artifact)
                problems.append(f"step {step.name} needs {artifact}: add a step with {' or '.join(makers)}")
    if RESULT_ARTIFACT not in provided:
        problems.append("no step makes the package: add a step with contentAssembler")
    return problems or _order_problems(workflow, catalog)


def _name_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[str]:
    problems = []
    names = [step.name for step in workflow.steps]
    if not 1 <= len(names) <= MAX_STEPS:
        return [f"a workflow has 1 to {MAX_STEPS} steps, not {len(names)}"]
    problems += [
        f"step name {name} is used twice: rename one"
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for step in workflow.steps:
        if step.service not in catalog:
            problems.append(
                f"step {step.name}: unknown service {step.service}; known: {', '.join(sorted(catalog))}"
            )
        problems += [
            f"step {step.name} depends on {other}, which is not a step"
            for other in step.depends_on
            if other not in names
        ]
    if not problems:
        artifacts = [catalog[s.service].provides for s in workflow.steps]
        problems += [
            f"two steps provide {a}: keep one"
            for a in sorted({a for a in artifacts if artifacts.count(a) > 1})
        ]
    return problems


def _order_problems(workflow: Workflow, catalog: Mapping[str, StepDeclaration]) -> list[str]:
    placed: set[str] = set()
    waiting = dependencies(workflow, catalog)
    while ready := [name for name, needs in waiting.items() if needs <= placed]:
        placed.update(ready)
        waiting = {name: needs for name, needs in waiting.items() if name not in placed}
    if not waiting:
        return []
    return [f"steps {', '.join(sorted(waiting))} wait for each other: remove one dependsOn of this cycle"]


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
