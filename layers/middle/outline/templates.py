"""Which sides of a topic an article of this type and form takes up, in which order, under which headings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from layers.bottom.artifacts import QuestionForm
from layers.contract import Audience, ContentType, TargetLength
from layers.middle.artifacts import Template
from layers.middle.outline.topic import Topic

THEMES = "themes"
HeadingStyle = Literal["question", "title"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the template: a facet, or the themes that the sources bring; ``title`` replaces its heading."""

    facet: str
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A template with its slots in reading order, and how headings are worded."""

    template: Template
    slots: tuple[Slot, ...]
    style: HeadingStyle


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Words of the whole article and the number of sections and FAQ entries that fit them."""

    min_words: int
    max_words: int
    sections: int
    faq: int


def _slots(*names: str) -> tuple[Slot, ...]:
    """Slots from ``facet`` or ``facet=Heading``."""
    parted = (name.partition("=") for name in names)
    return tuple(Slot(facet=facet, title=title or None) for facet, _, title in parted)


_BY_FORM: Mapping[Template, tuple[Slot, ...]] = MappingProxyType({
    "definition": _slots(
        "definition", "how", "history", THEMES, "uses", "benefits", "evidence", "risks", "cost", "rules", "environment", "outlook"
    ),
    "overview": _slots(
        "definition", "how", THEMES, "uses", "benefits", "evidence", "risks", "cost", "rules", "environment", "outlook", "start"
    ),
    "how_to": _slots("why", "tools", "start", THEMES, "care", "mistakes", "risks", "cost", "rules", "outlook"),
    "comparison": _slots(
        "contrast", THEMES, "performance", "lifespan", "risks=How safe are they?", "cost", "environment",
        "uses=Where is each used?", "choice",
    ),
    "list": _slots("definition=The short version", THEMES, "benefits", "evidence", "cost", "risks", "start"),
})  # fmt: skip

_BY_TYPE: Mapping[ContentType, tuple[Template, tuple[Slot, ...]]] = MappingProxyType({
    ContentType.CASE_STUDY: (
        "case",
        _slots(
            "definition=The starting point", "why=Why it had to change", "risks=The challenge", "practice=What was done",
            "evidence=What was measured", "benefits=What improved", THEMES, "cost=What it cost", "outlook=What can be learned",
        ),
    ),
    ContentType.PRODUCT_REVIEW: (
        "review",
        _slots(
            "definition", "performance", THEMES, "benefits=What speaks for it?", "risks=What speaks against it?", "lifespan", "cost",
            "evidence=What do the tests show?", "choice=Who is it for?",
        ),
    ),
    ContentType.INDUSTRY_ANALYSIS: (
        "news",
        _slots(
            "market", "why=What drives the change", "evidence=What the evidence shows", THEMES, "practice=Adoption in practice",
            "cost=Costs and investment", "rules", "risks=Risks and barriers", "environment", "outlook",
        ),
    ),
    ContentType.WHITEPAPER: (
        "overview",
        _slots(
            "definition=Background and definitions", "why=The problem", "how", "evidence", THEMES, "benefits=Expected benefits",
            "practice=Implementation", "cost=Costs and resources", "rules=Governance and regulation", "risks",
            "environment", "outlook=Implications and outlook",
        ),
    ),
    ContentType.TECHNICAL_GUIDE: (
        "overview",
        _slots(
            "definition=Key concepts", "how", "tools=Requirements", "start", THEMES, "practice=Implementation", "performance",
            "care", "risks=Limitations and failure modes", "rules=Standards and compliance", "mistakes",
        ),
    ),
    ContentType.SOCIAL_MEDIA: ("overview", _slots("evidence", THEMES, "benefits", "risks", "uses")),
    ContentType.EMAIL_CAMPAIGN: ("overview", _slots("why", "benefits", THEMES, "start", "cost", "risks")),
})  # fmt: skip

_TITLED = frozenset(
    (
        ContentType.CASE_STUDY,
        ContentType.INDUSTRY_ANALYSIS,
        ContentType.WHITEPAPER,
        ContentType.TECHNICAL_GUIDE,
    )
)
_OWN_ORDER = frozenset((ContentType.CASE_STUDY, ContentType.PRODUCT_REVIEW, ContentType.INDUSTRY_ANALYSIS))

_LENGTHS: Mapping[TargetLength, Budget] = MappingProxyType(
    {
        TargetLength.SHORT: Budget(min_words=400, max_words=700, sections=4, faq=2),
        TargetLength.MEDIUM: Budget(min_words=800, max_words=1300, sections=7, faq=3),
        TargetLength.LONG: Budget(min_words=1500, max_words=2500, sections=10, faq=5),
    }
)
_OWN_LENGTHS: Mapping[ContentType, Budget] = MappingProxyType(
    {
        ContentType.SOCIAL_MEDIA: Budget(min_words=60, max_words=200, sections=2, faq=0),
        ContentType.EMAIL_CAMPAIGN: Budget(min_words=120, max_words=350, sections=3, faq=0),
    }
)


def budget_for(content_type: ContentType, length: TargetLength) -> Budget:
    """The budget; social posts and e-mails have their own, whatever length is asked for."""
    return _OWN_LENGTHS.get(content_type) or _LENGTHS[length]


def plan_for(content_type: ContentType, form: QuestionForm, topic: Topic, audience: Audience) -> Plan:
    """The template: the content type rules where it has an order of its own, else the form of the question."""
    template, slots = _base(content_type, _template_of(form, topic))
    if topic.audience == "beginners" and content_type not in _BY_TYPE:
        slots = _reordered(slots, ("definition", "why", "rules", "tools", "start", THEMES, "care"))
    if audience is Audience.B2B and not any(slot.facet == "practice" for slot in slots):
        slots = _inserted(slots, Slot(facet="practice"), before=("cost", "risks"))
    if topic.focus:
        slots = _first(slots, topic.focus)
    return Plan(template=template, slots=slots, style="title" if content_type in _TITLED else "question")


def _template_of(form: QuestionForm, topic: Topic) -> Template:
    if topic.shape == "how_to" or form == "how_to":
        return "how_to"
    if topic.shape == "comparison":
        return "comparison"
    if topic.shape == "list":
        return "list"
    return "definition" if form == "definition" else "overview"


def _base(content_type: ContentType, template: Template) -> tuple[Template, tuple[Slot, ...]]:
    own = _BY_TYPE.get(content_type)
    if own is None:
        return template, _BY_FORM[template]
    if content_type in _OWN_ORDER or template not in {"how_to", "comparison"}:
        return own
    if content_type in {ContentType.SOCIAL_MEDIA, ContentType.EMAIL_CAMPAIGN}:
        return template, own[1]
    return template, _merged(_BY_FORM[template], own[1])


def _merged(form: tuple[Slot, ...], own: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """The order of the form, under the headings of the type, followed by what only the type has."""
    titles = {slot.facet: slot for slot in own}
    kept = tuple(titles.get(slot.facet, slot) for slot in form)
    known = {slot.facet for slot in form}
    return kept + tuple(slot for slot in own if slot.facet not in known)


def _reordered(slots: tuple[Slot, ...], first: tuple[str, ...]) -> tuple[Slot, ...]:
    by_facet = {slot.facet: slot for slot in slots}
    lead = tuple(by_facet.get(name, Slot(facet=name)) for name in first)
    return lead + tuple(slot for slot in slots if slot.facet not in first)


def _inserted(slots: tuple[Slot, ...], new: Slot, *, before: tuple[str, ...]) -> tuple[Slot, ...]:
    at = next((number for number, slot in enumerate(slots) if slot.facet in before), len(slots))
    return (*slots[:at], new, *slots[at:])


def _first(slots: tuple[Slot, ...], facet: str) -> tuple[Slot, ...]:
    chosen = next((slot for slot in slots if slot.facet == facet), Slot(facet=facet))
    rest = tuple(slot for slot in slots if slot.facet != facet)
    return (*rest[:1], chosen, *rest[1:]) if rest[:1] and rest[0].facet == "definition" else (chosen, *rest)
