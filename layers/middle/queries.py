"""conversationalQueryOptimizer: how people would ask about the topic, aloud and in a conversation.

Every form is answerable: it names the passages that would answer it. Forms of one kind are never near-duplicates.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from layers.bottom.artifacts import Intent, KeywordPlan, PassageIndex, Question, SourceSet
from layers.contract import ContentBrief, StepContext
from layers.middle.artifacts import QueryForm, QueryKind, QueryPlan
from layers.middle.outline.answers import choose_answer
from layers.middle.outline.desk import lay_out
from layers.middle.outline.facets import FACETS, ask
from layers.middle.outline.faq import source_questions, speaking
from layers.middle.outline.grammar import is_plural
from layers.middle.outline.templates import THEMES
from layers.middle.outline.wording import question_of
from layers.text.similarity import jaccard
from layers.text.words import stems

_PASSAGES = 3
_PER_KIND = 8
_ALIKE = 0.6
_LONGEST = 12  # words of a question
_LONGEST_KEYWORD = 3  # words
_STILTED = re.compile(r"with |what role |how do(?:es)? .+ (?:affect|relate)", re.IGNORECASE)
_WHAT_VERB = re.compile(r"(?:what|where|how|why)\s+(is|are|do|does|was|were)\b", re.IGNORECASE)
_SPOKEN: Mapping[str, str] = MappingProxyType({
    "benefits": "the benefits of {short}", "risks": "the risks of {short}", "cost": "the cost of {short}",
    "rules": "the rules for {short}", "outlook": "the future of {short}", "history": "the history of {short}",
    "environment": "the environmental impact of {short}", "uses": "the uses of {short}", "evidence": "the research on {short}",
    "mistakes": "common mistakes with {short}", "tools": "the equipment for {short}", "start": "the first steps with {short}",
})  # fmt: skip


async def optimize_queries(context: StepContext) -> QueryPlan:
    """Conversational, voice and follow-up forms, and the questions that sources themselves ask."""
    return await asyncio.to_thread(
        plan_queries,
        context.brief,
        context.need(Intent),
        context.need(SourceSet),
        context.need(PassageIndex),
        context.need(KeywordPlan),
    )


def plan_queries(
    brief: ContentBrief, intent: Intent, sources: SourceSet, index: PassageIndex, keywords: KeywordPlan
) -> QueryPlan:
    """The pure part of :func:`optimize_queries`."""
    desk = lay_out(brief, intent, sources, index)
    found: list[QueryForm] = []
    answer = choose_answer(desk.topic, desk.intent.form, desk.material)
    _add(found, "conversational", desk.topic.question, answer)
    for slot in desk.plan.slots:
        if slot.facet in {THEMES, "definition"}:
            continue
        facet = FACETS[slot.facet]
        passages = speaking(facet, desk.topic, desk.headed)
        _add(found, "conversational", question_of(facet, desk.topic), passages)
        bare = ask(facet.bare, desk.topic)
        if bare.endswith("?"):
            _add(found, "follow_up", f"And {bare[:1].lower()}{bare[1:]}", passages)
        if facet.name in _SPOKEN and desk.topic.nameable and desk.topic.shape != "comparison":
            thing = _SPOKEN[facet.name].format(short=desk.topic.short)
            _add(found, "voice", f"What should I know about {thing}?", passages)
    for question, passages in source_questions(desk.headed).items():
        _add(found, "faq", question, passages)
    usable = {row.id for row in desk.material.rows}
    for asked in keywords.questions:
        if is_well_formed(asked):
            _add(found, "faq", asked.text, [row for row in asked.passages if row in usable])
    return QueryPlan(queries=tuple(found))


def is_well_formed(question: Question) -> bool:
    """Whether a question built around a keyword can be printed: short, and agreeing in number."""
    text = question.text.strip()
    if (
        not text.endswith("?")
        or _STILTED.match(text)
        or len(text.split()) > _LONGEST
        or len(question.keyword.split()) > _LONGEST_KEYWORD
    ):
        return False
    verb = _WHAT_VERB.match(text)
    return verb is None or (verb[1].lower() in {"are", "do", "were"}) == is_plural(question.keyword)


def _add(found: list[QueryForm], kind: QueryKind, text: str, passages: Sequence[str]) -> None:
    """Add a form unless nothing answers it, its kind is full, or it repeats another question.

    Voice and follow-up forms are other words for a conversational one, so they are not held against it.
    """
    said = (
        [form for form in found if form.kind in {"conversational", "faq"}]
        if kind in {"conversational", "faq"}
        else []
    )
    full = sum(1 for form in found if form.kind == kind) >= _PER_KIND
    wanted = stems(text)
    if passages and not full and not any(jaccard(wanted, stems(form.text)) > _ALIKE for form in said):
        found.append(QueryForm(text=text, kind=kind, passages=tuple(passages[:_PASSAGES])))
