"""Every step there is: its service name, its layer, what it provides and what it needs.

Declarations only: importing this module loads no step, so that accepting a request stays cheap. The
implementation behind a service is imported when the step first runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import cast

from layers.contract import Artifact, Layer, StepContext

StepFunction = Callable[[StepContext], Awaitable[Artifact]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDeclaration:
    """One service. ``version`` is raised when its output changes for the same input (it keys the step cache).

    ``cached_for`` is how many seconds its result may be taken again for identical work; 0 for never: what is quick to
    make, and what depends on more than the brief and its artifacts (the web, the library). ``provides`` and ``requires``/``uses`` name artifact classes; ``uses`` are taken where a workflow makes them.
    """

    service: str
    layer: Layer
    implementation: str
    provides: str
    requires: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    version: int = 1
    cached_for: float = 0.0

    def load(self) -> StepFunction:
        """Import the implementation. Raises ImportError or AttributeError when the declaration is wrong."""
        module, _, function = self.implementation.partition(":")
        return cast("StepFunction", getattr(import_module(module), function))


_ARTIFACTS = {
    Layer.BOTTOM: ("Intent", "SourceSet", "PassageIndex", "KeywordPlan", "FreshnessReport"),
    Layer.MIDDLE: ("Outline", "QueryPlan", "TopicGraph", "PlatformPlan"),
    Layer.TOP: (
        "ResearchBrief",
        "Article",
        "CitationReport",
        "FactReport",
        "EeatReport",
        "SchemaMarkup",
        "ContentPackage",
    ),
}


def artifact_type(name: str) -> type[Artifact]:
    """The artifact class of this name. Raises KeyError for a name that no layer provides."""
    for layer, names in _ARTIFACTS.items():
        if name in names:
            return cast("type[Artifact]", getattr(import_module(f"layers.{layer}.artifacts"), name))
    raise KeyError(name)


HALF_A_DAY = 12 * 3600.0


def _declare(
    layer: Layer,
    service: str,
    where: str,
    provides: str,
    *requires: str,
    uses: tuple[str, ...] = (),
    cached_for: float = 0.0,
    version: int = 1,
) -> StepDeclaration:
    return StepDeclaration(
        service=service,
        layer=layer,
        implementation=f"layers.{layer}.{where}",
        provides=provides,
        requires=requires,
        uses=uses,
        cached_for=cached_for,
        version=version,
    )


_bottom = partial(_declare, Layer.BOTTOM)
_middle = partial(_declare, Layer.MIDDLE)
_top = partial(_declare, Layer.TOP)

CATALOG: dict[str, StepDeclaration] = {
    declaration.service: declaration
    for declaration in (
        _bottom("queryIntentAnalyzer", "intent:analyze_intent", "Intent"),
        _bottom("sourceCollector", "sources:gather_sources", "SourceSet", version=2),
        _bottom("contentChunker", "passages:chunk_content", "PassageIndex", "SourceSet", version=2),
        _bottom(
            "keywordTopicAnalyzer",
            "keywords:analyze_keywords",
            "KeywordPlan",
            "SourceSet",
            "PassageIndex",
            uses=("Intent",),
            version=2,
        ),
        _bottom(
            "freshnessAggregator", "freshness:aggregate_freshness", "FreshnessReport", "SourceSet", "Intent"
        ),
        _middle(
            "blufContentStructurer",
            "structure:structure_content",
            "Outline",
            "Intent",
            "SourceSet",
            "PassageIndex",
            "KeywordPlan",
            uses=("QueryPlan", "TopicGraph", "FreshnessReport", "PlatformPlan"),
            version=2,
        ),
        _middle(
            "conversationalQueryOptimizer",
            "queries:optimize_queries",
            "QueryPlan",
            "Intent",
            "SourceSet",
            "PassageIndex",
            "KeywordPlan",
            version=2,
        ),
        _middle(
            "semanticRelationshipMapper",
            "relationships:map_relationships",
            "TopicGraph",
            "SourceSet",
            "PassageIndex",
            "KeywordPlan",
            version=2,
        ),
        _middle("platformSpecificTuner", "platforms:tune_platform", "PlatformPlan", "Intent"),
        _top(
            "originalResearchEngine",
            "research:generate_research",
            "ResearchBrief",
            "SourceSet",
            "PassageIndex",
            "KeywordPlan",
            uses=("FreshnessReport", "TopicGraph"),
            cached_for=HALF_A_DAY,
            version=2,
        ),
        _top(
            "llmContentOptimizer",
            "writing:optimize_content",
            "Article",
            "SourceSet",
            "PassageIndex",
            "KeywordPlan",
            "Outline",
            uses=("ResearchBrief", "QueryPlan", "FreshnessReport", "TopicGraph"),
            cached_for=HALF_A_DAY,
            version=2,
        ),
        _top("contentReader", "reading:read_content", "Article", "SourceSet", "PassageIndex", version=2),
        _top(
            "citationAuthorityVerifier",
            "citations:verify_citations",
            "CitationReport",
            "Article",
            "SourceSet",
            "PassageIndex",
            cached_for=HALF_A_DAY,
            version=2,
        ),
        _top(
            "factChecker",
            "facts:check_facts",
            "FactReport",
            "Article",
            "SourceSet",
            "PassageIndex",
            cached_for=HALF_A_DAY,
            version=2,
        ),
        _top(
            "eeatSignalGenerator",
            "eeat:generate_eeat",
            "EeatReport",
            "Article",
            "SourceSet",
            uses=("CitationReport", "FreshnessReport", "FactReport"),
            version=2,
        ),
        _top(
            "schemaMarkupGenerator",
            "schema:generate_schema",
            "SchemaMarkup",
            "Article",
            "SourceSet",
            "Intent",
        ),
        _top(
            "contentAssembler",
            "assembly:assemble_package",
            "ContentPackage",
            "SourceSet",
            uses=(
                "Article",
                "Intent",
                "KeywordPlan",
                "Outline",
                "QueryPlan",
                "PlatformPlan",
                "ResearchBrief",
                "CitationReport",
                "FactReport",
                "EeatReport",
                "SchemaMarkup",
                "FreshnessReport",
                "TopicGraph",
            ),
            version=2,
        ),
    )
}
