"""Headings of sources, made fit to print: numbering and marks go, furniture and sales talk are refused."""

from __future__ import annotations

import re

from layers.middle.outline.casing import Casing

_LONGEST = 9  # words
_NUMBERING = re.compile(
    r"^(?:(?:step|tip|part|chapter|section|reason|phase|stage|number|no\.?|mistake|method|way)\s*)?#?\d{1,2}"
    r"(?:\.\d+)*\s*(?:[.):\u2013\u2014-]|\s)\s*|^(?:first|second|third|fourth|fifth|finally|lastly|next)\s*[:,\u2013-]\s*"
    r"|^[ivx]{1,4}[.)]\s+|^[a-h][.)]\s+",
    re.IGNORECASE,
)
_EDGE_MARKS = re.compile(r"^[^\w(\"'\u201c$\u20ac\u00a3]+|[^\w)\"'\u201d?%]+$")
_FURNITURE = re.compile(
    r"^(?:introduction|intro|conclusions?|summary|overview|abstract|background|contents?|table of contents|references?|sources?"
    r"|bibliography|notes?|further reading|see also|external links|faqs?|frequently asked questions|about|about .*|contact.*|comments?"
    r"|.*leave a (?:reply|comment).*|related.*|share.*|tags?|categories|key (?:takeaways|points|facts)|tl;?dr|at a glance|final (?:thoughts|words)"
    r"|(?:the )?bottom line|in (?:summary|short|conclusion|brief)|wrapping up|wrap[- ]up|closing thoughts|acknowledge?ments?|appendix.*|disclaimer.*"
    r"|subscribe.*|newsletter.*|sign up.*|more (?:from|on|about).*|you (?:may|might) also.*|recommended.*|advertisement|author.*|methods?"
    r"|(?:read|learn) more.*|what you(?:'ll| will) learn.*|in this (?:article|guide|post).*|editor'?s note|updates?|links?|resources"
    r"|time|yes and no|trouble|tips?|start here|facts?|numbers|extras?|more|general|misc(?:ellaneous)?|other|details?|main|home|menu|search|navigation|topics?|quick answer|the short (?:answer|version))$",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(
    r"\.(?:txt|md|markdown|html?|pdf|docx?)$|^(?:source|document|doc|file|page|untitled|notes?|text)[\s_-]*\d*$",
    re.IGNORECASE,
)
_BAIT = re.compile(
    r"\b(?:nobody|no one|secrets?|shocking|surprising|truth about|won't believe|need to know|must[- ]know|ultimate|hack|here's"
    r"|the thing|amazing|game[- ]changer|they|them|these|those|myths?)\b|^so\b|^what does matter",
    re.IGNORECASE,
)
_VOICE = re.compile(
    r"\b(?:we|we're|we've|our|ours|us|i|i'm|i've|my|me)\b|[!@#|{}<>=\\]|https?:|\.com\b", re.IGNORECASE
)
_LEANS = re.compile(
    r"\b(?:it|its|this|that)\b(?!.*\?$)|^what\s+\w+$|^(?:what|who)\s+\w+\?$"
    r"|^what about\b|\S\s+(?:before|when|if|after|until) you\b(?!.*\?$)",
    re.IGNORECASE,
)
_TO_YOU = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\bam I\b", "are you"),
        (r"\bI(?:'m| am)\b", "you are"),
        (r"\b(?:I|we|me|us)\b", "you"),
        (r"\b(?:my|our)\b", "your"),
        (r"\b(?:mine|ours)\b", "yours"),
    )
)
_SITE_TAIL = re.compile(
    r"\s+[|\u2013\u2014]\s+[^|\u2013\u2014]+$|\s+-\s+[A-Z][\w ]+$|\s*\(\d{4}(?: (?:guide|update|edition))?\)$"
)


def clean_heading(raw: str, casing: Casing) -> str | None:
    """The heading in sentence case without numbering and marks, or None where no editor would print it."""
    text = " ".join(raw.replace("\u2019", "'").split())
    text = _SITE_TAIL.sub("", text)
    text = _NUMBERING.sub("", _EDGE_MARKS.sub("", text))
    text = _EDGE_MARKS.sub("", text)
    if text.endswith("?"):
        text = _addressed(text)
    if len(text.split()) > _LONGEST:
        text = _before_colon(text)
    if not text or len(text.split()) > _LONGEST or _FURNITURE.match(text) or _FILE_NAME.search(text):
        return None
    if _VOICE.search(text) or _BAIT.search(text) or _LEANS.search(text):
        return None
    if not any(letter.isalpha() for letter in text) or text.count("(") != text.count(")"):
        return None
    return casing.heading(text.lower() if text.isupper() and " " in text else text)


def _addressed(question: str) -> str:
    """A reader's question as the article puts it: "Can I claim interest?" becomes "Can you claim interest?"."""
    for pattern, word in _TO_YOU:
        question = pattern.sub(word, question)
    return question


def _before_colon(text: str) -> str:
    """The part before a colon, where it can stand alone."""
    head, colon, _ = text.partition(":")
    return head.strip() if colon and len(head.split()) > 1 else text
