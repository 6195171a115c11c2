"""What every move of the outline looks at: the brief, the topic, the template and the readable evidence."""

from __future__ import annotations

from dataclasses import dataclass

from layers.bottom.artifacts import Intent, PassageIndex, SourceSet
from layers.contract import ContentBrief
from layers.middle.outline.candidates import HeadedRow, read_headings
from layers.middle.outline.casing import Casing
from layers.middle.outline.material import Material, gather_material
from layers.middle.outline.templates import Budget, Plan, budget_for, plan_for
from layers.middle.outline.topic import Topic, read_topic
from layers.text.words import stems


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that is settled before the first section is thought of."""

    brief: ContentBrief
    intent: Intent
    material: Material
    casing: Casing
    topic: Topic
    topic_stems: frozenset[str]
    plan: Plan
    budget: Budget
    headed: tuple[HeadedRow, ...]

    @property
    def how_to(self) -> bool:
        """Whether the article leads through steps."""
        return self.plan.template == "how_to"

    @property
    def tells_steps(self) -> bool:
        """Whether most sections are steps or items, each under a heading of a source."""
        return self.plan.template in {"how_to", "list"}

    @property
    def words_wanted(self) -> int:
        """The length aimed at, in words."""
        return (self.budget.min_words + self.budget.max_words) // 2


def lay_out(brief: ContentBrief, intent: Intent, sources: SourceSet, index: PassageIndex) -> Desk:
    """Read topic, template and evidence."""
    texts = [source.text for source in sources.sources]
    casing = Casing(texts)
    topic = read_topic(brief.topic, texts)
    material = gather_material(sources, index, topic)
    topic_stems = frozenset(stems(f"{brief.topic} {topic.subject} {topic.short}"))
    return Desk(
        brief=brief,
        intent=intent,
        material=material,
        casing=casing,
        topic=topic,
        topic_stems=topic_stems,
        plan=plan_for(brief.content_type, intent.form, topic, brief.audience),
        budget=budget_for(brief.content_type, brief.target_length),
        headed=tuple(read_headings(material, casing, topic_stems)),
    )
