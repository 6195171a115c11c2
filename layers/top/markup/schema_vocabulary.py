"""The part of schema.org (release 30.0) that our markup uses: types with parents, properties with domain and range.

Written by hand for these types; https://schema.org/docs/full.html and the page of each property are the source.
``REQUIRED`` is stricter than schema.org, which requires nothing: without these a document says nothing useful.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PARENTS: Final[Mapping[str, str | None]] = {
    "Thing": None,
    "CreativeWork": "Thing",
    "Article": "CreativeWork",
    "SocialMediaPosting": "Article",
    "BlogPosting": "SocialMediaPosting",
    "TechArticle": "Article",
    "Report": "Article",
    "Review": "CreativeWork",
    "WebPage": "CreativeWork",
    "FAQPage": "WebPage",
    "Comment": "CreativeWork",
    "Question": "Comment",
    "Answer": "Comment",
    "Intangible": "Thing",
    "ItemList": "Intangible",
    "BreadcrumbList": "ItemList",
    "ListItem": "Intangible",
    "Rating": "Intangible",
    "Audience": "Intangible",
    "Organization": "Thing",
    "Person": "Thing",
}

DATA_TYPES: Final = frozenset(("Text", "URL", "Date", "Integer", "Number"))

PROPERTIES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "name": (("Thing",), ("Text",)),
    "description": (("Thing",), ("Text",)),
    "url": (("Thing",), ("URL",)),
    "identifier": (("Thing",), ("Text", "URL")),
    "sameAs": (("Thing",), ("URL",)),
    "abstract": (("CreativeWork",), ("Text",)),
    "about": (("CreativeWork",), ("Thing",)),
    "audience": (("CreativeWork",), ("Audience",)),
    "author": (("CreativeWork", "Rating"), ("Organization", "Person")),
    "citation": (("CreativeWork",), ("CreativeWork", "Text")),
    "dateModified": (("CreativeWork",), ("Date",)),
    "datePublished": (("CreativeWork",), ("Date",)),
    "headline": (("CreativeWork",), ("Text",)),
    "inLanguage": (("CreativeWork",), ("Text",)),
    "keywords": (("CreativeWork", "Organization"), ("Text", "URL")),
    "mainEntity": (("CreativeWork",), ("Thing",)),
    "publisher": (("CreativeWork",), ("Organization", "Person")),
    "text": (("CreativeWork",), ("Text",)),
    "position": (("CreativeWork", "ListItem"), ("Integer", "Text")),
    "articleSection": (("Article",), ("Text",)),
    "wordCount": (("Article", "CreativeWork"), ("Integer",)),
    "proficiencyLevel": (("TechArticle",), ("Text",)),
    "itemReviewed": (("Review",), ("Thing",)),
    "reviewRating": (("Review",), ("Rating",)),
    "reviewBody": (("Review",), ("Text",)),
    "ratingValue": (("Rating",), ("Number", "Text")),
    "bestRating": (("Rating",), ("Number", "Text")),
    "worstRating": (("Rating",), ("Number", "Text")),
    "acceptedAnswer": (("Question",), ("Answer",)),
    "itemListElement": (("ItemList",), ("ListItem",)),
    "item": (("ListItem",), ("Thing", "URL")),
    "audienceType": (("Audience",), ("Text",)),
    "jobTitle": (("Person",), ("Text",)),
}

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "Article": ("headline", "description", "datePublished", "dateModified", "inLanguage"),
    "Review": ("itemReviewed", "reviewRating", "name"),
    "FAQPage": ("mainEntity",),
    "Question": ("name", "acceptedAnswer"),
    "Answer": ("text",),
    "BreadcrumbList": ("itemListElement",),
    "ListItem": ("position", "name"),
    "Rating": ("ratingValue", "bestRating"),
    "Organization": ("name",),
    "Person": ("name",),
    "CreativeWork": (),
    "Audience": ("audienceType",),
}


def is_a(kind: str, ancestor: str) -> bool:
    """Whether a type is, or descends from, another. A type outside the table descends from nothing."""
    current: str | None = kind
    while current is not None and current in PARENTS:
        if current == ancestor:
            return True
        current = PARENTS[current]
    return False


def required(kind: str) -> tuple[str, ...]:
    """The properties that a document of this type must have, those of its ancestors included."""
    return tuple(
        dict.fromkeys(name for ancestor, names in REQUIRED.items() if is_a(kind, ancestor) for name in names)
    )
