"""eeatSignalGenerator: signals of experience, expertise, authoritativeness and trust, each found or with its cure.

A signal is read from the request, the sources and the reports; what is missing is asked for, never made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layers.bottom.artifacts import FreshnessReport, SourceSet
from layers.contract import StepContext
from layers.top import eeat_probes as probes
from layers.top.artifacts import Article, CitationReport, EeatReport, EeatSignal, FactReport, Pillar
from layers.top.eeat_probes import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One signal: how it is found, and what to do where it is not."""

    signal: str
    pillar: Pillar
    probe: Callable[[Known], str | None]
    fix: str


def _check(pillar: Pillar, probe: Callable[[Known], str | None], fix: str) -> _Check:
    return _Check(signal=probe.__name__, pillar=pillar, probe=probe, fix=fix)


_CHECKS = (
    _check(
        "experience", probes.own_material, "Give material of your own (notes, data, a report) in sources."
    ),
    _check("experience", probes.examples, "Add sources that describe real cases."),
    _check(
        "experience",
        probes.quoted_voices,
        "Add a source that quotes people with experience, such as an interview.",
    ),
    _check(
        "experience",
        probes.practical_advice,
        "Add a key point on what the reader should do, and a source for it.",
    ),
    _check("expertise", probes.named_author, "Give author.name."),
    _check("expertise", probes.author_credentials, "Give author.credentials."),
    _check("expertise", probes.author_page, "Give author.url, a page about the author."),
    _check("expertise", probes.statistics, "Add sources with figures."),
    _check("expertise", probes.depth, "Add sources that treat more sides of the topic."),
    _check(
        "expertise",
        probes.scholarly_basis,
        "Add research papers, or sources that list their references with a DOI.",
    ),
    _check(
        "authoritativeness", probes.source_diversity, "Add sources of other publishers until three are cited."
    ),
    _check("authoritativeness", probes.official_sources, "Add a source of a public body or a university."),
    _check("authoritativeness", probes.traceable_references, "Add sources that number their references."),
    _check(
        "authoritativeness",
        probes.corroboration,
        "Run the fact check with a second source on the main claims.",
    ),
    _check(
        "authoritativeness",
        probes.credible_sources,
        "Run the citation check, and replace sources with a low score.",
    ),
    _check("trust", probes.every_claim_cited, "Cite evidence for every claim, or remove the claim."),
    _check(
        "trust",
        probes.verified_citations,
        "Run the citation check, and correct the claims that it does not support.",
    ),
    _check("trust", probes.checked_figures, "Correct the figures that are not in the cited quote."),
    _check("trust", probes.dated_sources, "Give the date of publication of every source."),
    _check("trust", probes.fresh_sources, "Run the freshness check, and replace the stale sources."),
    _check("trust", probes.limits_named, "Add a key point on risks or limits, and a source for it."),
    _check("trust", probes.authorship_disclosed, "Say in the article who wrote it and how."),
    _check("trust", probes.secure_sources, "Give sources with https:// addresses."),
)


async def generate_eeat(context: StepContext) -> EeatReport:
    """The signals of the article. Reports that the workflow did not make leave their signals absent."""
    return report_signals(
        Known(
            brief=context.brief,
            article=context.need(Article),
            sources=context.need(SourceSet),
            citations=context.have(CitationReport),
            freshness=context.have(FreshnessReport),
            facts=context.have(FactReport),
        )
    )


def report_signals(known: Known) -> EeatReport:
    """Every signal with where it was found, or its cure; the score is the share that is present."""
    signals = tuple(_signal(check, known) for check in _CHECKS)
    return EeatReport(signals=signals, score=round(sum(s.present for s in signals) / len(signals), 3))


def _signal(check: _Check, known: Known) -> EeatSignal:
    evidence = check.probe(known)
    return EeatSignal(
        signal=check.signal,
        pillar=check.pillar,
        present=evidence is not None,
        evidence=evidence,
        fix=None if evidence is not None else check.fix,
    )
