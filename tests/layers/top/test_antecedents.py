"""Nothing stands behind a sentence that it does not belong to: what a quoted sentence leans on stands before it."""

import pytest

from layers.bottom.artifacts import SourceSet
from layers.bottom.passages import index_passages
from layers.top.writer.antecedents import Surroundings, introductions, reach
from layers.top.writer.candidates import CandidatePool
from layers.top.writing import optimize_content
from tests.layers.top.desk import context, source, source_set


def _reach(text, *before, earlier="", topic=()):
    return reach(text, Surroundings(before=before, introduced=introductions(earlier), topic=topic))


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (
            "The autonomous system achieved a sensitivity of 87 percent.",
            "A trial tested an autonomous AI system.",
        ),
        ("Critics say that the model assumes too much.", "A model of the town was used."),
        ("The same network reached 97 percent.", "The 2016 network reached 90 percent."),
        ("Regulators allowed it on the basis of that trial.", "A trial with 900 people ended in 2018."),
        ("You can't measure that at home, and you needn't.", "Microbes like 25 parts of carbon."),
        ("They promise finished compost in 18 days.", "Books describe a quick method."),
        ("Each is 42 metres long and has space for bikes.", "The operator ordered 22 trams."),
        ("Track laying follows in 2027 and in 2028.", "Utility works start in March 2026."),
        ("One year later half of the users were well.", "A trial tested an internet programme."),
        ("Office work took 44 percent of that time.", "Doctors were watched for a month."),
        ("Its role is therefore disputed by experts.", "Two studies of sleep differ."),
        ("Smaller heaps take a lot more time.", "One cubic metre heats up well."),
    ],
)
def test_a_sentence_needs_the_one_that_introduces_what_it_speaks_of(text, before):
    assert _reach(text, before) == 1


def test_an_antecedent_two_sentences_back_needs_both():
    before = ("A trial enrolled 900 people.", "Half of all patients were women.")

    assert _reach("The trial found a sensitivity of 87 percent.", *before) == 2


def test_what_another_paragraph_introduced_cannot_be_made_to_stand():
    assert (
        _reach("The florist expects lower sales.", "Shops close at six.", earlier="We met a florist.") is None
    )


@pytest.mark.parametrize(
    "text",
    [
        "The Harbour Line is a planned tram line.",
        "The sun delivers more energy than mankind uses.",
        "The cost of a hive is low in most countries.",
        "Smaller heaps take more time than larger ones.",
    ],
)
def test_what_identifies_itself_stands_alone(text):
    assert _reach(text, "Something else was said here.") == 0


def test_the_subject_of_the_article_needs_no_introduction():
    text = "The heap is ready after a year."

    assert _reach(text, "A heap needs air.", topic={"heap"}) == 0
    assert _reach(text, "A heap needs air.") == 1


def test_list_items_do_not_lean_on_each_other():
    text = (
        "Cover every load of kitchen scraps with browns.\nIt should feel like a wrung-out sponge in the hand."
    )
    found = source_set(source("S1", text))
    pool = CandidatePool(found, index_passages(found.sources))

    assert [candidate.text for candidate in pool.candidates] == [
        "Cover every load of kitchen scraps with browns."
    ]


async def test_in_an_article_a_leaning_sentence_stands_right_behind_its_own_predecessor():
    one = (
        "A trial of 2018 tested an autonomous camera in clinics. The autonomous camera found 87 percent of all cases. "
        "It was approved on the basis of that trial.\n\nCameras in clinics save time for nurses and patients."
    )
    two = "A Swedish trial compared two cameras in clinics. The cameras differed by 3 percent in that trial."
    base = context(source_set(source("S1", one), source("S2", two)), brief={"topic": "cameras in clinics"})
    article = await optimize_content(base)
    texts = {item.id: item.text for item in base.need(SourceSet).sources}
    table = {item.id: item for item in article.evidence}

    before = None
    for sentence in article.all_sentences():
        if sentence.kind == "editorial":
            continue
        evidence = table[sentence.evidence[0]]
        if sentence.text.startswith(("The autonomous", "It was", "The cameras")):
            assert before is not None
            assert before.source == evidence.source
            assert texts[evidence.source][before.end : evidence.start] == " "
        before = evidence
