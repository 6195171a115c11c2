from datetime import date

import pytest

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.bottom.asking.noun_phrases import can_stand, is_plural, noun_phrase
from layers.bottom.asking.topics import as_question, contenders, subject
from layers.bottom.keywords import analyze_keywords
from layers.bottom.passages import index_passages
from layers.bottom.sources import gather_sources
from layers.contract import ContentBrief, GivenSource, StepContext
from layers.text.similarity import jaccard
from layers.text.words import stems

GUIDE = """# Heat pumps at home

A heat pump is a machine that moves heat from outside into a house. Heat pumps work because a fluid boils when it is cold.
A heat pump costs 9,000 euros on average. Heat pumps matter because heating causes much of the carbon dioxide.

## How to choose a heat pump

Measure the heat loss of the house first. Choose a heat pump that fits it, since a large heat pump switches too often.
Ask two installers. Air source heat pumps are cheaper than ground source heat pumps.

## Limits and risks

The main risk of a heat pump is noise. Heat pumps cannot heat a leaking house to a comfortable temperature.
Ground source heat pumps need a garden. A study of 40 houses found that savings fell by 20 percent in leaking houses.

## Is it loud?

It hums. Neighbours complain about heat pumps in narrow streets.
"""
REVIEW = """Air source heat pumps improve comfort, and the benefits of heat pumps grow with insulation. Insulation reduces heat loss.
Insulation of the roof costs less than insulation of walls. Home owners save money with heat pumps, a survey of owners found.

Home owners should ask for a noise measurement. Heat loss through windows is high. Electric heaters and gas boilers cost more to run.
Gas boilers burn gas, while electric heaters use much electricity."""


async def plan(topic, *texts, **brief):
    sources = tuple(GivenSource(title=f"Text {n}", text=text) for n, text in enumerate(texts))
    context = StepContext(brief=ContentBrief(topic=topic, sources=sources, today=date(2026, 1, 1), **brief))
    gathered = await gather_sources(context)
    index = index_passages(gathered.sources)
    made = await analyze_keywords(
        StepContext(brief=context.brief, artifacts={SourceSet: gathered, PassageIndex: index})
    )
    return made, index


async def test_questions_read_well_are_answerable_and_do_not_repeat_themselves():
    made, index = await plan("A guide to heat pumps", GUIDE, REVIEW)
    asked = [question.text for question in made.questions]
    assert {
        "How do heat pumps work?", "What are the limits and risks of heat pumps?", "How do you choose a heat pump?",
        "What are the benefits of heat pumps?",
    } <= set(asked)  # fmt: skip
    assert len(asked) >= 8
    assert not any("it loud" in text for text in asked)
    known = {passage.id for passage in index.passages}
    for number, question in enumerate(made.questions):
        assert question.passages
        assert set(question.passages) <= known
        others = [stems(other) for other in asked[:number]]
        assert all(jaccard(stems(question.text), other) <= 0.6 for other in others)


async def test_the_subject_leads_the_keywords_and_what_was_asked_for_follows():
    made, _ = await plan(
        "A guide to heat pumps", GUIDE, REVIEW, search_keywords=("heat loss", "nuclear fusion")
    )
    first, second, third = made.keywords[:3]
    assert (first.phrase, first.role) == ("heat pumps", "primary")
    assert (second.phrase, third.phrase, third.passages) == ("heat loss", "nuclear fusion", ())
    assert [warning.where for warning in made.warnings] == ["nuclear fusion"]
    assert {"primary", "secondary", "tag"} == {keyword.role for keyword in made.keywords}
    assert all(keyword.passages for keyword in made.keywords if keyword.phrase != "nuclear fusion")


async def test_clusters_hold_known_phrases_and_two_at_least():
    made, _ = await plan("A guide to heat pumps", GUIDE, REVIEW)
    phrases = {keyword.phrase for keyword in made.keywords}
    assert made.clusters
    assert all(len(cluster.phrases) > 1 and set(cluster.phrases) <= phrases for cluster in made.clusters)


async def test_a_question_and_a_comparison_are_asked_as_such():
    made, _ = await plan("How do heat pumps save money?", GUIDE, REVIEW)
    assert made.questions[0].text == "How do heat pumps save money?"
    made, _ = await plan("Gas boilers vs electric heaters", GUIDE, REVIEW)
    assert (made.questions[0].text, made.questions[0].kind) == (
        "How do gas boilers compare with electric heaters?",
        "comparison",
    )


async def test_no_sources_give_a_plan_without_promises():
    made, _ = await plan("Heat pumps")
    assert [keyword.phrase for keyword in made.keywords] == ["heat pumps"]
    assert made.questions == made.clusters == ()


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("The benefits of remote work in 2026", "remote work"),
        ("Composting for beginners", "composting"),
        ("A complete guide to Heat Pumps", "heat pumps"),
        ("Artificial Intelligence in Healthcare", "artificial intelligence in healthcare"),
        ("AI in healthcare", "AI in healthcare"),
        ("Best CRM for small teams", "CRM for small teams"),
        ("Tesla and BYD", "Tesla and BYD"),
        ("How do pumps work?", ""),
    ],
)
def test_the_subject_of_a_topic_is_what_is_left_without_its_frame(topic, expected):
    assert subject(topic) == expected


def test_topics_become_questions_and_contenders():
    assert as_question("how to brew coffee") == "How do you brew coffee?"
    assert as_question("is tea healthy ?") == "Is tea healthy?"
    assert contenders("Cold Brew vs. Iced Coffee") == ("cold brew", "iced coffee")
    assert contenders("Coffee") is None


@pytest.mark.parametrize("phrase", ["heat pumps", "people", "costs of care", "bees and wasps", "criteria"])
def test_plurals_are_told(phrase):
    assert is_plural(phrase)


@pytest.mark.parametrize(
    "phrase", ["analysis", "AWS", "diabetes", "business", "state of affairs", "logistics", "virus"]
)
def test_singulars_that_end_in_s_are_told(phrase):
    assert not is_plural(phrase)


def test_articles_follow_the_sources():
    corpus = "A heat pump hums. We use a heat pump. Insulation helps, and insulation lasts. An old house. The agency said the agency would. AI helps."
    assert noun_phrase("heat pump", corpus).text == "a heat pump"
    assert noun_phrase("insulation", corpus).text == "insulation"
    assert noun_phrase("old house", corpus).text == "an old house"
    assert noun_phrase("agency", corpus) is None
    assert noun_phrase("AI", corpus).text == "AI"


@pytest.mark.parametrize(
    "phrase",
    ["bees sting", "percent", "twelve weeks", "clinical", "use water", "randomised", "coffee tastes right"],
)
def test_what_is_no_noun_phrase_is_left_out(phrase):
    assert not can_stand(phrase)
