"""A small desk for the tests of the top layer: sources written by hand, cut by the real chunker, with an outline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

from layers.bottom.artifacts import (
    Intent,
    Keyword,
    KeywordPlan,
    PassageIndex,
    Question,
    Reference,
    ReferenceAnchor,
    Source,
    SourceAttempt,
    SourceSet,
)
from layers.bottom.passages import index_passages
from layers.contract import Artifact, ContentBrief, StepContext
from layers.middle.artifacts import Outline, SectionForm, SectionPlan

TODAY = date(2026, 11, 22)

HEAT_PUMPS = """A heat pump is a device that moves heat from a cold place to a warm one with the help of electricity. Heat pumps deliver about three units of heat for every unit of electricity they use. It is the most efficient way to heat most homes.

Installing a heat pump costs between 8,000 and 15,000 euros in a typical house. However, grants cover up to 40 percent of the price in several countries. Running costs fall by about 30 percent when a heat pump replaces an oil boiler.

Check the insulation of the house before you order a heat pump. Ask two installers for a calculation of the heat load. Set the flow temperature as low as the radiators allow."""

BOILERS = """Oil boilers burn heating oil and give off carbon dioxide in every hour of operation. Replacing an oil boiler with a heat pump lowers emissions by 60 percent in an average house. Subscribe to our newsletter to learn more about heating.

Noise is the most common complaint about heat pumps, and good placement solves most cases. Old radiators are often large enough for a heat pump once the roof is insulated. They can stay where they are."""


def source(name: str, text: str, **more: object) -> Source:
    """A source with a right checksum."""
    values: dict[str, object] = {"origin": "library", "locator": f"{name}.md", "title": f"Document {name}"}
    return Source(id=name, text=text, sha256=hashlib.sha256(text.encode()).hexdigest(), **(values | more))


def sources() -> SourceSet:
    """Two sources; the first has a reference behind its first paragraph."""
    first = source(
        "S1",
        HEAT_PUMPS,
        author="Heating Agency",
        published=date(2025, 3, 1),
        references=(Reference(number=1, citation="A study of heat pumps", title="Heat pumps measured", year=2021, doi="10.1000/xyz123"),),
        anchors=(ReferenceAnchor(offset=HEAT_PUMPS.index("\n\n"), numbers=(1,)),),
    )  # fmt: skip
    second = source("S2", BOILERS, url="https://example.org/boilers", registrable_domain="example.org")
    return source_set(first, second)


def source_set(*found: Source) -> SourceSet:
    """What the collector would hand over."""
    tried = (SourceAttempt(provider="library", query="q", found=len(found), used=len(found)),)
    return SourceSet(sources=found, tried=tried, sufficient=len(found) >= 2)


def outline(index: PassageIndex, **more: object) -> Outline:
    """An outline over whatever passages there are: costs, steps, and the rest."""
    every = tuple(item.id for item in index.passages)
    values: dict[str, object] = {
        "title": "Heat pumps",
        "template": "overview",
        "answer_question": "What is a heat pump?",
        "answer_passages": every[:1],
        "sections": (
            _section(1, "What does a heat pump cost?", every[1:2], "prose"),
            _section(2, "How do you prepare the house?", every[2:3], "steps"),
            _section(3, "What changes for emissions?", every[3:], "prose"),
        ),
        "min_words": 80,
        "max_words": 400,
    }
    return Outline(**(values | more))


def _section(place: int, heading: str, passages: tuple[str, ...], form: SectionForm) -> SectionPlan:
    return SectionPlan(
        id=f"sec-{place}",
        heading=heading,
        level=2,
        question=heading,
        passages=passages,
        target_words=60,
        form=form,
    )


def keywords() -> KeywordPlan:
    """Two key phrases and a question that no section asks."""
    return KeywordPlan(
        keywords=(
            Keyword(phrase="heat pump", score=1.0, role="primary"),
            Keyword(phrase="oil boiler", score=0.6, role="secondary"),
        ),
        clusters=(),
        questions=(
            Question(
                text="What is the most common complaint?", kind="what", keyword="noise", passages=("P5",)
            ),
        ),
    )


def intent() -> Intent:
    """Someone wants to know."""
    return Intent(
        primary="informational",
        sub="factual",
        confidence=0.8,
        runner_up="commercial",
        runner_up_confidence=0.1,
        rules=("what",),
        form="overview",
    )


def context(
    found: SourceSet | None = None, *, brief: Mapping[str, object] | None = None, **plan: object
) -> StepContext:
    """Everything that the writer needs; ``plan`` changes the outline, ``brief`` the request."""
    given = sources() if found is None else found
    index = index_passages(given.sources)
    asked = ContentBrief(**({"topic": "heat pumps", "today": TODAY} | dict(brief or {})))
    made: tuple[Artifact, ...] = (given, index, outline(index, **plan), keywords(), intent())
    return StepContext(brief=asked, artifacts={type(item): item for item in made})


def with_artifacts(base: StepContext, *more: Artifact) -> StepContext:
    """The context after further steps."""
    return StepContext(brief=base.brief, artifacts={**base.artifacts, **{type(item): item for item in more}})
