from datetime import date

import pytest

from layers.bottom.intent import analyze_intent, intent_of
from layers.contract import ContentBrief, StepContext


@pytest.mark.parametrize(
    ("query", "primary", "sub", "form"),
    [
        ("What is retrieval-augmented generation?", "informational", "factual", "definition"),
        ("How to protect a small business from phishing", "informational", "instrumental", "how_to"),
        ("Why do bees swarm", "informational", "factual", "why"),
        ("Is intermittent fasting safe?", "informational", "factual", "yes_no"),
        ("10 tips for better sleep", "informational", "other", "list"),
        ("Improving credit scores", "informational", "instrumental", "how_to"),
        ("AI in healthcare", "informational", "other", "overview"),
        ("Hotel marketing strategy", "informational", "other", "overview"),
        ("Electric cars vs petrol cars", "commercial", "other", "comparison"),
        ("Solar panel prices", "commercial", "other", "cost"),
        ("best CRM for small teams", "commercial", "other", "list"),
        ("download the annual report", "transactional", "other", "overview"),
        ("mortgage calculator", "transactional", "other", "overview"),
        ("netflix login", "navigational", "other", "overview"),
        ("www.example.org", "navigational", "other", "overview"),
    ],
)
def test_the_wording_tells_why_someone_asks_and_for_what_form(query, primary, sub, form):
    found = intent_of(query)
    assert (found.primary, found.sub, found.form) == (primary, sub, form)


def test_the_two_best_kinds_share_the_confidence_and_the_rules_are_named():
    found = intent_of("best online mortgage calculator reviews")
    assert found.primary == "commercial" or found.runner_up == "commercial"
    assert found.primary != found.runner_up
    assert 0 < found.runner_up_confidence <= found.confidence < 1
    assert {"best", "tool"} <= set(found.rules)
    assert intent_of("composting").rules == ("default",)


def test_entities_are_names_and_acronyms_but_not_the_capitals_of_a_headline():
    assert intent_of("How does the Mayo Clinic use AI").entities == ("Mayo Clinic", "AI")
    assert intent_of("Artificial Intelligence in Modern Healthcare").entities == ()


async def test_the_step_judges_the_topic_and_whom_it_suits():
    context = StepContext(
        brief=ContentBrief(topic="Supply chain compliance for enterprises", today=date(2026, 1, 1))
    )
    assert (await analyze_intent(context)).audience_fit == "b2b"
    assert intent_of("Garden ideas for my family").audience_fit == "b2c"
    assert intent_of("Batteries").audience_fit == "either"
