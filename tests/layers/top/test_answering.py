"""The answer is about the topic, and a FAQ entry answers its question; otherwise less is said."""

import pytest

from layers.bottom.reading.references import parse_references
from layers.top.writer.faq import is_printable, stands_alone
from layers.top.writer.subject import Subject
from layers.top.writing import optimize_content
from tests.layers.top.desk import context, source, source_set

BEES = (
    "The short answer is yes, you can keep bees on a flat roof. Bees need water in summer.\n\n"
    "A mite is a small animal that lives on the brood. Mites spread viruses in many colonies."
)
MITES = "A mite is an animal that feeds on the brood of insects. Thymol works against mites above 15 degrees."


async def _answer(topic, *texts, **plan):
    found = source_set(*(source(f"S{n}", text) for n, text in enumerate(texts, 1)))
    article = await optimize_content(context(found, brief={"topic": topic}, answer_question=topic, **plan))
    return [sentence.text for sentence in article.answer]


async def test_the_answer_speaks_of_the_topic_and_not_of_something_defined_beside_it():
    answer = await _answer("Urban beekeeping for beginners", MITES, BEES)

    assert answer[0].startswith("The short answer is yes")
    assert not any("mite" in text.lower() for text in answer)


async def test_where_nothing_speaks_of_the_topic_nothing_is_answered():
    assert await _answer("Home composting", MITES, MITES.replace("mite", "louse")) == []


def test_a_subject_knows_related_words_and_how_much_of_a_phrase_names_it():
    subject = Subject("Urban beekeeping", ["Bees are kept by people who keep bees."])

    assert subject.share("Bees need water.") > 0.5
    assert subject.share("Mites need brood.") == 0
    assert Subject("healthcare", []).purity("algorithmic bias in healthcare") == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("question", "printable"),
    [
        ("What are the risks of remote work?", True),
        ("What are the risks of wild bees?", False),
        ("What are examples of patients?", False),
        ("How does firm-wide remote work?", False),
        ("What role do passengers play in remote work?", False),
        ("Which countries tax it?", True),
    ],
)
def test_the_general_forms_are_asked_of_the_topic_alone(question, printable):
    assert is_printable(question, Subject("Remote work", ["Remote work is work at home."])) is printable


def test_a_question_that_only_its_page_explains_is_not_taken_out_of_it():
    subject = Subject("Trams", ["Trams run on rails."])

    assert not stands_alone("Who loses?", subject)
    assert stands_alone("Are trams loud?", subject)


def test_a_list_of_institutions_is_not_the_title_of_a_work():
    entry = "[1] Food Agency, Health Office, Medicines and Healthcare products Regulatory Agency. Good practice for devices. Press, 2021."

    assert parse_references([entry])[0].title == "Good practice for devices"
