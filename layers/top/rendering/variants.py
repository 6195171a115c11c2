"""The article for one platform: whole sentences only, within the limit as the platform counts it.

Nothing is worded anew: every part is made of sentences of the article, so its claims are a subset of the
article's. What does not fit is named in ``dropped_claims``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from layers.bottom.artifacts import KeywordPlan, Source
from layers.contract import Platform
from layers.middle.artifacts import PlatformPlan, PlatformRule
from layers.text.table_rows import cells_of
from layers.top.artifacts import Article, Section, Sentence, Variant, VariantPart
from layers.top.rendering.references import Citations, safe_url
from layers.top.rendering.weighted_length import weighted_length
from layers.top.writer.antecedents import stands_alone
from layers.top.writer.differences import DIFFERENCES
from layers.top.writer.figures import salient_figure

_PER_SECTION = 2


@dataclass(slots=True)
class _Draft:
    """A part in the making: paragraphs of sentences, closed by what they need (sources) and what fits (hashtags)."""

    paragraphs: dict[str, list[Sentence]] = field(default_factory=dict)
    closing: tuple[str, ...] = ()

    def sentences(self) -> list[Sentence]:
        """What it says, in reading order."""
        return [sentence for paragraph in self.paragraphs.values() for sentence in paragraph]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Platform:
    """One platform's rule with what rendering needs."""

    rule: PlatformRule
    citations: Citations
    measure: Callable[[str], int]

    def text(self, draft: _Draft) -> str:
        """The draft as the platform shows it."""
        paragraphs = [
            " ".join(map(self._cited, paragraph)) for paragraph in draft.paragraphs.values() if paragraph
        ]
        return "\n\n".join([*paragraphs, *self._sources(draft.sentences()), *draft.closing])

    def fits(self, draft: _Draft) -> bool:
        """Whether the draft is within the limit, as the platform counts."""
        return self.measure(self.text(draft)) <= self.rule.limit

    def add(self, draft: _Draft, paragraph: str, sentence: Sentence) -> bool:
        """Add a sentence to a paragraph if the draft stays within the limit, and say whether it did."""
        there = draft.paragraphs.setdefault(paragraph, [])
        there.append(sentence)
        if self.fits(draft):
            return True
        there.pop()
        return False

    def close(self, draft: _Draft, line: str | None) -> None:
        """Add a closing line if it fits."""
        if line:
            before = draft.closing
            draft.closing = (*before, line)
            if not self.fits(draft):
                draft.closing = before

    def _cited(self, sentence: Sentence) -> str:
        marks = "".join(f"[{number}]" for number in self._numbers([sentence]))
        return f"{sentence.text} {marks}" if marks and self.rule.keep_citations else sentence.text

    def _numbers(self, sentences: Sequence[Sentence]) -> list[int]:
        return sorted({number for sentence in sentences for number, _ in self.citations.of(sentence)})

    def _sources(self, sentences: Sequence[Sentence]) -> list[str]:
        numbers = self._numbers(sentences) if self.rule.keep_citations else []
        lines = [_source_line(number, self.citations.entry(number).source) for number in numbers]
        return ["\n".join(["Sources:", *lines])] if lines else []


def make_variants(
    article: Article, citations: Citations, plan: PlatformPlan, keywords: KeywordPlan | None
) -> tuple[Variant, ...]:
    """One variant per rule of the plan; none where there is no article."""
    if not article.answer:
        return ()
    return tuple(_variant(article, citations, rule, _hashtags(keywords, rule)) for rule in plan.platforms)


def _variant(article: Article, citations: Citations, rule: PlatformRule, tags: str) -> Variant:
    platform = _Platform(rule=rule, citations=citations, measure=_measure(rule))
    drafts = _thread(article, platform, tags) if rule.max_parts > 1 else [_block(article, platform, tags)]
    parts = tuple(
        VariantPart(
            text=(text := platform.text(draft)),
            used=platform.measure(text),
            claims=tuple(sentence.id for sentence in draft.sentences()),
        )
        for draft in drafts
        if draft.sentences()
    )
    used = {claim for part in parts for claim in part.claims}
    grounded = [sentence.id for sentence in article.all_sentences() if sentence.kind != "editorial"]
    return Variant(
        platform=rule.platform.value,
        unit=rule.unit,
        limit=rule.limit,
        parts=parts,
        dropped_claims=tuple(name for name in grounded if name not in used),
    )


def _measure(rule: PlatformRule) -> Callable[[str], int]:
    if rule.unit == "words":
        return lambda text: len(text.split())
    if rule.unit == "weighted_characters":
        return lambda text: weighted_length(text, link_cost=rule.link_cost or 23)
    return lambda text: len(text.encode("utf-16-le")) // 2


def _thread(article: Article, platform: _Platform, tags: str) -> list[_Draft]:
    """Posts that each stand alone: the opening with the hashtags, then one striking sentence per section."""
    drafts: list[_Draft] = []
    for sentence in _striking(article):
        draft = _Draft()
        if len(drafts) < platform.rule.max_parts and platform.add(draft, "post", sentence):
            if not drafts:
                platform.close(draft, tags)
            drafts.append(draft)
    return drafts


def _striking(article: Article) -> list[Sentence]:
    """Sentences that need no neighbour: the answer's opening, then one per section, figures preferred."""
    answer = [sentence for sentence in article.answer if sentence.kind != "editorial"]
    return answer[:1] + [
        found for section in article.sections for found in _alone(section, figures_first=True)[:1]
    ]


def _alone(section: Section, *, figures_first: bool) -> list[Sentence]:
    """The sentences that need no neighbour; what stands in a pair that differs is no claim to post by itself."""
    found = [
        sentence
        for sentence in (section.sentences if section.id != DIFFERENCES else ())
        if sentence.kind != "editorial" and stands_alone(sentence.text) and cells_of(sentence.text) is None
    ]
    return (
        sorted(found, key=lambda sentence: salient_figure(sentence.text) is None) if figures_first else found
    )


def _block(article: Article, platform: _Platform, tags: str) -> _Draft:
    """One text: the answer, then one sentence of every section, then a second one as far as the limit goes."""
    draft = _Draft()
    for sentence in article.answer:
        if sentence.kind != "editorial" and not platform.add(draft, "answer", sentence):
            break  # what follows may lean on it
    figures_first = platform.rule.platform is Platform.PERPLEXITY
    picked = [(section.id, _alone(section, figures_first=figures_first)) for section in article.sections]
    for place in range(_PER_SECTION):
        for name, sentences in picked:
            if place < len(sentences):
                platform.add(draft, name, sentences[place])
    if platform.rule.unit == "characters":
        platform.close(draft, article.call_to_action)
    platform.close(draft, tags)
    return draft


def _source_line(number: int, source: Source) -> str:
    return f"[{number}] {source.title}, {safe_url(source.url, source.doi) or source.locator}"


def _hashtags(keywords: KeywordPlan | None, rule: PlatformRule) -> str:
    phrases = [keyword.phrase for keyword in keywords.keywords] if keywords else []
    tags = ("#" + "".join(part.capitalize() for part in re.findall(r"\w+", phrase)) for phrase in phrases)
    return " ".join(list(dict.fromkeys(tag for tag in tags if 3 < len(tag) <= 28))[: rule.max_hashtags])
