"""Reads the topic as a writer would: what is it about, in which form, for whom, and how to name it in a heading."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from layers.middle.outline.casing import Casing, capitalise, is_title_case
from layers.middle.outline.grammar import gerund, is_plural, join_names, share_last_word, singular
from layers.text.words import stems

TopicShape = Literal["subject", "how_to", "comparison", "question", "list"]
_LONGEST_NAME = 5  # words; a longer subject makes every heading clumsy

_HOW_TO = re.compile(
    r"^how\s+(?:to|do (?:i|you|we)|can (?:i|you|we)|should (?:i|you|we))\s+(.+)$", re.IGNORECASE
)
_LIGHT_VERB = re.compile(
    r"^(?:start|begin|learn|try|practi[sc]e|understand|get started with|get into|do|use|choose|buy|pick|select)"
    r"(?:\s+(?:about|with|to))?\s+(?:a|an|the|your)?\s*",
    re.IGNORECASE,
)
_WHAT_IS = re.compile(r"^what(?:'s|\s+(?:is|are|was|were))\s+(?:an?\s+|the\s+)?(.+)$", re.IGNORECASE)
_QUESTION = re.compile(
    r"^(?:what|why|when|where|who|which|how|is|are|can|could|do|does|did|should|will|would)\b", re.IGNORECASE
)
_VERSUS = re.compile(r"\s+(?:vs\.?|versus|compared (?:to|with))\s+", re.IGNORECASE)
_DIFFERENCE = re.compile(
    r"^(?:the\s+)?(?:differences?|comparison) (?:between|of)\s+(.+?)\s+and\s+(.+)$", re.IGNORECASE
)
_FRAME = re.compile(
    r"^(?:the\s+|an?\s+)?(?:(?:complete|beginner'?s?|practical|ultimate|short|brief|quick|technical)\s+)*"
    r"(?P<frame>future|benefits?|advantages|costs?|price|history|impacts?|effects?|role|use|uses|basics|risks?|dangers"
    r"|introduction|guide|overview|state|importance|pros and cons|best|top(?:\s+\d+)?|\d+\s+(?:ways|tips))"
    r"\s+(?:(?:of|to|for|on|in)\s+)?(?:the\s+)?",
    re.IGNORECASE,
)
_FRAME_FACETS = {
    "future": "outlook", "state": "evidence", "benefit": "benefits", "advantage": "benefits", "cost": "cost",
    "price": "cost", "history": "history", "impact": "benefits", "effect": "benefits", "role": "uses",
    "use": "uses", "risk": "risks", "danger": "risks", "importance": "why", "pros and con": "benefits",
}  # fmt: skip
_LIST_FRAME = re.compile(r"best|top|\d")
_YEAR_TAIL = re.compile(r"[\s,]+(?:in\s+)?(?:19|20)\d\d$", re.IGNORECASE)
_AUDIENCE_TAIL = re.compile(
    r"\s+for\s+((?:absolute\s+|complete\s+)?(?:beginners|dummies|starters|newcomers|kids|professionals|experts"
    r"|(?:small |medium |large )?(?:business(?:es)?|companies|teams|enterprises)))$",
    re.IGNORECASE,
)
_PLACE = re.compile(r"^(.+?)(\s+(?:in|at|within)\s+.+)$", re.IGNORECASE)
_GUIDE_TAIL = re.compile(
    r"\s*:\s+.*$|\s+(?:explained|basics|guide|overview|reviewed|compared)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """The parsed topic.

    ``title`` is the topic as the caller wrote it, tidied; ``subject`` its noun phrase in mid-sentence casing, empty
    where there is none; ``head`` the subject without its place (``in healthcare``); ``short`` the name for repeated
    use, an acronym where the sources introduce one. ``sides`` are the things compared; ``focus`` is the facet that
    the topic itself asks for (``the future of ...``); ``is_action`` says that the subject is a gerund clause.
    """

    title: str
    shape: TopicShape
    subject: str = ""
    head: str = ""
    short: str = ""
    place: str = ""
    audience: str = ""
    sides: tuple[str, ...] = ()
    focus: str | None = None
    is_action: bool = False

    @property
    def plural(self) -> bool:
        """Whether the subject takes "are" and "do"."""
        return len(self.sides) > 1 or (not self.is_action and is_plural(self.head))

    @property
    def nameable(self) -> bool:
        """Whether the subject is short enough to stand in a heading."""
        words = self.subject.split()
        return 0 < len(words) <= _LONGEST_NAME + len(self.place.split()) and not self.joined

    @property
    def joined(self) -> bool:
        """Whether the subject is two things taken together, of which hardly any question can be asked at once."""
        return not self.sides and " and " in self.head

    @property
    def names(self) -> tuple[frozenset[str], ...]:
        """The stems of each name of the subject; a text that holds all stems of one speaks of the subject."""
        found = (frozenset(stems(name)) for name in dict.fromkeys(self.sides or (self.head, self.short)))
        return tuple(name for name in found if name)

    def named_in(self, found: Collection[str]) -> bool:
        """Whether these stems hold one of the names."""
        return any(name.issubset(found) for name in self.names)

    def titles(self, found: Collection[str]) -> bool:
        """Whether a title with these stems is about the subject: it names more than half of it, or one side."""
        return self.nearness(found) > (0.0 if self.sides else 0.5)

    def nearness(self, found: Collection[str]) -> float:
        """How much these stems are about the subject, 0..1: of a comparison the sides that they name."""
        if self.sides:
            return sum(name.issubset(found) for name in self.names) / len(self.names)
        return max((len(name.intersection(found)) / len(name) for name in self.names), default=1.0)

    @property
    def question(self) -> str:
        """The question that the opening answer answers."""
        text = self.title
        if self.shape == "how_to":
            return _HOW_TO.sub(r"How do you \1?", text)
        if self.shape == "comparison":
            return f"How do {join_names(share_last_word(self.sides))} differ?"
        if self.shape == "question":
            return f"{text}?"
        if self.shape == "list" or not self.subject:
            return text
        if self.joined:
            return f"What is known about {self.subject}?"
        return f"What {'are' if self.plural else 'is'} {self.subject}?"


def read_topic(text: str, texts: Sequence[str] = ()) -> Topic:
    """Parse a topic; ``texts`` are the sources, which settle casing, acronyms and shared heads."""
    casing = Casing(texts)
    title = capitalise(" ".join(casing.word(word) if word.islower() else word for word in text.split()))
    title = title.rstrip(" .?!:;,") or text.strip()
    for read in (_read_comparison, _read_how_to, _read_question):
        topic = read(title, casing, texts)
        if topic:
            return topic
    return _read_subject(title, title, casing, texts)


def _read_comparison(title: str, casing: Casing, texts: Sequence[str]) -> Topic | None:
    parts = [part.strip() for part in _VERSUS.split(title)]
    difference = _DIFFERENCE.match(_WHAT_IS.sub(r"\1", title))
    if difference:
        parts = [difference[1], difference[2]]
    if len(parts) < 2 or not all(parts):
        return None
    parts[-1] = _GUIDE_TAIL.sub("", _YEAR_TAIL.sub("", parts[-1]))
    parts, place = _split_place(parts)
    sides = tuple(casing.inside(part, title_case=True) for part in _with_shared_head(parts, texts))
    names = join_names(sides)
    return Topic(
        title=title, shape="comparison", subject=names, head=names, short="they", place=place, sides=sides
    )


def _split_place(parts: list[str]) -> tuple[list[str], str]:
    """``heat pumps vs gas boilers in old houses``: the place belongs to both sides."""
    found = _PLACE.match(parts[-1])
    tail = found[2] if found else ""
    audience = re.search(r"\s+for\s+.+$", parts[-1])
    if audience and not tail:
        tail = audience[0]
    last = parts[-1].removesuffix(tail) if tail else parts[-1]
    return [*parts[:-1], last], tail


def _with_shared_head(parts: list[str], texts: Sequence[str]) -> list[str]:
    """``lithium-ion`` vs ``sodium-ion batteries``: batteries both, where the sources write it so."""
    head = parts[-1].split()[-1]
    if len(parts[-1].split()) < 2:
        return parts
    corpus = "\n".join(texts).lower()
    return [
        *(
            f"{part} {head}" if _lacks_head(part.lower(), head.lower(), corpus) else part
            for part in parts[:-1]
        ),
        parts[-1],
    ]


def _lacks_head(side: str, head: str, corpus: str) -> bool:
    if singular(head) in side:
        return False
    alone = len(re.findall(rf"\b{re.escape(side)}\b", corpus))
    joined = len(re.findall(rf"\b{re.escape(side)}[ -]{re.escape(singular(head).removesuffix('y'))}", corpus))
    return joined * 3 >= alone if alone else "-" in side


def _read_how_to(title: str, casing: Casing, texts: Sequence[str]) -> Topic | None:
    found = _HOW_TO.match(title)
    if not found:
        return None
    action = casing.inside(found[1])
    thing = _LIGHT_VERB.sub("", action)
    subject = thing if thing != action else gerund(action)
    return replace(_read_subject(title, subject, casing, texts), shape="how_to", is_action=thing == action)


def _read_question(title: str, casing: Casing, texts: Sequence[str]) -> Topic | None:
    asked = _WHAT_IS.match(title)
    if asked:
        return _read_subject(title, asked[1], casing, texts)
    return Topic(title=title, shape="question") if _QUESTION.match(title) else None


def _read_subject(title: str, phrase: str, casing: Casing, texts: Sequence[str]) -> Topic:
    phrase = _YEAR_TAIL.sub("", _GUIDE_TAIL.sub("", phrase.strip()))
    frame = _FRAME.match(phrase)
    focus: str | None = None
    shape: TopicShape = "subject"
    if frame and frame.end() < len(phrase):
        name = frame["frame"].lower()
        focus = _FRAME_FACETS.get(name.removesuffix("s"))
        shape = "list" if _LIST_FRAME.match(name) else "subject"
        phrase = phrase[frame.end() :]
        if name.startswith(("impact", "effect")):
            phrase = phrase.split(" on ", 1)[0]
    audience = _AUDIENCE_TAIL.search(phrase)
    phrase = phrase[: audience.start()] if audience else phrase
    subject = casing.inside(phrase, title_case=is_title_case(phrase)) if re.search(r"\w", phrase) else ""
    place = _PLACE.match(subject)
    head = place[1] if place else subject
    return Topic(
        title=title,
        shape=shape,
        subject=subject,
        head=head,
        short=_acronym(head, texts) or head,
        place=place[2] if place else "",
        audience=audience[1].lower() if audience else "",
        focus=focus,
    )


def _acronym(name: str, texts: Sequence[str]) -> str | None:
    """The acronym that a source introduces for the name, as in "artificial intelligence (AI)"."""
    pattern = re.compile(rf"\b{re.escape(name)}\s+\(([A-Z][A-Za-z]{{1,5}})\)", re.IGNORECASE)
    for text in texts:
        found = pattern.search(text)
        if found and sum(letter.isupper() for letter in found[1]) > 1:
            return found[1]
    return None
