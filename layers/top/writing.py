"""llmContentOptimizer: writes the article from outline and evidence.

The embedded writer composes it from verbatim evidence; a language model, where there is one, words it anew under
verification (:mod:`layers.top.llm.writer`). With fewer than two usable sources there is no article.
"""

from __future__ import annotations

import asyncio

from layers.bottom.artifacts import KeywordPlan, PassageIndex, SourceSet
from layers.contract import ContentWarning, StepContext
from layers.middle.artifacts import Outline, QueryPlan
from layers.top.artifacts import Article, ResearchBrief
from layers.top.writer.composing import EmbeddedWriter, Material
from layers.top.writer.headings import slug


async def optimize_content(context: StepContext) -> Article:
    """The article with every sentence grounded or marked editorial; an empty one where sources do not suffice."""
    sources = context.need(SourceSet)
    outline = context.need(Outline)
    if not sources.sufficient:
        return _no_article(outline, len(sources.sources))
    material = Material(
        brief=context.brief,
        sources=sources,
        index=context.need(PassageIndex),
        outline=outline,
        keywords=context.need(KeywordPlan),
        queries=context.have(QueryPlan),
        research=context.have(ResearchBrief),
    )
    context.report(0.1, "choosing evidence")
    article = await asyncio.to_thread(lambda: EmbeddedWriter(material).write())
    if context.tools.llm is not None and article.all_sentences():
        from layers.top.llm.writer import write_with_model

        article = await write_with_model(article, context.tools.llm, context)
    context.report(1.0, f"{article.word_count} words from {len(article.evidence)} quoted passages")
    return article


def _no_article(outline: Outline, found: int) -> Article:
    return Article(
        title=outline.title,
        meta_description="",
        slug=slug(outline.title),
        answer=(),
        sections=(),
        evidence=(),
        word_count=0,
        warnings=(
            ContentWarning(
                severity="error",
                code="insufficient_evidence",
                where=f"sources: {found} usable, at least 2 needed",
                fix="Give sources on this topic, add documents to the library, or allow a web provider.",
            ),
        ),
    )
