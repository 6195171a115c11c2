"""Every content type, audience, tone and length changes what can be measured of an article, whatever they are combined with."""

from __future__ import annotations

import asyncio
from datetime import date
from itertools import combinations, pairwise, product
from pathlib import Path

import pytest

from layers.catalog import CATALOG
from layers.contract import Audience, ContentBrief, ContentType, StepContext, TargetLength, Tone, Tools
from layers.middle.artifacts import Outline
from layers.text.readability import readability
from layers.top.artifacts import Article
from layers.top.writer.figures import salient_figure
from orchestration.adapters.library_files import FileLibrary

LIBRARY = Path(__file__).parents[2] / "samples" / "library"
TOPIC = "AI in healthcare"
BELOW = ("queryIntentAnalyzer", "sourceCollector", "contentChunker", "keywordTopicAnalyzer")
SHORT_FORMS = {ContentType.SOCIAL_MEDIA, ContentType.EMAIL_CAMPAIGN}


async def _after(services, brief, artifacts, tools=None):
    for service in services:
        context = StepContext(brief=brief, artifacts=dict(artifacts), tools=tools or Tools())
        made = await CATALOG[service].load()(context)
        artifacts[type(made)] = made
    return artifacts


@pytest.fixture(scope="module")
def written():
    """Writes an article for a brief with these values, from sources that are gathered once."""
    brief = ContentBrief(topic=TOPIC, today=date(2026, 11, 22))
    below = asyncio.run(_after(BELOW, brief, {}, Tools(library=FileLibrary(LIBRARY))))
    kept = {}

    def write(**values):
        key = tuple(sorted(values.items()))
        if key not in kept:
            asked = brief.model_copy(update=values)
            services = ("blufContentStructurer", "llmContentOptimizer")
            made = asyncio.run(_after(services, asked, dict(below)))
            kept[key] = made[Outline], made[Article]
        return kept[key]

    return write


def quoted(article):
    return [sentence.text for sentence in article.all_sentences() if sentence.evidence]


def sentence_length(article):
    return readability(" ".join(quoted(article))).words_per_sentence


def headings(article):
    return tuple(section.heading for section in article.sections)


def test_every_content_type_has_its_own_section_plan_length_and_closing(written):
    plans = {kind: written(content_type=kind) for kind in ContentType}

    for one, other in combinations(ContentType, 2):
        assert headings(plans[one][1]) != headings(plans[other][1]), (one, other)
        assert plans[one][0].call_to_action != plans[other][0].call_to_action
    for kind, (outline, article) in plans.items():
        assert outline.min_words <= article.word_count <= outline.max_words, kind
        assert (article.word_count < 400) == (kind in SHORT_FORMS)


@pytest.mark.parametrize("audience", Audience)
def test_every_tone_has_its_own_voice_and_friendly_ones_choose_shorter_sentences(written, audience):
    articles = {tone: written(tone=tone, audience=audience)[1] for tone in Tone}

    voices = [
        {sentence.text for sentence in article.all_sentences() if not sentence.evidence}
        for article in articles.values()
    ]
    assert all(one.isdisjoint(other) for one, other in combinations(voices, 2))
    plain = [sentence_length(articles[tone]) for tone in (Tone.FRIENDLY, Tone.CONVERSATIONAL)]
    exact = [sentence_length(articles[tone]) for tone in (Tone.FORMAL, Tone.TECHNICAL, Tone.AUTHORITATIVE)]
    assert max(plain) < min(exact)


def test_an_authoritative_article_gives_more_figures_than_a_friendly_one(written):
    def figures(tone):
        return sum(salient_figure(text) is not None for text in quoted(written(tone=tone)[1]))

    assert figures(Tone.AUTHORITATIVE) > figures(Tone.FRIENDLY)


@pytest.mark.parametrize("kind", [kind for kind in ContentType if kind not in SHORT_FORMS])
def test_the_audience_changes_opening_closing_and_what_is_chosen(written, kind):
    firms, consumers = (written(content_type=kind, audience=audience) for audience in Audience)

    assert firms[1].introduction[0].text != consumers[1].introduction[0].text
    assert firms[0].call_to_action != consumers[0].call_to_action
    assert quoted(firms[1]) != quoted(consumers[1])


def test_consumers_get_sentences_no_longer_than_firms_do(written):
    firms, consumers = (written(audience=audience)[1] for audience in Audience)

    assert sentence_length(consumers) < sentence_length(firms)


def test_longer_articles_have_more_words_sections_and_evidence(written):
    made = [written(target_length=length) for length in TargetLength]

    for smaller, larger in pairwise(made):
        assert larger[1].word_count > 1.3 * smaller[1].word_count
        assert len(larger[1].sections) > len(smaller[1].sections)
        assert len(larger[1].evidence) > len(smaller[1].evidence)
    assert all(outline.min_words <= article.word_count <= outline.max_words for outline, article in made)


def test_no_two_combinations_of_type_and_audience_give_the_same_article(written):
    made = [
        written(content_type=kind, audience=audience) for kind, audience in product(ContentType, Audience)
    ]

    texts = [
        (outline.call_to_action, *headings(article), *(sentence.text for sentence in article.all_sentences()))
        for outline, article in made
    ]
    assert len(set(texts)) == len(texts)
