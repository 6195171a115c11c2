"""The article's title: the topic in the form of the content type, promising nothing that the sections do not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from layers.contract import ContentType
from layers.middle.outline.grammar import join_names
from layers.middle.outline.topic import Topic

_TAILS: Mapping[ContentType, str] = MappingProxyType(
    {
        ContentType.TECHNICAL_GUIDE: "a technical guide",
        ContentType.CASE_STUDY: "a case study",
        ContentType.PRODUCT_REVIEW: "a review of the evidence",
        ContentType.INDUSTRY_ANALYSIS: "an industry analysis",
        ContentType.WHITEPAPER: "a white paper",
        ContentType.SOCIAL_MEDIA: "the short version",
        ContentType.EMAIL_CAMPAIGN: "what to know first",
    }
)
_NAMES: Mapping[str, str] = MappingProxyType({
    "uses": "uses", "benefits": "benefits", "risks": "risks", "cost": "costs", "rules": "rules", "outlook": "outlook",
    "evidence": "evidence", "environment": "environmental impact", "performance": "performance", "lifespan": "lifespan",
})  # fmt: skip
_LONGEST = 90  # characters; search results cut longer titles


def make_title(topic: Topic, content_type: ContentType, facets: Sequence[str]) -> str:
    """The title. A blog post names up to three facets that it really treats; a topic with a tail keeps its own."""
    if ":" in topic.title:
        return topic.title
    title = (
        f"{topic.title}?"
        if topic.shape == "question" or topic.title.lower().startswith("what ")
        else topic.title
    )
    tail = _TAILS.get(content_type) or _blog_tail(topic, facets)
    if not tail or len(title) + len(tail) + 2 > _LONGEST:
        return title
    return f"{title} {tail[0].upper()}{tail[1:]}" if title.endswith("?") else f"{title}: {tail}"


def _blog_tail(topic: Topic, facets: Sequence[str]) -> str:
    if topic.shape == "comparison":
        return "how they compare"
    if topic.shape != "subject" or topic.focus:
        return ""
    named = [_NAMES[facet] for facet in facets if facet in _NAMES]
    return join_names(named[:3]) if len(named) > 2 else ""
