"""The article for one platform: whole sentences only, within the limit as the platform counts it.

Nothing is worded anew: every part is made of sentences of the article, so its claims are a subset of the
article's. What does not fit is named in ``dropped_claims``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from layers.bottom.artifacts import KeywordPlan
from layers.middle.artifacts import PlatformPlan, PlatformRule
from layers.top.artifacts import Article, Sentence, Variant, VariantPart
from layers.top.figures import salient_figure
from layers.top.references import Citations, safe_url
from layers.top.weighted_length import weighted_length

_SOURCES_HEADING = "Sources:"
_PER_SECTION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A piece of a variant: text, and the sentence it is, or None for headings, hashtags and sources."""

    text: str
    sentence: Sentence | None = None
    joins: str = " "


@dataclass(slots=True)
class _Draft:
    """A part in the making; a line goes in only where the part stays within the limit."""

    limit: int
    measure: Callable[[str], int]
    reserved: int = 0
    text: str = ""
    claims: list[str] = field(default_factory=list)

    def add(self, line: _Line) -> bool:
        """Add the line if it fits, and say whether it did."""
        longer = f"{self.text}{line.joins}{line.text}" if self.text else line.text
        if self.measure(longer) + self.reserved > self.limit:
            return False
        self.text = longer
        if line.sentence is not None and line.sentence.kind != "editorial":
            self.claims.append(line.sentence.id)
        return True


def make_variants(
    article: Article, citations: Citations, plan: PlatformPlan, keywords: KeywordPlan | None
) -> tuple[Variant, ...]:
    """One variant per rule of the plan; none where there is no article."""
    if not article.answer:
        return ()
    return tuple(_variant(article, citations, rule, _hashtags(keywords, rule)) for rule in plan.platforms)


def _variant(article: Article, citations: Citations, rule: PlatformRule, tags: Sequence[str]) -> Variant:
    measure = _measure(rule)
    drafts = (
        _thread(article, rule, tags, measure)
        if rule.max_parts > 1
        else [_block(article, citations, rule, tags, measure)]
    )
    used = {claim for draft in drafts for claim in draft.claims}
    grounded = [sentence.id for sentence in article.all_sentences() if sentence.kind != "editorial"]
    return Variant(
        platform=rule.platform.value,
        unit=rule.unit,
        limit=rule.limit,
        parts=tuple(
            VariantPart(text=draft.text, used=measure(draft.text), claims=tuple(draft.claims))
            for draft in drafts
            if draft.text
        ),
        dropped_claims=tuple(name for name in grounded if name not in used),
    )


def _measure(rule: PlatformRule) -> Callable[[str], int]:
    if rule.unit == "words":
        return lambda text: len(text.split())
    if rule.unit == "weighted_characters":
        return lambda text: weighted_length(text, link_cost=rule.link_cost or 23)
    return lambda text: len(text.encode("utf-16-le")) // 2


def _thread(
    article: Article, rule: PlatformRule, tags: Sequence[str], measure: Callable[[str], int]
) -> list[_Draft]:
    """Posts that each stand alone: the opening, then one striking sentence per section, hashtags on the first."""
    tail = " ".join(tags)
    drafts: list[_Draft] = []
    for sentence in _striking(article):
        if len(drafts) == rule.max_parts:
            break
        draft = _Draft(rule.limit, measure)
        if draft.add(_Line(text=sentence.text, sentence=sentence)):
            if not drafts and tail:
                draft.add(_Line(text=tail, joins="\n\n"))
            drafts.append(draft)
    return drafts


def _striking(article: Article) -> list[Sentence]:
    """Sentences that need no neighbour: the answer's opening, then per section the best, figures preferred."""
    found = [sentence for sentence in article.answer if sentence.kind != "editorial"][:1]
    for section in article.sections:
        alone = [
            sentence
            for place, sentence in enumerate(section.sentences)
            if _stands_alone(section.sentences, place)
        ]
        alone.sort(key=lambda sentence: salient_figure(sentence.text) is None)
        found += alone[:1]
    return found + [sentence for sentence in article.answer[1:] if sentence.kind != "editorial"]


def _stands_alone(sentences: Sequence[Sentence], place: int) -> bool:
    from layers.top.suitability import needs_antecedent

    sentence = sentences[place]
    return sentence.kind != "editorial" and not needs_antecedent(sentence.text)


def _block(
    article: Article,
    citations: Citations,
    rule: PlatformRule,
    tags: Sequence[str],
    measure: Callable[[str], int],
) -> _Draft:
    """One text: the answer, then the sections as far as they fit, then sources and hashtags."""
    closing = [*_source_lines(citations, rule), *([_Line(text=" ".join(tags), joins="\n\n")] if tags else [])]
    room = measure("".join(f"{line.joins}{line.text}" for line in closing))
    draft = _Draft(rule.limit, measure, reserved=min(room, rule.limit // 3))
    for sentence in article.answer:
        draft.add(_cited(sentence, citations, rule, " "))
    for section in article.sections:
        picked = [s for place, s in enumerate(section.sentences) if _stands_alone(section.sentences, place)][
            :_PER_SECTION
        ]
        for place, sentence in enumerate(picked):
            if not draft.add(_cited(sentence, citations, rule, "\n\n" if place == 0 else " ")):
                break
    draft.reserved = 0
    for line in closing:
        draft.add(line)
    return draft


def _cited(sentence: Sentence, citations: Citations, rule: PlatformRule, joins: str) -> _Line:
    marks = "".join(f"[{number}]" for number in dict.fromkeys(number for number, _ in citations.of(sentence)))
    text = f"{sentence.text} {marks}" if marks and rule.keep_citations else sentence.text
    return _Line(text=text, sentence=sentence, joins=joins)


def _source_lines(citations: Citations, rule: PlatformRule) -> list[_Line]:
    if not rule.keep_citations:
        return []
    lines = [_Line(text=_SOURCES_HEADING, joins="\n\n")]
    for entry in citations.entries:
        address = safe_url(entry.source.url, entry.source.doi) or entry.source.locator
        lines.append(_Line(text=f"[{entry.number}] {entry.source.title}, {address}", joins="\n"))
    return lines


def _hashtags(keywords: KeywordPlan | None, rule: PlatformRule) -> list[str]:
    phrases = [keyword.phrase for keyword in keywords.keywords] if keywords else []
    tags = ("#" + "".join(part.capitalize() for part in re.findall(r"\w+", phrase)) for phrase in phrases)
    return list(dict.fromkeys(tag for tag in tags if 3 < len(tag) <= 25))[: rule.max_hashtags]
