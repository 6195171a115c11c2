"""The editorial voice: what the writer says in its own words, by tone, audience and content type.

None of these lines says anything about the subject: they introduce, arrange and invite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from layers.contract import Audience, ContentBrief, ContentType, Tone
from layers.top.writer.selection import Taste

Cue = Literal["figures", "caution"]
Form = Literal["steps", "list", "table"]

_USUAL_TONE: Final[Mapping[ContentType, Tone]] = {
    ContentType.BLOG_POST: Tone.CONVERSATIONAL,
    ContentType.TECHNICAL_GUIDE: Tone.TECHNICAL,
    ContentType.CASE_STUDY: Tone.AUTHORITATIVE,
    ContentType.PRODUCT_REVIEW: Tone.CONVERSATIONAL,
    ContentType.INDUSTRY_ANALYSIS: Tone.AUTHORITATIVE,
    ContentType.SOCIAL_MEDIA: Tone.FRIENDLY,
    ContentType.WHITEPAPER: Tone.FORMAL,
    ContentType.EMAIL_CAMPAIGN: Tone.FRIENDLY,
}
_TASTES: Final[Mapping[Tone, Taste]] = {
    Tone.FORMAL: Taste(comfortable=32, figures=0.04, definitions=0.06),
    Tone.CONVERSATIONAL: Taste(comfortable=20, figures=0.02, brevity=0.012, plain=0.4),
    Tone.TECHNICAL: Taste(comfortable=32, figures=0.06, definitions=0.06),
    Tone.FRIENDLY: Taste(comfortable=18, figures=0.0, brevity=0.02, plain=0.8),
    Tone.AUTHORITATIVE: Taste(comfortable=26, figures=0.12),
}
_NOUNS: Final[Mapping[ContentType, str]] = {
    ContentType.BLOG_POST: "article",
    ContentType.TECHNICAL_GUIDE: "guide",
    ContentType.CASE_STUDY: "case study",
    ContentType.PRODUCT_REVIEW: "review",
    ContentType.INDUSTRY_ANALYSIS: "analysis",
    ContentType.SOCIAL_MEDIA: "post",
    ContentType.WHITEPAPER: "paper",
    ContentType.EMAIL_CAMPAIGN: "message",
}
_INTRODUCTIONS: Final[Mapping[Tone, Mapping[Audience, str]]] = {
    Tone.FORMAL: {
        Audience.B2B: "This {noun} is written for organisations that have to decide and to justify the decision; every statement carries its source.",
        Audience.B2C: "This {noun} is written for readers who wish to judge for themselves; every statement carries its source.",
    },
    Tone.CONVERSATIONAL: {
        Audience.B2B: "If this has landed on your team's desk, here is what the sources say, with a link behind every statement.",
        Audience.B2C: "Here is what the sources say, with a link behind every statement so you can check it yourself.",
    },
    Tone.TECHNICAL: {
        Audience.B2B: "This {noun} is for the teams that have to make it work; statements are taken from the sources listed at the end.",
        Audience.B2C: "This {noun} keeps to what the sources document; each statement is linked to the passage it comes from.",
    },
    Tone.FRIENDLY: {
        Audience.B2B: "Short of time? Start with the box above, then pick the part your team needs; every statement links to its source.",
        Audience.B2C: "Take it one part at a time: each one stands alone, and every statement links to its source.",
    },
    Tone.AUTHORITATIVE: {
        Audience.B2B: "What follows is the evidence a decision can rest on, each statement with its source.",
        Audience.B2C: "What follows is the evidence, each statement with its source.",
    },
}
_SALUTATIONS: Final[Mapping[Audience, str]] = {
    Audience.B2B: "A short read for you and your team; every statement carries its link.",
    Audience.B2C: "A short read for you; every statement carries its link.",
}
_FORM_LEADS: Final[Mapping[Form, Mapping[Tone, str]]] = {
    "steps": {
        Tone.FORMAL: "The measures are set out below in order.",
        Tone.CONVERSATIONAL: "Work through these one at a time.",
        Tone.TECHNICAL: "Proceed in this order.",
        Tone.FRIENDLY: "One step at a time:",
        Tone.AUTHORITATIVE: "Do the following, in this order.",
    },
    "list": {
        Tone.FORMAL: "The sources name the points below.",
        Tone.CONVERSATIONAL: "These are the points worth knowing.",
        Tone.TECHNICAL: "The documented points:",
        Tone.FRIENDLY: "Here are the main points:",
        Tone.AUTHORITATIVE: "These points stand out.",
    },
    "table": {
        Tone.FORMAL: "The table sets out the figures with their sources.",
        Tone.CONVERSATIONAL: "Here are the figures side by side.",
        Tone.TECHNICAL: "The documented figures, each with its source:",
        Tone.FRIENDLY: "All the figures in one place:",
        Tone.AUTHORITATIVE: "The figures, each with its source.",
    },
}
_MORE: Final[Mapping[Tone, str]] = {
    Tone.FORMAL: "Further findings",
    Tone.CONVERSATIONAL: "What else is worth knowing?",
    Tone.TECHNICAL: "Further notes",
    Tone.FRIENDLY: "What else is good to know?",
    Tone.AUTHORITATIVE: "Further findings",
}
_JOINS: Final[Mapping[Cue, Mapping[Tone, str]]] = {
    "figures": {
        Tone.FORMAL: "The figures are as follows.",
        Tone.CONVERSATIONAL: "Now to the figures.",
        Tone.TECHNICAL: "In figures:",
        Tone.FRIENDLY: "And the numbers?",
        Tone.AUTHORITATIVE: "Look at the figures.",
    },
    "caution": {
        Tone.FORMAL: "The limits deserve attention.",
        Tone.CONVERSATIONAL: "A word of caution.",
        Tone.TECHNICAL: "Note the limits.",
        Tone.FRIENDLY: "One thing to watch:",
        Tone.AUTHORITATIVE: "The limits matter as well.",
    },
}
_CAUTION: Final = re.compile(
    r"\b(?:risks?|limitations?|drawbacks?|downsides?|bias(?:es|ed)?|challenges?|concerns? (?:about|over)|dangers?)\b",
    re.IGNORECASE,
)
_IMPERATIVE: Final = re.compile(
    r"^(?:always |never |do not |don.t )?(?:add|agree|aim|allow|apply|appoint|ask|assign|audit|avoid|back|begin|block|book|build|buy|call|change|"
    r"check|choose|clean|close|collect|compare|configure|confirm|consider|contact|copy|create|cut|decide|define|delete|deploy|describe|"
    r"design|determine|develop|disable|document|eat|enable|encourage|encrypt|ensure|establish|evaluate|expect|explain|fill|find|fix|follow|"
    r"get|give|go|grow|hire|hold|identify|improve|include|inform|inspect|install|invite|keep|label|learn|let|limit|list|log|look|lower|make|"
    r"manage|measure|mix|monitor|move|notify|offer|open|order|pay|pick|place|plan|plant|prepare|prevent|provide|publish|put|"
    r"reduce|register|remove|repeat|replace|report|require|reset|restrict|review|revoke|rinse|run|schedule|search|seek|select|send|separate|set|"
    r"share|show|sign|spend|start|stay|stop|store|switch|take|talk|teach|tell|test|track|train|treat|try|turn|update|use|verify|wait|wash|"
    r"watch|water|wear|work|write|bake|beat|boil|breathe|carry|chop|connect|cook|cover|detach|dig|discard|disconnect|download|drain|enter|fold|grease|knead|"
    r"launch|peel|practi[cs]e|preheat|rebalance|restart|slice|sprinkle|stir|stretch|throw|tighten|unplug|upload|whisk|wrap)\b(?! (?:is|are|was|were|has|have|of|for)\b)"
    r"|^(?:never |do not )?(?:return|raise|heat|cool|shift|drink|leave|level|press|shape|feed|serve|rest|attach|mount|stand|sit)"
    r" (?:all|the|your|it|them|any|every|each|an?|plenty|enough|heavy|in|on|at)\b",
    re.IGNORECASE,
)
_CONDITION: Final = re.compile(r"^(?:if|when|once|before|after|unless)\b[^,;]{3,80},\s", re.IGNORECASE)
_RECOMMENDS: Final = re.compile(r"\b(?:should|must|recommends?|needs? to)\b", re.IGNORECASE)


def tone_of(brief: ContentBrief) -> Tone:
    """The tone asked for, else the usual one of the content type."""
    return brief.tone or _USUAL_TONE[brief.content_type]


def taste_of(brief: ContentBrief) -> Taste:
    """Which sentences suit the tone; consumers get shorter and plainer ones."""
    taste = _TASTES[tone_of(brief)]
    if brief.audience is Audience.B2B:
        return taste
    return replace(
        taste, comfortable=taste.comfortable - 4, brevity=taste.brevity + 0.012, plain=taste.plain + 0.5
    )


def introduction(brief: ContentBrief) -> str | None:
    """One sentence on what the piece is and for whom; a post has none, an e-mail its own."""
    if brief.content_type is ContentType.SOCIAL_MEDIA:
        return None
    if brief.content_type is ContentType.EMAIL_CAMPAIGN:
        return _SALUTATIONS[brief.audience]
    return _INTRODUCTIONS[tone_of(brief)][brief.audience].format(noun=_NOUNS[brief.content_type])


def more_heading(brief: ContentBrief) -> str:
    """The heading over what belongs to no other section."""
    return _MORE[tone_of(brief)]


def form_lead(brief: ContentBrief, form: Form) -> str:
    """What stands before steps, a list or a table."""
    return _FORM_LEADS[form][tone_of(brief)]


def join(brief: ContentBrief, cue: Cue) -> str:
    """What leads over to figures or limits."""
    return _JOINS[cue][tone_of(brief)]


def is_caution(text: str) -> bool:
    """Whether a sentence names a risk or a limit."""
    return _CAUTION.search(text) is not None


def is_instruction(text: str) -> bool:
    """Whether a sentence tells the reader what to do ("Turn on ...")."""
    return _IMPERATIVE.match(text) is not None


def is_practice(text: str) -> bool:
    """Whether a sentence is an instruction, at once or behind its condition, or a recommendation."""
    bare = _CONDITION.sub("", text)
    return is_instruction(bare[:1].upper() + bare[1:]) or _RECOMMENDS.search(text) is not None
