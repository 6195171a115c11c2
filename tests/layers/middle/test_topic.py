import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.middle.outline.casing import Casing, capitalise
from layers.middle.outline.grammar import gerund, is_plural, join_names
from layers.middle.outline.topic import read_topic


@pytest.mark.parametrize(
    ("topic", "question"),
    [
        ("Artificial intelligence in healthcare", "What is artificial intelligence in healthcare?"),
        (
            "How to secure a small business against phishing",
            "How do you secure a small business against phishing?",
        ),
        (
            "Lithium-ion vs sodium-ion batteries",
            "How do lithium-ion and sodium-ion batteries differ?",
        ),
        ("urban beekeeping for beginners", "What is urban beekeeping?"),
        ("espresso vs filter coffee", "How do espresso and filter coffee differ?"),
        ("What is the difference between TCP and UDP?", "How do TCP and UDP differ?"),
        ("Remote Work in 2026: A Guide", "What is remote work?"),
        ("electric vehicles", "What are electric vehicles?"),
        ("why do leaves change colour", "Why do leaves change colour?"),
        ("sleep and health", "What is known about sleep and health?"),
        ("10 tips for better sleep", "10 tips for better sleep"),
        ("???", "???"),
    ],
)
def test_the_opening_question_is_good_english_for_every_form_of_topic(topic, question):
    assert question == read_topic(topic).question


@pytest.mark.parametrize(
    ("topic", "subject", "focus"),
    [
        ("The future of electric vehicles", "electric vehicles", "outlook"),
        ("Benefits of meditation", "meditation", "benefits"),
        ("impact of remote work on productivity", "remote work", "benefits"),
        ("how to start composting", "composting", None),
        ("how to set up a home network", "setting up a home network", None),
        ("Introduction to machine learning", "machine learning", None),
    ],
)
def test_a_frame_around_the_subject_is_taken_off_and_tells_the_focus(topic, subject, focus):
    found = read_topic(topic)

    assert (subject, focus) == (found.subject, found.focus)


def test_names_keep_the_capitals_that_the_sources_give_them():
    texts = ["Many teams run Kubernetes, and Kubernetes costs money.", "They say that Kubernetes scales."]

    assert read_topic("kubernetes", texts).question == "What is Kubernetes?"


def test_the_acronym_that_a_source_introduces_becomes_the_short_name():
    found = read_topic("Artificial intelligence in healthcare", ["Artificial intelligence (AI) reads scans."])

    assert (found.short, found.place) == ("AI", " in healthcare")


def test_compared_things_share_a_head_only_where_the_sources_write_it_so():
    coffee = ["Espresso is strong. The espresso was short. Filter coffee is mild. I like espresso."]

    assert read_topic("Espresso vs filter coffee", coffee).sides == ("espresso", "filter coffee")


@pytest.mark.parametrize(
    ("phrase", "plural"),
    [
        ("electric cars", True),
        ("machine learning", False),
        ("economics", False),
        ("people at work", True),
        ("glass", False),
    ],
)
def test_number_is_read_from_the_head_of_the_phrase(phrase, plural):
    assert plural is is_plural(phrase)


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("secure it", "securing it"),
        ("set up", "setting up"),
        ("start", "starting"),
        ("tie", "tying"),
        ("see", "seeing"),
    ],
)
def test_gerunds_follow_the_spelling_rules(verb, form):
    assert form == gerund(verb)


def test_lists_of_names_are_joined_with_and():
    assert [join_names("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_a_title_case_heading_is_written_in_sentence_case_but_for_names():
    casing = Casing(["The rules of the European Union apply.", "In the European Union this holds."])

    assert casing.heading("Rules In The European Union") == "Rules in the European Union"


@given(st.text(max_size=200))
def test_no_topic_breaks_the_reading(topic):
    found = read_topic(topic, [topic])

    assert isinstance(found.question, str)
    assert capitalise(found.title)[:1] == found.title[:1]
