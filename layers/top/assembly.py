"""contentAssembler: the package, from whatever the workflow has made. Same inputs, same bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from layers.bottom.artifacts import Intent, KeywordPlan, Reference, Source, SourceSet
from layers.contract import Artifact, ContentWarning, JobType, StepContext
from layers.middle.artifacts import Outline, PlatformPlan, QueryPlan
from layers.top.artifacts import (
    Article,
    CitationReport,
    ContentPackage,
    EeatReport,
    Evidence,
    FactReport,
    PackageArticle,
    PackageEngine,
    PackageIntent,
    PackageSource,
    ResearchBrief,
    SchemaMarkup,
)
from layers.top.keyword_coverage import package_keywords, package_questions
from layers.top.quality import QualityInput, rate
from layers.top.rendering.references import Citations
from layers.top.rendering.render_html import render_html
from layers.top.rendering.render_markdown import render_markdown
from layers.top.rendering.variants import make_variants
from layers.top.verification.grounding import check_evidence, check_grounding

Status = Literal["complete", "partial", "insufficient_evidence"]

_SEVERITIES = ("error", "warning", "info")
_STUB = 0.4


async def assemble_package(context: StepContext) -> ContentPackage:
    """The result of the job. Raises StepError ``ungrounded_sentence`` if a written sentence has no evidence."""
    context.report(0.2, "assembling the package")
    return await asyncio.to_thread(_package, context)


def _package(context: StepContext) -> ContentPackage:
    article = context.have(Article)
    written = (
        article if article is not None and article.writer != "given" and article.all_sentences() else None
    )
    sources = context.need(SourceSet)
    if written is not None:
        check_grounding(written, sources)
    evidence = _evidence(article, context.have(ResearchBrief), context.have(FactReport))
    check_evidence(evidence, sources)
    package = ContentPackage(
        made_by=article.made_by if article else "rules",
        content_hash="",
        **_origin(context, article),
        **_groundwork(context, sources, article, evidence),
        **_checks(context),
        **(_written(context, written, sources) if written else {}),
        status=_status(context, written, evidence),
        notices=_notices(context),
    )
    return package.model_copy(update={"content_hash": content_hash(package)})


def content_hash(package: ContentPackage) -> str:
    """SHA-256 of the package's canonical JSON without the hash itself and without the accessed dates."""
    value = package.model_dump(mode="json", by_alias=True, exclude={"content_hash"})
    for source in value["sources"]:
        source.pop("accessed")
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _origin(context: StepContext, article: Article | None) -> dict[str, Any]:
    brief = context.brief
    engine = PackageEngine(
        writer=article.writer if article else "embedded",
        model=article.model if article else None,
        fallback_reason=article.fallback_reason if article else None,
    )
    return {
        "engine": engine,
        "topic": brief.topic,
        "audience": brief.audience.value,
        "content_type": brief.content_type.value,
        "language": brief.language,
    }


def _groundwork(
    context: StepContext, sources: SourceSet, article: Article | None, evidence: tuple[Evidence, ...]
) -> dict[str, Any]:
    intent, research = context.have(Intent), context.have(ResearchBrief)
    report = context.have(CitationReport)
    numbers = Citations(article, sources) if article is not None else None
    return {
        "intent": _intent(intent) if intent else None,
        "sources": tuple(_source(source, evidence, numbers, report) for source in sources.sources),
        "tried": sources.tried,
        "evidence": evidence,
        "findings": research.findings if research else (),
        "disagreements": research.disagreements if research else (),
    }


def _intent(intent: Intent) -> PackageIntent:
    return PackageIntent(
        primary=intent.primary,
        sub=intent.sub,
        confidence=intent.confidence,
        runner_up=intent.runner_up,
        rules=intent.rules,
    )


def _source(
    source: Source, evidence: Iterable[Evidence], numbers: Citations | None, report: CitationReport | None
) -> PackageSource:
    cited = {number for item in evidence if item.source == source.id for number in item.references}
    behind: tuple[Reference, ...] = tuple(item for item in source.references if item.number in cited)
    judged = {item.source: item for item in report.credibility} if report else {}
    return PackageSource(
        id=source.id,
        number=numbers.number_of(source.id) if numbers else None,
        origin=source.origin,
        title=source.title,
        url=source.url,
        locator=source.locator,
        author=source.author,
        published=source.published,
        doi=source.doi,
        registrable_domain=source.registrable_domain,
        sha256=source.sha256,
        references=behind,
        credibility=judged.get(source.id),
    )


def _evidence(
    article: Article | None, research: ResearchBrief | None, facts: FactReport | None
) -> tuple[Evidence, ...]:
    """Evidence of the article, the research brief and the fact report; ids come from spans, so equal ids are equal."""
    merged = {item.id: item for item in (article.evidence if article else ())}
    for report in (research, facts):
        for item in report.evidence if report else ():
            merged.setdefault(item.id, item)
    return tuple(merged.values())


def _checks(context: StepContext) -> dict[str, Any]:
    citations, facts, eeat = context.have(CitationReport), context.have(FactReport), context.have(EeatReport)
    markup = context.have(SchemaMarkup)
    return {
        "claims": citations.claims if citations else (),
        "facts": facts.facts if facts else (),
        "eeat": eeat.signals if eeat else (),
        "json_ld": markup.json_ld if markup else (),
        "json_ld_findings": markup.findings if markup else (),
    }


def _written(context: StepContext, article: Article, sources: SourceSet) -> dict[str, Any]:
    citations = Citations(article, sources)
    keywords, plan = context.have(KeywordPlan), context.have(PlatformPlan)
    markup = context.have(SchemaMarkup)
    rated = QualityInput(
        article=article,
        sources=sources,
        brief=context.brief,
        outline=context.have(Outline),
        keywords=keywords,
        citations=context.have(CitationReport),
        markup=markup,
    )
    return {
        "article": PackageArticle(
            title=article.title,
            meta_description=article.meta_description,
            slug=article.slug,
            answer=article.answer,
            introduction=article.introduction,
            sections=article.sections,
            faq=article.faq,
            word_count=article.word_count,
            markdown=render_markdown(article, citations),
            html=render_html(article, citations, context.brief, markup.json_ld if markup else ()),
        ),
        "keywords": package_keywords(article, keywords) if keywords else (),
        "questions": package_questions(article, keywords, context.have(QueryPlan)) if keywords else (),
        "variants": make_variants(article, citations, plan, keywords) if plan else (),
        "quality": rate(rated),
    }


def _status(context: StepContext, written: Article | None, evidence: tuple[Evidence, ...]) -> Status:
    """Complete when the job has what was asked for; partial when the evidence carried only a stub of it."""
    if context.brief.job_type is JobType.CONTENT_GENERATION:
        return _status_of(written, context.have(Outline)) if written else "insufficient_evidence"
    if evidence:
        return "complete"
    checked = context.have(CitationReport) is not None
    return "partial" if checked and context.need(SourceSet).sources else "insufficient_evidence"


def _status_of(written: Article, outline: Outline | None) -> Status:
    wanted = outline.min_words * _STUB if outline else 0
    return "complete" if written.sections and written.answer and written.word_count >= wanted else "partial"


def _notices(context: StepContext) -> tuple[ContentWarning, ...]:
    """The warnings of all artifacts, worst first, each once, in an order that does not depend on the mapping's."""
    artifacts = sorted(context.artifacts.items(), key=lambda item: item[0].__name__)
    found = dict.fromkeys(warning for _, artifact in artifacts for warning in _warnings(artifact))
    return tuple(sorted(found, key=lambda warning: _SEVERITIES.index(warning.severity)))


def _warnings(artifact: Artifact) -> tuple[ContentWarning, ...]:
    return artifact.warnings
