"""citationAuthorityVerifier: per claim whether its evidence exists, is the right one, and supports it.

Three separate verdicts and a guard over figures and names. A claim that contains its evidence word for word is
supported by that fact; every other one is judged by the lexical score, and by a language model where there is one.
``contradicted`` is never concluded from words, because shared words cannot show it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from layers.bottom.artifacts import PassageIndex, Source, SourceSet
from layers.contract import ContentBrief, StepContext
from layers.top.artifacts import (
    Article,
    CitationReport,
    ClaimVerdict,
    Evidence,
    RightSource,
    Sentence,
    SourceCredibility,
    Support,
)
from layers.top.llm.judge import Judgement, judge
from layers.top.llm.meter import Meter, part_of_budget
from layers.top.llm.verdicts import Case, Verdict
from layers.top.verification.credibility import credibility
from layers.top.verification.evidence_finder import EvidenceFinder

_BETTER_BY = 0.15
_CORROBORATES_FROM = 0.45


async def verify_citations(context: StepContext) -> CitationReport:
    """Verdicts for every sentence that is not editorial, and the credibility of every source."""
    article, sources = context.need(Article), context.need(SourceSet)
    index = context.need(PassageIndex)
    context.report(0.1, "checking citations")
    finder = await asyncio.to_thread(EvidenceFinder, sources, index)
    report = await asyncio.to_thread(_report, article, sources, finder, context.brief)
    cases = _cases(report, article)
    if context.tools.llm is None or not cases:
        return report
    context.report(0.5, "asking the model about citations")
    # What the article left of the job's budget is shared with the fact checker, which runs beside this step.
    budget = part_of_budget(context.brief.budget_tokens, article.tokens_in + article.tokens_out, 2)
    meter = Meter(budget=budget, seconds_left=context.seconds_left)
    return _judged(report, await judge(cases, context.tools.llm, meter, finder.score))


def _report(
    article: Article, sources: SourceSet, finder: EvidenceFinder, brief: ContentBrief
) -> CitationReport:
    evidence = {item.id: item for item in article.evidence}
    texts = {source.id: source.text for source in sources.sources}
    sentences = [sentence for sentence in article.all_sentences() if sentence.kind != "editorial"]
    verdicts = tuple(
        _verdict(sentence, [evidence[name] for name in sentence.evidence if name in evidence], texts, finder)
        for sentence in sentences
    )
    cited = [verdict for verdict in verdicts if verdict.evidence]
    return CitationReport(
        claims=verdicts,
        credibility=tuple(
            _credibility(source, article, sources, finder, brief) for source in sources.sources
        ),
        coverage=round(len(cited) / len(verdicts), 4) if verdicts else 0.0,
        precision=_precision(verdicts),
    )


def _precision(verdicts: Sequence[ClaimVerdict]) -> float:
    """Which share of the claims with evidence is supported by it."""
    cited = [verdict for verdict in verdicts if verdict.evidence]
    supported = sum(verdict.support.status == "supported" for verdict in cited)
    return round(supported / len(cited), 4) if cited else 0.0


def _cases(report: CitationReport, article: Article) -> list[Case]:
    """What words alone cannot settle: claims whose evidence exists and does not stand in them word for word."""
    rows = {row.id: row for row in article.evidence}
    return [
        Case(id=claim.id, text=claim.text, evidence=tuple(rows[name] for name in claim.evidence))
        for claim in report.claims
        if claim.evidence and claim.exists == "ok" and claim.support.method != "verbatim"
    ]


def _judged(report: CitationReport, judgement: Judgement) -> CitationReport:
    """The report with the model's verdicts in the place of those of the rules."""
    claims = tuple(_settled(claim, judgement.verdicts.get(claim.id)) for claim in report.claims)
    return report.model_copy(
        update={
            "made_by": "llm" if judgement.verdicts else "rules",
            "claims": claims,
            "precision": _precision(claims),
            "warnings": (*report.warnings, *judgement.warnings("verify_citations")),
            "model": judgement.model,
            "tokens_in": judgement.meter.tokens_in,
            "tokens_out": judgement.meter.tokens_out,
            "cost": judgement.meter.cost,
        }
    )


def _settled(claim: ClaimVerdict, verdict: Verdict | None) -> ClaimVerdict:
    if verdict is None:
        return claim
    support = Support(status=verdict.status, score=claim.support.score, method="llm")
    return claim.model_copy(update={"support": support})


def _verdict(
    sentence: Sentence, evidence: Sequence[Evidence], texts: Mapping[str, str], finder: EvidenceFinder
) -> ClaimVerdict:
    if not evidence:
        return ClaimVerdict(
            id=sentence.id,
            text=sentence.text,
            evidence=(),
            exists="not_checked",
            right_source=RightSource(score=0.0),
            support=Support(status="unsupported", score=0.0, method="lexical"),
            numbers_ok=False,
        )
    quoted = " ".join(item.quote for item in evidence)
    score = finder.score(sentence.text, quoted)
    sliced = all(_is_slice(item, texts) for item in evidence)
    verbatim = sliced and any(item.quote in sentence.text for item in evidence)
    missing = score.missing_figures + score.missing_names
    support = (
        Support(status="supported", score=1.0, method="verbatim")
        if verbatim and not score.missing_figures
        else Support(status=score.band if sliced else "unsupported", score=score.score, method="lexical")
    )
    return ClaimVerdict(
        id=sentence.id,
        text=sentence.text,
        evidence=tuple(item.id for item in evidence),
        exists="ok" if sliced else "broken",
        right_source=_right_source(sentence.text, score.fit, evidence, finder),
        support=support,
        numbers_ok=not score.missing_figures,
        missing_tokens=missing,
    )


def _is_slice(item: Evidence, texts: Mapping[str, str]) -> bool:
    return texts.get(item.source, "")[item.start : item.end] == item.quote != ""


def _right_source(
    claim: str, fit: float, evidence: Sequence[Evidence], finder: EvidenceFinder
) -> RightSource:
    """Whether another source is clearly more about the claim than the cited passage."""
    own = tuple(item.source for item in evidence)
    fit = max([fit, *(finder.fit(claim, item.passage) for item in evidence)])
    other = finder.best_elsewhere(claim, own)
    better = other[0] if other is not None and other[1].fit > fit + _BETTER_BY else None
    return RightSource(score=fit, better=better)


def _credibility(
    source: Source, article: Article, sources: SourceSet, finder: EvidenceFinder, brief: ContentBrief
) -> SourceCredibility:
    quoted = [item.quote for item in article.evidence if item.source == source.id]
    backers = {
        found[0]
        for quote in quoted
        if (found := finder.best_elsewhere(quote, (source.id,))) is not None
        and found[1].score >= _CORROBORATES_FROM
    }
    independent = [
        other.id for other in sources.sources if other.id in backers and _independent(source, other)
    ]
    return credibility(
        source,
        audience=brief.audience,
        today=brief.today,
        corroborated_by=tuple(independent),
    )


def _independent(one: Source, other: Source) -> bool:
    """Two sources of one domain are one voice; documents without a domain count by themselves."""
    return one.registrable_domain is None or one.registrable_domain != other.registrable_domain
