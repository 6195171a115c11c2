"""What an article does with material of other kinds: tables, contradictions, notes, own tests, odd topics."""

import pytest

from layers.text.table_rows import cells_of, columns_of
from orchestration.workflows import PREDEFINED
from tests.layers.run import produce

FOR = """# Coffee and health: the good news
Drinking three to four cups of coffee a day is associated with lower mortality. An umbrella review in 2017 found the largest reduction in the risk of death at three cups a day. Coffee drinkers have a lower risk of diabetes of type 2. Caffeine improves alertness and endurance.
"""
AGAINST = """# Coffee and health: reasons for caution
Coffee raises blood pressure for about three hours in people who seldom drink it. Drinking three to four cups of coffee a day is not associated with lower mortality once smoking is taken into account. Unfiltered coffee contains cafestol, which raises cholesterol. Pregnant women should not have more than 200 milligrams of caffeine a day.
"""
REVIEW = """# Keylight 75 review
The Keylight 75 is a wireless mechanical keyboard with 84 keys and hot-swappable switches. In our test the battery lasted 11 days at eight hours a day. The Keylight 75 costs 149 dollars and weighs 1.42 kilograms. We like it.

| Model | Battery | Noise |
| --- | --- | --- |
| Keylight 75 | 11 days | 52 dB |
| Nordtast N3 | 6 days | 55 dB |
"""
MARKET = """# Wireless keyboards compared
The Nordtast N3 is a wireless keyboard with a plastic case that flexes under pressure. The Arco Pro is a wireless keyboard with good software for three systems. Returns are possible within 30 days at most shops that sell a mechanical keyboard.
"""
TOPICS = ("?!...", "The", "Is it?", "Is coffee healthy?", "coffee vs tea vs water", "10 best coffees 2026", "Kaffee und Gesundheit",
          "why", "What does it cost", "C++ & C#", "a" * 300, "coffee\n\nmortality", "How to?", "Coffee: risks, benefits (and limits)")  # fmt: skip


async def test_a_table_of_a_source_is_shown_row_by_row_under_its_columns():
    package = await produce("Keylight 75 wireless keyboard", REVIEW, MARKET, content_type="product_review")

    section = next(section for section in package.article.sections if section.id == "data")
    rows = [sentence for sentence in section.sentences if sentence.evidence]
    assert "| Model | Battery | Noise | Source |" in package.article.markdown
    assert "| Keylight 75 | 11 days | 52 dB | [[1]](#source-1) |" in package.article.markdown
    assert '<th scope="col">Battery</th>' in package.article.html
    assert ["quote", "quote"] == [row.kind for row in rows]
    assert not any("Model: " in part.text for variant in package.variants for part in variant.parts)


async def test_a_finding_of_a_source_s_own_test_is_quoted_without_its_we():
    package = await produce("Keylight 75 wireless keyboard", REVIEW, MARKET, content_type="product_review")

    text = package.article.markdown
    assert "The battery lasted 11 days" in text
    assert "our test" not in text
    assert "We like" not in text


@pytest.mark.parametrize("workflow", PREDEFINED)
async def test_sources_that_differ_by_a_not_are_shown_together_and_reported(workflow):
    package = await produce("Is coffee healthy?", FOR, AGAINST, workflow=workflow, target_length="short")

    section = next(section for section in package.article.sections if section.id == "differences")
    said = [sentence.text for sentence in section.sentences if sentence.evidence]
    assert 2 == len(said)
    assert {True, False} == {"is not associated" in text for text in said}
    assert "sources_disagree" in {notice.code for notice in package.notices}
    answer = " ".join(sentence.text for sentence in package.article.answer)
    assert ("is not associated" in answer) == ("day is associated" in answer)


@pytest.mark.parametrize("topic", TOPICS)
async def test_no_topic_breaks_a_workflow(topic):
    package = await produce(topic, FOR, AGAINST, library=None)

    assert package.status in {"complete", "partial", "insufficient_evidence"}
    assert (package.article is None) == (package.status == "insufficient_evidence")


def test_rows_are_told_from_sentences():
    assert (("Model", "A"), ("Weight", "2 kg")) == cells_of("Model: A; Weight: 2 kg")
    assert ("Model", "Weight") == columns_of(["Model: A; Weight: 2 kg", "Model: B; Weight: 3 kg"])
    assert columns_of(["Model: A; Weight: 2 kg", "Model: B; Price: 3"]) is None
    for text in ("Model: A", "He said: yes; then he left.", "A: 1; A: 2", "Plain words.", ""):
        assert cells_of(text) is None
