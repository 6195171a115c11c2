"""The quality score: a weighted mean of named parts, each with what it measures and why it has its value.

The weights are a judgement and stand here in the open. Readability is shown as advice and weighs little, because
formulas explain about a third of what readers find hard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from layers.bottom.artifacts import KeywordPlan, SourceSet
from layers.contract import Audience, ContentBrief, Tone
from layers.middle.artifacts import Outline
from layers.text.readability import Readability, readability
from layers.text.similarity import cosine
from layers.text.words import stems
from layers.top.artifacts import Article, CitationReport, Quality, QualityPart, SchemaMarkup, Sentence
from layers.top.keyword_coverage import covered, stuffed
from layers.top.rendering.layout import blocks
from layers.top.writer.differences import DIFFERENCES
from layers.top.writer.figures import salient_figure

_DUPLICATE = 0.8
_ANSWER_WORDS = (40, 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityInput:
    """What the score looks at; reports that a workflow does not make are None and their parts are left out."""

    article: Article
    sources: SourceSet
    brief: ContentBrief
    outline: Outline | None = None
    keywords: KeywordPlan | None = None
    citations: CitationReport | None = None
    markup: SchemaMarkup | None = None


def rate(given: QualityInput) -> Quality:
    """The score of an article that has sentences."""
    measured = readability(" ".join(sentence.text for sentence in given.article.all_sentences()))
    parts = [part for part in _parts(given, measured) if part is not None]
    total = sum(part.value * part.weight for part in parts) / sum(part.weight for part in parts)
    return Quality(
        overall=round(100 * total),
        parts=tuple(parts),
        readability={
            "flesch": measured.flesch,
            "grade": measured.grade,
            "wordsPerSentence": measured.words_per_sentence,
        },
    )


def _parts(given: QualityInput, measured: Readability) -> list[QualityPart | None]:
    article = given.article
    grounded = [sentence for sentence in article.all_sentences() if sentence.kind != "editorial"]
    return [
        _grounding(article.all_sentences(), grounded),
        _precision(grounded, given.citations),
        _diversity(article, given.sources),
        _credibility(article, given.citations),
        _answer_first(article),
        _cohesion(article),
        _length(article, given.outline),
        _keywords(article, given.keywords),
        _figures(grounded),
        _redundancy(_said_once(article, grounded)),
        _readable(measured, given.brief),
        _markup(given.markup),
    ]


def _part(name: str, value: float, weight: float, explanation: str) -> QualityPart:
    return QualityPart(
        name=name, value=round(min(1.0, max(0.0, value)), 3), weight=weight, explanation=explanation
    )


def _grounding(sentences: Sequence[Sentence], grounded: Sequence[Sentence]) -> QualityPart:
    share = sum(bool(sentence.evidence) for sentence in grounded) / max(1, len(grounded))
    editorial = len(sentences) - len(grounded)
    return _part(
        "grounding",
        share,
        3.0,
        f"{len(grounded)} sentences carry evidence, {editorial} are editorial and claim nothing",
    )


def _precision(grounded: Sequence[Sentence], report: CitationReport | None) -> QualityPart:
    if report is not None:
        return _part(
            "citation_precision",
            report.precision,
            2.0,
            "share of citations whose evidence supports the sentence",
        )
    verbatim = sum(sentence.kind == "quote" for sentence in grounded) / max(1, len(grounded))
    return _part(
        "verbatim",
        0.5 + verbatim / 2,
        2.0,
        f"{verbatim:.0%} of the sentences stand word for word in their source, the rest is light-cleaned",
    )


def _diversity(article: Article, sources: SourceSet) -> QualityPart:
    counts = [sum(item.source == source.id for item in article.evidence) for source in sources.sources]
    used, largest = sum(count > 0 for count in counts), max(counts, default=0)
    share = largest / max(1, sum(counts))
    value = min(1.0, used / 3) * (1.0 if share <= 0.6 else 1.6 - share)
    return _part(
        "source_diversity",
        value,
        1.0,
        f"{used} of {len(counts)} sources are cited, the most used one gives {share:.0%} of the evidence",
    )


def _credibility(article: Article, report: CitationReport | None) -> QualityPart | None:
    if report is None or not article.evidence:
        return None
    scores = {judged.source: judged.score for judged in report.credibility}
    mean = sum(scores.get(item.source, 0.0) for item in article.evidence) / len(article.evidence)
    return _part(
        "source_credibility",
        mean,
        1.5,
        "mean credibility of the sources, each counted as often as it is quoted",
    )


def _cohesion(article: Article) -> QualityPart | None:
    """Whether neighbouring sentences speak of the same thing, by shared stems."""
    runs = [
        block
        for section in article.sections
        if section.form == "prose"
        for block in blocks(section.sentences)
    ]
    pairs = [pair for run in runs for pair in pairwise([sentence for sentence in run if sentence.evidence])]
    if not pairs:
        return None
    linked = sum(bool(set(stems(one.text)) & set(stems(other.text))) for one, other in pairs)
    share = linked / len(pairs)
    return _part(
        "cohesion", share, 1.0, f"{linked} of {len(pairs)} neighbouring sentences share a content word"
    )


def _answer_first(article: Article) -> QualityPart:
    words = sum(len(sentence.text.split()) for sentence in article.answer)
    low, high = _ANSWER_WORDS
    value = 1.0 if low <= words <= high else words / low if words < low else high / words
    return _part(
        "answer_first", value, 1.5, f"the answer stands first and has {words} words (40 to 80 are wanted)"
    )


def _length(article: Article, outline: Outline | None) -> QualityPart | None:
    if outline is None:
        return None
    value = article.word_count / outline.min_words if article.word_count < outline.min_words else 1.0
    value = outline.max_words / article.word_count if article.word_count > outline.max_words else value
    return _part(
        "length", value, 1.0, f"{article.word_count} words of {outline.min_words} to {outline.max_words}"
    )


def _keywords(article: Article, keywords: KeywordPlan | None) -> QualityPart | None:
    if keywords is None or not keywords.keywords:
        return None
    hits, total = covered(article, keywords), len(keywords.keywords)
    overused = stuffed(article, keywords)
    note = f"; used too often: {', '.join(overused)}" if overused else ""
    value = hits / total - 0.25 * len(overused)
    return _part("keyword_coverage", value, 1.0, f"{hits} of {total} key phrases occur{note}")


def _figures(grounded: Sequence[Sentence]) -> QualityPart:
    count = sum(salient_figure(sentence.text) is not None for sentence in grounded)
    return _part(
        "statistics", count / max(3, 0.12 * len(grounded)), 0.5, f"{count} sentences give a sourced figure"
    )


def _said_once(article: Article, grounded: Sequence[Sentence]) -> list[Sentence]:
    """Without the pairs that are shown together because they differ: those are said again on purpose."""
    paired = {
        sentence.id for part in article.sections if part.id == DIFFERENCES for sentence in part.sentences
    }
    return [sentence for sentence in grounded if sentence.id not in paired]


def _redundancy(grounded: Sequence[Sentence]) -> QualityPart:
    bags = [stems(sentence.text) for sentence in grounded]
    repeated = sum(
        any(cosine(bag, earlier) > _DUPLICATE for earlier in bags[:place]) for place, bag in enumerate(bags)
    )
    return _part(
        "no_repetition",
        1 - repeated / max(1, len(bags)),
        1.5,
        f"{repeated} sentences nearly repeat an earlier one",
    )


def _readable(measured: Readability, brief: ContentBrief) -> QualityPart:
    low, high = _target(brief)
    off = max(0.0, measured.grade - high, low - measured.grade)
    return _part(
        "readability",
        1 - off / 8,
        0.5,
        f"school grade {measured.grade:.1f}, {low} to {high} suit this audience and tone; advice, not a gate",
    )


def _target(brief: ContentBrief) -> tuple[int, int]:
    low, high = (7, 11) if brief.audience is Audience.B2C else (9, 14)
    expert = brief.tone in {Tone.TECHNICAL, Tone.FORMAL}
    return (low, high + 3) if expert else (low, high)


def _markup(markup: SchemaMarkup | None) -> QualityPart | None:
    if markup is None:
        return None
    return _part(
        "markup", 1.0 if not markup.findings else 0.0, 0.5, f"{len(markup.findings)} findings in the JSON-LD"
    )
