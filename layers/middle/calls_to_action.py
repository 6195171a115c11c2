"""The closing call to action: chosen by purpose, audience and tone, and worded so that it never claims anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from layers.contract import Audience, Tone

Goal = Literal["learn", "convert", "subscribe", "discuss"]
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
    ("learn", "plain"): "Review the sources with your team before you decide on the next step.",
    ("learn", "warm"): "Share this with your team and look through the sources together.",
    ("learn", "technical"): "Check the cited sources against the requirements of your own systems.",
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
    ("learn", "plain"): "Read the sources before you decide.",
    ("learn", "warm"): "Have a look at the sources, then try what suits you.",
    ("learn", "technical"): "Compare the figures in the sources with your own case.",
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


def call_to_action(purpose: str | None, audience: Audience, tone: Tone | None) -> str:
    """One or two editorial sentences; without a purpose that asks for more, an invitation to read the sources."""
    wanted = (name for name, pattern in _GOALS if purpose and pattern.search(purpose))
    goal: Goal = next(wanted, "learn")
    register = _REGISTERS.get(tone, "plain")
    return (_B2B if audience is Audience.B2B else _B2C)[goal, register]
