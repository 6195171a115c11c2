"""The closing call to action: by purpose, else by content type and topic; it never claims anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from layers.contract import Audience, ContentBrief, ContentType, Tone
from layers.middle.outline.topic import Topic

Goal = Literal["convert", "subscribe", "discuss"]
Register = Literal["plain", "warm", "technical"]

_GOALS: tuple[tuple[Goal, re.Pattern[str]], ...] = (
    ("convert", re.compile(r"\b(?:sell|sale|convert|conversion|lead|demo|trial|buy|purchas|customer|revenue)", re.IGNORECASE)),
    ("subscribe", re.compile(r"\b(?:subscri|newsletter|sign|regist|audience|traffic|nurtur)", re.IGNORECASE)),
    ("discuss", re.compile(r"\b(?:discuss|engag|communit|comment|debate|feedback|thought leader)", re.IGNORECASE)),
)  # fmt: skip
_REGISTERS: Mapping[Tone | None, Register] = MappingProxyType(
    {
        Tone.CONVERSATIONAL: "warm",
        Tone.FRIENDLY: "warm",
        Tone.TECHNICAL: "technical",
    }
)

_B2B: Mapping[tuple[Goal, Register], str] = MappingProxyType({
    ("convert", "plain"): "Contact us to discuss what this means for your organisation.",
    ("convert", "warm"): "Tell us about your situation, and let us talk about what would help your team.",
    ("convert", "technical"): "Send us your requirements to arrange a technical review.",
    ("subscribe", "plain"): "Subscribe to receive our next analysis.",
    ("subscribe", "warm"): "Want to hear when there is more for your team? Subscribe.",
    ("subscribe", "technical"): "Subscribe to receive further technical notes.",
    ("discuss", "plain"): "We invite you to share the experience of your organisation.",
    ("discuss", "warm"): "How does your team handle this? Tell us.",
    ("discuss", "technical"): "Share your own measurements and tell us where they differ.",
})  # fmt: skip
_B2C: Mapping[tuple[Goal, Register], str] = MappingProxyType({
    ("convert", "plain"): "Get in touch to find out what would suit you.",
    ("convert", "warm"): "Not sure what suits you? Ask us.",
    ("convert", "technical"): "Send us your details to find the configuration that fits.",
    ("subscribe", "plain"): "Subscribe to receive the next article.",
    ("subscribe", "warm"): "Like to read more? Subscribe and the next one comes to you.",
    ("subscribe", "technical"): "Subscribe to receive further figures and tests.",
    ("discuss", "plain"): "Share your own experience in the comments.",
    ("discuss", "warm"): "What is your experience? Tell us in the comments.",
    ("discuss", "technical"): "Post your own measurements in the comments.",
})  # fmt: skip


_UNNAMED = re.compile(r" (?:on|about|of) \{it\}")
# By content type, for organisations and for consumers; {it} is the topic, or what stands for it.
_BY_TYPE: Mapping[ContentType, tuple[str, str]] = MappingProxyType({
    ContentType.BLOG_POST: (
        "Share this with the colleagues who decide on {it}, and agree on one point to act on this week.",
        "Pick the one point on {it} that matters most to you, and check its source before you act on it.",
    ),
    ContentType.TECHNICAL_GUIDE: (
        "Try the first point on {it} in a test environment, and record the result before you go on.",
        "Start with the first point on {it}, and go on only when it works.",
    ),
    ContentType.CASE_STUDY: (
        "Compare these conditions with your own before you plan a pilot of {it}.",
        "Compare this situation with yours before you decide on {it}.",
    ),
    ContentType.PRODUCT_REVIEW: (
        "Hold these points on {it} against your own requirements before you ask for an offer.",
        "Hold these points on {it} against what you need before you buy.",
    ),
    ContentType.INDUSTRY_ANALYSIS: (
        "Check which of these figures on {it} apply to your market, and set a date to review them.",
        "Keep these figures on {it} at hand, and look again when new ones come out.",
    ),
    ContentType.SOCIAL_MEDIA: ("How does your team handle {it}? Tell us.", "How do you handle {it}? Tell us."),
    ContentType.WHITEPAPER: (
        "Take these findings on {it} into your next planning round, together with their sources.",
        "Keep these findings on {it} with their sources for the day you have to decide.",
    ),
    ContentType.EMAIL_CAMPAIGN: (
        "Reply with the one question that your team still has about {it}.",
        "Reply with the one question that you still have about {it}.",
    ),
})  # fmt: skip


def closing(brief: ContentBrief, topic: Topic) -> str:
    """What the purpose asks of the reader; without one, what to do next with this type of content on this topic."""
    asked = call_to_action(brief.purpose, brief.audience, brief.tone)
    if asked:
        return asked
    text = _BY_TYPE[brief.content_type][brief.audience is Audience.B2C]
    if topic.nameable and not topic.sides:
        return text.format(it=f"{topic.short}{topic.place}")
    return _UNNAMED.sub("", text).format(it="this")


def call_to_action(purpose: str | None, audience: Audience, tone: Tone | None) -> str | None:
    """One or two editorial sentences for a purpose that asks something of the reader, else None."""
    goal = next((name for name, pattern in _GOALS if purpose and pattern.search(purpose)), None)
    if goal is None:
        return None
    return (_B2B if audience is Audience.B2B else _B2C)[goal, _REGISTERS.get(tone, "plain")]
