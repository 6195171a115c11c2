"""The article's title: the topic in the form of the content type, promising nothing that the sections do not hold."""

from __future__ import annotations

import re
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
_NAMED = 3
_LONGEST = 90  # characters; search results cut longer titles


_ASKS = re.compile(
    r"^(?:what|which|who|whose|is|are|do|does|did|can|could|should|will|would|was|were|has|have)\b"
    r"|^(?:how|why|when|where) (?:is|are|do|does|did|can|could|should|will|would|was|were|has|have|much|many|long|often|far|big|good|safe|old)\b",
    re.IGNORECASE,
)


def make_title(topic: Topic, content_type: ContentType, facets: Sequence[str]) -> str:
    """The title. A blog post names up to three facets that it really treats; a topic with a tail keeps its own."""
    title = plain_title(topic)
    if ":" in topic.title:
        return title
    tail = _TAILS.get(content_type) or _blog_tail(topic, named_facets(topic, content_type, facets))
    if not tail or len(title) + len(tail) + 2 > _LONGEST:
        return title
    return f"{title} {tail[0].upper()}{tail[1:]}" if title.endswith("?") else f"{title}: {tail}"


def plain_title(topic: Topic) -> str:
    """The topic as a title that names none of its sides; a question ends as one."""
    asks = topic.shape == "question" or topic.title.lower().startswith("what ")
    return f"{topic.title}?" if asks and _ASKS.match(topic.title) and ":" not in topic.title else topic.title


def named_facets(topic: Topic, content_type: ContentType, facets: Sequence[str]) -> tuple[str, ...]:
    """The facets that the title of a blog post names; none where its tail is another."""
    if content_type in _TAILS or topic.shape != "subject" or topic.focus:
        return ()
    return tuple(facet for facet in facets if facet in _NAMES)[:_NAMED]


def _blog_tail(topic: Topic, named: Sequence[str]) -> str:
    if topic.shape == "comparison":
        return "how they compare"
    return join_names([_NAMES[facet] for facet in named]) if len(named) == _NAMED else ""
