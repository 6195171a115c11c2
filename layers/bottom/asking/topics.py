"""What a topic is about, as a phrase that can stand in a sentence."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re

_ASKING = re.compile(
    r"^\s*(?:how|what|why|when|who|where|which|is|are|can|could|do|does|did|should|will|would)\b",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"^\s*(?:(?:an?|the)\s+)?(?:(?:complete|ultimate|beginner'?s?|practical|quick|short|\d+)\s+)*"
    r"(?:(?:guide|introduction|intro|overview|basics|benefits|advantages|impact|effects?|role|future|importance|history|state|rise"
    r"|power|risks|costs?|pros and cons|tips|ways|reasons|best practices|best|top)\s+(?:of|to|for|on)?\s*)+(?:(?:the|an?)\s+)?",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s*[:–—|]\s.*|\s+for (?:beginners|dummies|starters)|\s+(?:explained|basics|tips|guide|overview|best practices|trends|costs?|benefits"
    r"|(?:in )?(?:19|20)\d\d))+\s*$",
    re.IGNORECASE,
)  # fmt: skip
_VERSUS = re.compile(r"\s+(?:vs\.?|versus|compared (?:with|to)|or)\s+", re.IGNORECASE)
_SMALL = re.compile(r"\b(?:A|An|The|And|Or|In|On|Of|For|To|With|At|By|From|As|Vs)\b")


def is_question(topic: str) -> bool:
    """Whether the topic is itself a question."""
    return _ASKING.match(topic) is not None


def as_question(topic: str) -> str:
    """The topic as a question that reads well."""
    text = re.sub(r"^how to\b", "how do you", " ".join(topic.split()).rstrip("?.! "), flags=re.IGNORECASE)
    return f"{text[:1].upper()}{text[1:]}?"


def subject(topic: str) -> str:
    """The noun phrase of a topic without its frame: "remote work" for "The benefits of remote work in 2026".

    A headline's capitals go, except of acronyms and of names in a topic that is no headline. Empty for a
    question, whose subject is not to be had by cutting.
    """
    text = " ".join(topic.split()).strip("?.! ")
    if is_question(text):
        return ""
    bare = _TAIL.sub("", text) or text
    bare = _FRAME.sub("", bare) or bare
    return _uncapitalised(bare)


def contenders(topic: str) -> tuple[str, str] | None:
    """The two things that a topic compares, or None."""
    parts = [part.strip() for part in _VERSUS.split(" ".join(topic.split()).strip("?.! "))]
    if len(parts) != 2 or not all(0 < len(part.split()) <= 5 for part in parts) or is_question(topic):
        return None
    return _uncapitalised(parts[0]), _uncapitalised(parts[1])


def _uncapitalised(text: str) -> str:
    words = text.split()
    long = [word for word in words if len(word) > 3]
    headline = len(long) > 1 and all(word[0].isupper() or not word[0].isalpha() for word in long)
    if headline:
        return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in words)
    if (
        words
        and words[0][1:] == words[0][1:].lower()
        and len(words[0]) > 1
        and not any(w[0].isupper() for w in words[1:])
    ):
        words[0] = words[0].lower()
    return _SMALL.sub(lambda match: match.group().lower(), " ".join(words))
