"""Words the headings of facets: questions or titles, the subject named where it helps and left out where it drones."""

from __future__ import annotations

from layers.middle.artifacts import SectionForm
from layers.middle.outline.facets import Facet, ask
from layers.middle.outline.templates import HeadingStyle, Slot
from layers.middle.outline.topic import Topic

_NAMED_HEADINGS = 3


def question_of(facet: Facet, topic: Topic) -> str:
    """The facet as a question that stands alone, where the topic has a name short enough for one."""
    if topic.shape == "comparison" or not topic.nameable:
        return ask(facet.bare if topic.subject and not topic.joined else facet.title, topic)
    return ask(facet.question, topic)


def query_of(facet: Facet, topic: Topic) -> str:
    """What to look for in the evidence of a facet: its title together with the topic."""
    return f"{ask(facet.title, topic)}: {topic.subject or topic.title}"


class HeadingWriter:
    """Words the facet headings of one article in reading order, so that not all of them repeat the subject."""

    def __init__(self, topic: Topic, style: HeadingStyle) -> None:
        self._topic = topic
        self._style = style
        self._named = 0

    def heading(self, facet: Facet, slot: Slot, *, names_subject: bool) -> str:
        """The next heading; only one whose evidence names the subject may name it."""
        topic = self._topic
        if slot.title:
            return ask(slot.title, topic)
        if self._style == "title" or not topic.subject or topic.joined:
            return ask(facet.title, topic)
        if (
            topic.shape == "comparison"
            or not (topic.nameable and names_subject)
            or self._named >= _NAMED_HEADINGS
        ):
            return ask(facet.bare, topic)
        self._named += 1
        return ask(facet.question, topic)


def form_of(facet: Facet, *, how_to: bool, sentences: int, figures: int) -> SectionForm:
    """How the section is laid out: steps only where steps are asked for, lists and tables only of three or more."""
    if how_to and facet.name == "start":
        return "steps"
    if facet.form == "table":
        return "table" if figures > 2 else "prose"
    return facet.form if sentences > 2 else "prose"
