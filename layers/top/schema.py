"""schemaMarkupGenerator: JSON-LD for the article, its FAQ and its place, made from what is known and validated.

No author, rating, image or address is ever invented. Markup helps machines to read a page; it is no promise of
a rich result, and FAQPage gives none any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from layers.bottom.artifacts import Reference, Source, SourceSet
from layers.contract import ContentBrief, ContentType, ContentWarning, GivenAuthor, StepContext
from layers.top.artifacts import Article, SchemaMarkup, Sentence
from layers.top.markup.schema_validation import validate
from layers.top.rendering.references import Citations, CitedSource, reference_title, safe_url

Node = dict[str, Any]

_TYPES: Final[Mapping[ContentType, str]] = {
    ContentType.BLOG_POST: "BlogPosting",
    ContentType.TECHNICAL_GUIDE: "TechArticle",
    ContentType.CASE_STUDY: "Article",
    ContentType.PRODUCT_REVIEW: "Article",
    ContentType.INDUSTRY_ANALYSIS: "Report",
    ContentType.SOCIAL_MEDIA: "Article",
    ContentType.WHITEPAPER: "Report",
    ContentType.EMAIL_CAMPAIGN: "Article",
}
_RATING: Final = re.compile(
    r"\b(?:rating|score|verdict)\s*:?\s*(\d(?:\.\d)?)\s*(?:/|out of)\s*(5|10)\b", re.IGNORECASE
)
_ORGANISATION: Final = re.compile(
    r"\b(?:agency|association|authority|bureau|cent(?:er|re)|college|commission|committee|company|corporation|council|department|"
    r"foundation|group|inc|institut\w*|laborator\w*|library|ltd|ministry|office|organi[sz]ation|press|service|society|team|university)\b",
    re.IGNORECASE,
)
_LONGEST_HEADLINE: Final = 110


async def generate_schema(context: StepContext) -> SchemaMarkup:
    """The documents with what validation found. Nothing is made for an article without sentences."""
    article, sources = context.need(Article), context.need(SourceSet)
    if not article.answer and not article.sections:
        return SchemaMarkup(json_ld=())
    citations = Citations(article, sources)
    documents = [_article(article, citations, context.brief), _breadcrumb(article, context.brief)]
    if article.faq:
        documents.insert(1, _faq_page(article, context.brief))
    return SchemaMarkup(
        json_ld=tuple(documents),
        findings=tuple(finding for document in documents for finding in validate(document)),
        warnings=_warnings(article),
    )


def _article(article: Article, citations: Citations, brief: ContentBrief) -> Node:
    rating = _own_rating(article) if brief.content_type is ContentType.PRODUCT_REVIEW else None
    node: Node = {
        "@context": "https://schema.org",
        "@type": "Review" if rating else _TYPES[brief.content_type],
        "headline": _headline(article.title),
        "description": article.meta_description,
        "abstract": _plain(article.answer),
        "inLanguage": brief.language,
        "datePublished": brief.today.isoformat(),
        "dateModified": brief.today.isoformat(),
        "wordCount": article.word_count,
        "about": {"@type": "Thing", "name": brief.topic},
        "audience": {
            "@type": "Audience",
            "audienceType": "business" if brief.audience == "b2b" else "consumers",
        },
        "author": _author(brief.author) if brief.author else None,
        "keywords": list(brief.tags) or None,
        "citation": [work for entry in citations.entries for work in _works(entry)] or None,
    }
    if rating:
        node |= {
            "name": article.title,
            "itemReviewed": {"@type": "Thing", "name": brief.topic},
            "reviewRating": rating,
        }
    else:
        node["articleSection"] = [section.heading for section in article.sections] or None
    return {name: value for name, value in node.items() if value not in (None, "")}


def _headline(title: str) -> str:
    if len(title) <= _LONGEST_HEADLINE:
        return title
    return title[:_LONGEST_HEADLINE].rsplit(" ", 1)[0]


def _plain(sentences: Sequence[Sentence]) -> str:
    return " ".join(sentence.text for sentence in sentences)


def _own_rating(article: Article) -> Node | None:
    """The rating that the author of given content states; a source's rating is not the article's."""
    if article.writer != "given":
        return None
    found = next(
        (hit for sentence in article.all_sentences() if (hit := _RATING.search(sentence.text))), None
    )
    if found is None or float(found[1]) > float(found[2]):
        return None
    return {"@type": "Rating", "ratingValue": float(found[1]), "bestRating": int(found[2]), "worstRating": 0}


def _author(author: GivenAuthor) -> Node:
    url = safe_url(author.url)
    node = {"@type": "Person", "name": author.name, "url": url, "description": author.credentials}
    return {name: value for name, value in node.items() if value}


def _works(entry: CitedSource) -> list[Node]:
    return [_source(entry.source), *(_reference(work.reference) for work in entry.works)]


def _source(source: Source) -> Node:
    node = {
        "@type": "CreativeWork",
        "name": source.title,
        "url": safe_url(source.url, source.doi),
        "datePublished": source.published.isoformat() if source.published else None,
        "author": _source_author(source.author) if source.author else None,
    }
    return {name: value for name, value in node.items() if value}


def _source_author(name: str) -> Node:
    return {"@type": "Organization" if _ORGANISATION.search(name) else "Person", "name": name}


def _reference(reference: Reference) -> Node:
    node = {
        "@type": "CreativeWork",
        "name": reference_title(reference),
        "url": safe_url(reference.url, reference.doi),
        "datePublished": f"{reference.year:04d}" if reference.year else None,
    }
    return {name: value for name, value in node.items() if value}


def _faq_page(article: Article, brief: ContentBrief) -> Node:
    return {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "inLanguage": brief.language,
        "mainEntity": [
            {
                "@type": "Question",
                "name": entry.question,
                "acceptedAnswer": {"@type": "Answer", "text": _plain(entry.answer)},
            }
            for entry in article.faq
        ],
    }


def _breadcrumb(article: Article, brief: ContentBrief) -> Node:
    names = (brief.content_type.value.replace("_", " ").capitalize(), article.title)
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name}
            for place, name in enumerate(names, start=1)
        ],
    }


def _warnings(article: Article) -> tuple[ContentWarning, ...]:
    notes = [
        ContentWarning(
            severity="info",
            code="breadcrumb_without_address",
            where="jsonLd BreadcrumbList",
            fix="Add the addresses of your pages (item) where you publish the article.",
        )
    ]
    if article.faq:
        notes.append(
            ContentWarning(
                severity="info",
                code="faq_gives_no_rich_result",
                where="jsonLd FAQPage",
                fix="Keep it for machines that read it, or leave it out: search engines show no FAQ results for it.",
            )
        )
    return tuple(notes)
