"""Where key phrases and questions appear in an article, and whether one is used too often."""

from __future__ import annotations

from collections.abc import Sequence

from layers.bottom.artifacts import KeywordPlan
from layers.middle.artifacts import QueryPlan
from layers.text.similarity import jaccard
from layers.text.words import stems
from layers.top.artifacts import Article, PackageKeyword, PackageQuestion

_STUFFED_FROM = 3.5
_ANSWERS = 0.5


def package_keywords(article: Article, plan: KeywordPlan) -> tuple[PackageKeyword, ...]:
    """Every key phrase with its count and density (occurrences per 100 words)."""
    text = _stems_of(article)
    title = stems(article.title)
    return tuple(
        PackageKeyword(
            phrase=keyword.phrase,
            score=keyword.score,
            role=keyword.role,
            in_title=_count(stems(keyword.phrase), title) > 0,
            count=(count := _count(stems(keyword.phrase), text)),
            density=round(100 * count / article.word_count, 2) if article.word_count else 0.0,
        )
        for keyword in plan.keywords
    )


def covered(article: Article, plan: KeywordPlan) -> int:
    """How many key phrases occur."""
    return sum(keyword.count > 0 for keyword in package_keywords(article, plan))


def stuffed(article: Article, plan: KeywordPlan) -> list[str]:
    """Phrases of two words or more that occur so often that readers and search engines take offence."""
    return [
        keyword.phrase
        for keyword in package_keywords(article, plan)
        if keyword.density > _STUFFED_FROM and len(keyword.phrase.split()) > 1
    ]


def package_questions(
    article: Article, plan: KeywordPlan, queries: QueryPlan | None
) -> tuple[PackageQuestion, ...]:
    """Every question with the part that answers it: by its wording, else the one with most of its evidence."""
    offered: list[tuple[str, str, tuple[str, ...]]] = [
        (question.text, question.kind, question.passages) for question in plan.questions
    ]
    offered += [(form.text, form.kind, form.passages) for form in queries.queries] if queries else []
    parts = _parts(article)
    return tuple(_question(text, kind, passages, parts, article) for text, kind, passages in offered)


def _question(
    text: str,
    kind: str,
    passages: Sequence[str],
    parts: Sequence[tuple[str, str, tuple[str, ...]]],
    article: Article,
) -> PackageQuestion:
    bag = stems(text)
    passage_of = {item.id: item.passage for item in article.evidence}
    best: tuple[float, str, tuple[str, ...]] | None = None
    for name, heading, evidence in parts:
        own = tuple(item for item in evidence if passage_of[item] in passages)
        alike = jaccard(bag, stems(heading))
        worth = (2.0 if alike > _ANSWERS else 0.0) + len(own) / (1 + len(own))
        if worth and (best is None or worth > best[0]):
            best = (worth, name, own)
    if best is None:
        return PackageQuestion(question=text, kind=kind, answered_by=None)
    return PackageQuestion(question=text, kind=kind, answered_by=best[1], evidence=best[2])


def _parts(article: Article) -> list[tuple[str, str, tuple[str, ...]]]:
    faq = [(f"faq-{place}", entry.question, entry.answer) for place, entry in enumerate(article.faq, start=1)]
    body = [(section.id, section.heading, section.sentences) for section in article.sections]
    named = [*faq, ("answer", article.title, article.answer), *body]
    return [
        (name, heading, tuple(item for sentence in sentences for item in sentence.evidence))
        for name, heading, sentences in named
    ]


def _stems_of(article: Article) -> list[str]:
    headings = [section.heading for section in article.sections]
    return stems(
        " . ".join([article.title, *headings, *(sentence.text for sentence in article.all_sentences())])
    )


def _count(phrase: Sequence[str], text: Sequence[str]) -> int:
    size = len(phrase)
    if not size:
        return 0
    return sum(list(text[place : place + size]) == list(phrase) for place in range(len(text) - size + 1))
