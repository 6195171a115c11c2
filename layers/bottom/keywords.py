"""Keywords, topic clusters and answerable questions from the topic, the request and the gathered sources."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from layers.bottom.artifacts import Keyword, KeywordPlan, PassageIndex, SourceSet, TopicCluster
from layers.bottom.asking.corpus import Corpus
from layers.bottom.asking.noun_phrases import can_stand
from layers.bottom.asking.questions import plan_questions
from layers.bottom.asking.topics import subject
from layers.bottom.passage_search import PassageSearch
from layers.contract import ContentBrief, ContentWarning, StepContext
from layers.text.phrases import key_phrases
from layers.text.similarity import jaccard
from layers.text.words import stems

_MOST_SECONDARY = 24
_MOST_TAGS = 8
_MOST_CLUSTERS = 8
_PER_SOURCE = 40
_EVIDENCE = 5
_SAME = 0.6
_TOPICAL = 1.5
_RELATED = 0.3


async def analyze_keywords(context: StepContext) -> KeywordPlan:
    """Plan what the article should cover, from the evidence there is. Pure computing, off the event loop."""
    sources, index = context.need(SourceSet), context.need(PassageIndex)
    return await asyncio.to_thread(plan_keywords, context.brief, sources, index)


def plan_keywords(brief: ContentBrief, sources: SourceSet, index: PassageIndex) -> KeywordPlan:
    """The plan: the topic's subject first, then the caller's keywords, then what the sources are about."""
    search = PassageSearch(sources, index)
    corpus = Corpus(search)
    ranked = _ranked_phrases(brief, sources, corpus)
    primary = _primary(brief.topic, ranked, corpus)
    asked = [phrase for phrase in brief.search_keywords if phrase.strip()]
    secondary = _distinct([*asked, *(phrase for phrase, _ in ranked)], (primary,))[
        : _MOST_SECONDARY + len(asked)
    ]
    scores = dict(ranked) | dict.fromkeys(asked, 1.0)
    keywords = [
        Keyword(phrase=primary, score=1.0, role="primary", passages=corpus.best_passages(primary, _EVIDENCE)),
        *(
            Keyword(
                phrase=phrase,
                score=scores[phrase],
                role="secondary",
                passages=corpus.evidence(phrase)[:_EVIDENCE],
            )
            for phrase in secondary
        ),
    ]
    keywords += _tags(ranked, corpus, keywords)
    return KeywordPlan(
        keywords=tuple(keywords),
        clusters=_clusters(keywords),
        questions=plan_questions(brief.topic, [k.phrase for k in keywords if k.role != "tag"], corpus),
        warnings=_unanswered(keywords, asked),
    )


@dataclass(slots=True)
class _Phrase:
    """One phrase over all sources: its written forms, its summed score, and which sources have it."""

    forms: Counter[str] = field(default_factory=Counter)
    score: float = 0.0
    sources: set[str] = field(default_factory=set)


def _ranked_phrases(brief: ContentBrief, sources: SourceSet, corpus: Corpus) -> list[tuple[str, float]]:
    """(phrase, score 0..1), best first: prominent in its sources, in several of them, close to the topic."""
    found: dict[tuple[str, ...], _Phrase] = {}
    for source in sources.sources:
        headings = "".join(f"{heading}.\n\n" for _, heading in source.headings)
        for phrase in key_phrases(f"{source.title}.\n\n{headings}{source.text}", _PER_SOURCE):
            entry = found.setdefault(phrase.stems, _Phrase())
            entry.forms[phrase.phrase] += phrase.count
            entry.score += phrase.score * (1 + phrase.count / 20)
            entry.sources.add(source.id)
    topic = set(stems(" ".join([brief.topic, *brief.key_points])))
    scored = []
    for parts, entry in found.items():
        written = min(entry.forms, key=lambda form: (-entry.forms[form], form))
        closeness = _TOPICAL if topic & set(parts) else 1.0
        spread = 1 + len(entry.sources) / max(1, len(sources.sources))
        if entry.forms.total() > 1 and can_stand(written) and corpus.evidence(written):
            scored.append((written, entry.score * closeness * spread))
    best = max((score for _, score in scored), default=1.0)
    return sorted(
        ((phrase, round(score / best, 4)) for phrase, score in scored), key=lambda item: (-item[1], item[0])
    )


def _primary(topic: str, ranked: Sequence[tuple[str, float]], corpus: Corpus) -> str:
    """The subject of the topic; where the topic is a question, the phrase that shares its rarest words."""
    found = subject(topic)
    if found:
        return corpus.as_written(found)
    asked = set(stems(topic))
    shared = [
        (math.fsum(corpus.search.idf(part) for part in sorted(asked & set(stems(phrase)))), phrase)
        for phrase, _ in ranked
        if set(stems(phrase)) <= asked
    ]
    best = max(shared, key=lambda item: item[0], default=(0.0, ""))
    return best[1] or topic.strip("?.! ")


def _distinct(phrases: Sequence[str], taken: tuple[str, ...]) -> list[str]:
    """The phrases without those that nearly repeat an earlier one."""
    kept: list[str] = []
    seen = [set(stems(phrase)) for phrase in taken]
    for phrase in phrases:
        own = set(stems(phrase))
        if own and all(jaccard(own, other) <= _SAME for other in seen):
            kept.append(phrase)
            seen.append(own)
    return kept


def _tags(ranked: Sequence[tuple[str, float]], corpus: Corpus, keywords: Sequence[Keyword]) -> list[Keyword]:
    """Single nouns: the heads of the phrases, by how many passages have them."""
    covered = {stem for keyword in keywords if " " not in keyword.phrase for stem in stems(keyword.phrase)}
    heads: dict[str, str] = {}
    for phrase, _ in ranked:
        head = phrase.split()[-1]
        if can_stand(head) and not covered & set(stems(head)):
            heads.setdefault(" ".join(stems(head)), head)
    spread = {head: len(corpus.evidence(head)) for head in heads.values()}
    chosen = sorted(spread, key=lambda head: (-spread[head], head))[:_MOST_TAGS]
    most = spread[chosen[0]] if chosen else 1
    return [
        Keyword(
            phrase=head,
            score=round(spread[head] / most, 4),
            role="tag",
            passages=corpus.evidence(head)[:_EVIDENCE],
        )
        for head in chosen
    ]


def _clusters(keywords: Sequence[Keyword]) -> tuple[TopicCluster, ...]:
    """Groups of phrases that share a word beside the topic's, or that the same passages speak of."""
    common = set(stems(keywords[0].phrase))
    groups: list[list[Keyword]] = []
    for keyword in keywords[1:]:
        if keyword.role == "tag":
            continue
        group = next(
            (group for group in groups if any(_related(keyword, other, common) for other in group)), None
        )
        if group is None:
            groups.append([keyword])
        else:
            group.append(keyword)
    largest = sorted((group for group in groups if len(group) > 1), key=lambda group: -len(group))[
        :_MOST_CLUSTERS
    ]
    return tuple(
        TopicCluster(name=group[0].phrase, phrases=tuple(keyword.phrase for keyword in group))
        for group in largest
    )


def _related(left: Keyword, right: Keyword, common: set[str]) -> bool:
    shared = (set(stems(left.phrase)) & set(stems(right.phrase))) - common
    return bool(shared) or jaccard(left.passages, right.passages) >= _RELATED


def _unanswered(keywords: Sequence[Keyword], asked: Sequence[str]) -> tuple[ContentWarning, ...]:
    return tuple(
        ContentWarning(
            severity="warning", code="keyword_without_evidence", where=keyword.phrase,
            fix="No source speaks of this keyword: add a source that does, or drop it.",
        )
        for keyword in keywords
        if keyword.phrase in asked and not keyword.passages
    )  # fmt: skip
