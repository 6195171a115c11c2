"""blufContentStructurer: bottom line up front, then the sections that the evidence carries.

The outline is decided in four moves: read the topic and pick the template, choose the passages of the answer,
share the others out among the possible sections, and keep what is left for the FAQ.
"""

from __future__ import annotations

import asyncio

from layers.bottom.artifacts import Intent, PassageIndex, SourceSet
from layers.contract import ContentBrief, ContentWarning, StepContext
from layers.middle.artifacts import DroppedSection, Outline, QueryPlan
from layers.middle.outline.allocation import NEEDED_SENTENCES
from layers.middle.outline.answers import choose_answer
from layers.middle.outline.calls_to_action import closing
from layers.middle.outline.candidates import facet_candidate
from layers.middle.outline.desk import Desk, lay_out
from layers.middle.outline.facets import FACETS, Facet
from layers.middle.outline.faq import choose_faq
from layers.middle.outline.key_points import KeyPointReading, read_key_points, without_evidence
from layers.middle.outline.sections import Sections, plan_sections
from layers.middle.outline.titles import make_title, named_facets, plain_title
from layers.middle.outline.wording import question_of

_OWN_OF_ANSWER = 1  # passages kept for the answer alone; of the others it takes a sentence or two


async def structure_content(context: StepContext) -> Outline:
    """The outline for the brief, from intent and passages; no section has fewer than two evidence sentences."""
    return await asyncio.to_thread(
        build_outline,
        context.brief,
        context.need(Intent),
        context.need(SourceSet),
        context.need(PassageIndex),
        context.have(QueryPlan),
    )


def build_outline(
    brief: ContentBrief,
    intent: Intent,
    sources: SourceSet,
    index: PassageIndex,
    queries: QueryPlan | None = None,
) -> Outline:
    """The pure part of :func:`structure_content`."""
    desk = lay_out(brief, intent, sources, index)
    focus = _focus(desk)
    answer = choose_answer(desk.topic, intent.form, desk.material)
    points = read_key_points(brief.key_points, desk.material, desk.casing, desk.topic_stems)
    sections = plan_sections(desk, points, () if focus else answer[:_OWN_OF_ANSWER])
    taken = {*answer, *(row for plan in sections.plans for row in plan.passages)}
    faq = choose_faq(
        desk.topic,
        desk.headed,
        taken=taken,
        headings=[plan.heading for plan in sections.plans],
        facets=sections.facets,
        queries=queries,
        limit=desk.budget.faq,
    )
    title, plain = make_title(desk.topic, brief.content_type, sections.facets), plain_title(desk.topic)
    return Outline(
        title=title,
        plain_title=plain,
        promised=sections.ids_of(named_facets(desk.topic, brief.content_type, sections.facets))
        if title != plain
        else (),
        template=desk.plan.template,
        answer_question=question_of(focus, desk.topic) if focus else desk.topic.question,
        answer_passages=answer,
        sections=sections.plans,
        faq=faq,
        dropped=tuple(DroppedSection(heading=r.candidate.heading, reason=r.reason) for r in sections.refused),
        min_words=desk.budget.min_words,
        max_words=desk.budget.max_words,
        call_to_action=closing(brief, desk.topic),
        warnings=_warnings(desk, points, sections),
    )


def _focus(desk: Desk) -> Facet | None:
    """The facet that the topic itself asks for, where there is evidence to answer it."""
    facet = FACETS.get(desk.topic.focus or "")
    if facet is None:
        return None
    held = facet_candidate(facet, desk.headed, facet.title, desk.topic).evidence
    return facet if sum(held.values()) >= NEEDED_SENTENCES else None


def _warnings(desk: Desk, points: KeyPointReading, sections: Sections) -> tuple[ContentWarning, ...]:
    """Key points that came to nothing, and evidence too thin for the length asked for."""
    lost = [
        without_evidence(refusal.candidate.key.removeprefix("point:"))
        for refusal in sections.refused
        if refusal.candidate.key.startswith("point:")
    ]
    unserved = [without_evidence(facet) for facet in sorted(points.facets - set(sections.facets))]
    thin = []
    if sections.words_at_hand < desk.budget.min_words:
        thin.append(
            ContentWarning(
                severity="warning",
                code="thin_evidence",
                where=f"{sections.words_at_hand} words of evidence for at least {desk.budget.min_words}",
                fix="Add sources, or ask for a shorter article.",
            )
        )
    return (*points.warnings, *lost, *unserved, *_uncompared(desk), *thin)


def _uncompared(desk: Desk) -> tuple[ContentWarning, ...]:
    """A comparison whose sources never hold the sides against each other: the reader has to do it."""
    sides = desk.topic.names if desk.topic.sides else ()
    named = [sum(name.issubset(row.stems) for name in sides) for row in desk.material.rows]
    if not sides or max(named, default=0) > 1:
        return ()
    silent = [
        side
        for side, name in zip(desk.topic.sides, sides, strict=False)
        if not any(name.issubset(row.stems) for row in desk.material.rows)
    ]
    return (
        ContentWarning(
            severity="warning",
            code="comparison_without_evidence",
            where=f"nothing on {' and '.join(silent)}" if silent else "no passage names both sides",
            fix="Add a source that compares them; until then the article only sets statements about each side by side.",
        ),
    )
