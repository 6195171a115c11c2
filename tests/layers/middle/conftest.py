"""Small sources written for these tests, cut into passages by the real chunker."""

import hashlib
from datetime import date

import pytest

from layers.bottom.artifacts import Intent, KeywordPlan, PassageIndex, Source, SourceSet
from layers.bottom.passages import index_passages
from layers.contract import ContentBrief, StepContext

TODAY = date(2026, 11, 22)

KELP = (
    "Kelp farming",
    """
    Kelp farming is the practice of growing large brown seaweed on ropes in the sea. Kelp farming needs no fresh
    water and no fertiliser.

    ## Why grow it
    Kelp farming matters because demand for seaweed is growing in food and feed. The main driver is the food
    industry of Europe.

    ## Seeding the ropes
    Spores are brushed on thin strings in a hatchery in autumn. The strings are wound around long ropes after six
    weeks. Ropes with young plants go to sea in November.

    ## Harvest
    Boats lift the ropes in May and cut the blades by hand. A rope of one hundred metres gives about 600 kilograms
    of wet kelp. Late harvests bring more weight and lower quality.

    ## Costs
    A small farm costs about 40,000 euros to set up. Ropes and anchors cost most of that money. Boats are usually
    rented by the day.

    ## Risks
    Storms are the largest risk of kelp farming, because they tear ropes from their anchors. Warm summers limit the
    growth of kelp in shallow bays. Snails damage the blades when the harvest is late.
    """,
)
SEAWEED_LAW = (
    "Rules for growing seaweed",
    """
    Farms at sea need a permit in every country of the European Union. A permit for kelp farming is limited to ten
    years in Norway.

    ## Who decides
    The coastal authority approves the place of each farm. The food authority approves the harvest when it is sold
    as food. Permits for kelp farming cost between 500 and 2,000 euros.

    ## Are there limits for iodine?
    Dried kelp must carry a warning about iodine in several countries. The limit in France is 2,000 milligrams per
    kilogram of dried kelp.
    """,
)
NURSERY = (
    "Kelp on the menu",
    """
    Kelp is sold dried, salted and frozen. Cooks use kelp for broth and for salads.

    ## Benefits for cooks
    Kelp improves the taste of broth because it holds glutamate. Dried kelp saves space and keeps for two years.
    Kelp reduces the salt that a soup needs.

    Subscribe to our newsletter for more recipes from the sea. Kelp farming is the practice of growing large brown
    seaweed on ropes in the sea. Kelp farming needs no fresh water and no fertiliser.
    """,
)


def _source(number, title, text):
    headings, paragraphs, offset = [], [], 0
    for block in text.strip().split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        if lines[0].startswith("## "):
            headings.append((offset, lines.pop(0)[3:]))
        paragraphs.append(" ".join(lines))
        offset += len(paragraphs[-1]) + 2
    body = "\n\n".join(paragraphs)
    return Source(
        id=f"S{number}", origin="library", locator=f"{number}.md", title=title, text=body,
        sha256=hashlib.sha256(body.encode()).hexdigest(), headings=tuple(headings), published=date(2026, 1, number),
    )  # fmt: skip


@pytest.fixture
def make_context():
    """Builds the context of a step over the kelp sources, or over (title, text) pairs."""

    def make(
        topic="Kelp farming", documents=(KELP, SEAWEED_LAW, NURSERY), form="overview", keywords=(), **brief
    ):
        sources = tuple(_source(number, *document) for number, document in enumerate(documents, 1))
        artifacts = {
            SourceSet: SourceSet(sources=sources, tried=(), sufficient=len(sources) > 1),
            PassageIndex: index_passages(sources),
            KeywordPlan: KeywordPlan(keywords=tuple(keywords), clusters=(), questions=()),
            Intent: Intent(
                primary="informational", sub="factual", confidence=0.8, runner_up="commercial",
                runner_up_confidence=0.1, rules=(), form=form,
            ),
        }  # fmt: skip
        return StepContext(brief=ContentBrief(topic=topic, today=TODAY, **brief), artifacts=artifacts)

    return make


@pytest.fixture
def text_of():
    """The text of a passage, by its id."""

    def read(context, passage_id):
        passage = next(p for p in context.need(PassageIndex).passages if p.id == passage_id)
        return context.need(SourceSet).by_id(passage.source).text[passage.start : passage.end]

    return read
