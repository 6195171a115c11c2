"""What the middle layer provides: outline, queries, topic graph, platform plan."""

from __future__ import annotations

from typing import Literal

from layers.contract import Artifact, Platform, Wire

Template = Literal["definition", "how_to", "comparison", "list", "news", "case", "review", "overview"]
SectionForm = Literal["prose", "list", "steps", "table"]


class SectionPlan(Wire):
    """One section: a heading (a question or a plain title), the passages that carry it, best first.

    ``cue`` is the pattern, whatever the case, of what a sentence must say to answer the heading; None where any does.
    """

    id: str
    heading: str
    level: Literal[2, 3]
    question: str
    passages: tuple[str, ...]
    target_words: int
    form: SectionForm = "prose"
    cue: str | None = None


class DroppedSection(Wire):
    """A section that the evidence does not carry, with the reason."""

    heading: str
    reason: str


class FaqPlan(Wire):
    """A question for the FAQ part with its evidence."""

    question: str
    passages: tuple[str, ...]


class Outline(Artifact):
    """Bottom line up front, then sections ranked by evidence. Word counts are targets, not promises.

    The title names the sections ``promised``, by id; where one of them comes to nothing, ``plain_title`` stands.
    """

    title: str
    plain_title: str = ""
    promised: tuple[str, ...] = ()
    template: Template
    answer_question: str
    answer_passages: tuple[str, ...]
    answer_words: tuple[int, int] = (40, 80)
    sections: tuple[SectionPlan, ...]
    faq: tuple[FaqPlan, ...] = ()
    dropped: tuple[DroppedSection, ...] = ()
    min_words: int
    max_words: int
    call_to_action: str | None = None


QueryKind = Literal["conversational", "voice", "follow_up", "faq"]


class QueryForm(Wire):
    """One way to ask, answerable by these passages."""

    text: str
    kind: QueryKind
    passages: tuple[str, ...]


class QueryPlan(Artifact):
    """Conversational, voice and follow-up forms and FAQ candidates, no near-duplicates."""

    queries: tuple[QueryForm, ...]


NodeKind = Literal["concept", "organisation", "person", "place", "product", "other"]
Relation = Literal["is_a", "part_of", "causes", "uses", "compares", "regulates", "related"]


class TopicNode(Wire):
    """An entity or concept; ``weight`` is 0..1."""

    id: str
    label: str
    kind: NodeKind
    weight: float
    passages: tuple[str, ...]


class TopicEdge(Wire):
    """A typed relation with the passages that show it; ``weight`` is 0..1."""

    source: str
    target: str
    relation: Relation
    weight: float
    passages: tuple[str, ...]


class TopicGraph(Artifact):
    """Entities, their relations, and the keywords that no passage covers."""

    nodes: tuple[TopicNode, ...]
    edges: tuple[TopicEdge, ...]
    gaps: tuple[str, ...] = ()


class PlatformRule(Wire):
    """What one platform takes. ``limit`` counts in ``unit`` as the platform counts (X: weighted characters).

    ``fold`` is what shows before "see more", in the same unit (0: everything); ``max_parts`` is how many posts or
    blocks a variant may have, each within the limit.
    """

    platform: Platform
    unit: Literal["characters", "weighted_characters", "words"]
    limit: int
    form: str
    lead_with: str
    max_hashtags: int = 0
    link_cost: int = 0
    keep_citations: bool = True
    fold: int = 0
    max_parts: int = 1


class PlatformPlan(Artifact):
    """Per platform: limits, form, what to lead with."""

    platforms: tuple[PlatformRule, ...]
