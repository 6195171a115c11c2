"""Every fault of a language model, in every workflow: the article stays lawful and says what happened."""

import pytest

from layers.top.artifacts import Article, ContentPackage
from tests.layers.top.llm_desk import assert_lawful, scripted, written

WORKFLOWS = ("standard", "research_heavy", "seo_focused", "citation_heavy")
FINE = ("good", "slow", "plain", "modern")
WORDING = (
    "invents_sources",
    "changes_numbers",
    "adds_links",
    "loops",
    "obeys_injection",
    "unsupported",
    "twists",
)
UNREADABLE = {
    "truncated": "llm_truncated",
    "cut": "llm_invalid",
    "empty": "llm_invalid",
    "wrong_schema": "llm_invalid",
    "refuses": "llm_refused",
}
DOWN = {"500": "llm_unavailable", "rate_limited": "llm_unavailable", "no_key": "llm_misconfigured"}


def codes(article):
    return {warning.code for warning in article.warnings}


@pytest.mark.parametrize(
    ("behaviour", "workflow"),
    [*((name, "standard") for name in FINE), *(("good", name) for name in WORKFLOWS[1:])],
)
async def test_a_model_that_keeps_to_the_evidence_writes_the_article(behaviour, workflow):
    async with scripted(behaviour, seconds=0.01) as (endpoint, _):
        context = await written(workflow, endpoint)

    article, package = context.need(Article), context.need(ContentPackage)
    assert_lawful(context)
    assert ("llm", "llm", None) == (article.writer, article.made_by, article.fallback_reason)
    assert ("llm", f"scripted-{behaviour}") == (package.engine.writer, package.engine.model)
    assert any("roughly" in sentence.text for sentence in article.all_sentences())
    assert article.tokens_in > 0
    assert article.cost == pytest.approx((article.tokens_in + 2 * article.tokens_out) / 1e6)


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("behaviour", WORDING)
async def test_what_the_model_words_wrongly_is_replaced_and_reported(behaviour, workflow):
    async with scripted(behaviour) as (endpoint, _):
        context = await written(workflow, endpoint)

    assert_lawful(context)
    assert "llm_sentences_replaced" in codes(context.need(Article))


@pytest.mark.parametrize("behaviour", ["invents_sources", "adds_links", "loops", "twists"])
async def test_one_repair_is_enough_for_a_model_that_listens(behaviour):
    async with scripted(f"{behaviour}-once") as (endpoint, _):
        context = await written("standard", endpoint)

    article = context.need(Article)
    assert_lawful(context)
    assert ("llm", None) == (article.writer, article.fallback_reason)
    assert "llm_sentences_replaced" not in codes(article)


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize(("behaviour", "code"), UNREADABLE.items())
async def test_answers_that_cannot_be_read_leave_the_embedded_text_and_end_the_asking(
    behaviour, code, workflow
):
    async with scripted(behaviour) as (endpoint, model):
        context = await written(workflow, endpoint)

    article = context.need(Article)
    assert_lawful(context)
    assert ("embedded", "rules", None) == (article.writer, article.made_by, article.model)
    assert article.fallback_reason.startswith(code)
    assert {code, "llm_part_unusable"} <= codes(article)
    assert article.tokens_in > 0
    assert len([body for body in model.requests if "Claims:" not in str(body["messages"])]) == 6


@pytest.mark.parametrize("behaviour", ["truncated", "wrong_schema"])
async def test_one_unreadable_answer_is_asked_for_again(behaviour):
    async with scripted(f"{behaviour}-once") as (endpoint, _):
        context = await written("standard", endpoint)

    assert_lawful(context)
    assert context.need(Article).fallback_reason is None


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize(("behaviour", "code"), DOWN.items())
async def test_a_model_that_stays_down_hands_over_to_the_embedded_writer(behaviour, code, workflow):
    async with scripted(behaviour) as (endpoint, _):
        context = await written(workflow, endpoint)

    article = context.need(Article)
    assert_lawful(context)
    assert ("embedded", None) == (article.writer, article.model)
    assert code in codes(article)
    assert context.need(ContentPackage).engine.fallback_reason.startswith(code)
