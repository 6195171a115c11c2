from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.text.sentences import paragraphs, split_sentences


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith of St. Mary's saw 3.5 percent.", "Nobody else did."],
        ["J. R. R. Tolkien wrote it.", "He was a don."],
        ["Vitamin C.", "The dose is small."],
        ["It costs approx. 5 dollars, e.g. in the U.S. Senate.", "The rest is free."],
        ["Apple Inc. announced it on Sept. 5.", "Shares rose."],
        ["He lives in the U.S.", "She does not."],
        ["See Fig. 2 and Smith et al. 2020 for more.", "Then stop!", "Really?", "Yes."],
        ["“Is it safe?” she asked.", "“It is.”", "Others disagree…", "So what?"],
        ["Version 3.11.7 runs Node.js at 10.30 a.m. on Monday.", "It works."],
        ["It rose to 45.", "In 2020, it fell.", "2021 was better."],
        ["The trial ended.[3]", "Results followed. [4, 5]"],
        ["Yahoo! is a company.", "iPhones are not."][:1],
        ["Is it No. 1?", "No.", "It is second."],
    ],
)
def test_sentences_are_told_from_abbreviations(expected):
    assert expected == sentences(" ".join(expected))


def test_list_items_are_sentences_without_their_bullets():
    text = "What you need:\n- A pump. Any will do.\n- A hose\n2. Turn it on\n\nDone"
    assert sentences(text) == ["What you need:", "A pump.", "Any will do.", "A hose", "Turn it on", "Done"]


def test_a_wrapped_line_does_not_end_a_sentence_and_a_blank_line_does():
    assert sentences("One line\ngoes on. Next\n\nLast") == ["One line\ngoes on.", "Next", "Last"]


def test_line_breaks_end_sentences_where_the_caller_says_so():
    text = "You need:\nA pump\nA hose. And a tap"
    assert [text[a:b] for a, b in split_sentences(text, lines=True)] == [
        "You need:",
        "A pump",
        "A hose.",
        "And a tap",
    ]


def test_full_width_stops_end_sentences_without_a_space():
    assert sentences("これは文です。次の文！") == ["これは文です。", "次の文！"]


def test_paragraphs_are_what_blank_lines_part():
    text = "\n\n One \n \nTwo\nstill two\n\n\n\nThree  "
    assert [text[a:b] for a, b in paragraphs(text)] == ["One", "Two\nstill two", "Three"]


@given(st.text(alphabet="aB1.!? \n\"')[]-–。\t", max_size=80))
def test_spans_are_ordered_apart_trimmed_and_lose_no_word(text):
    spans = split_sentences(text)
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    outside = text if not spans else text[: spans[0][0]] + text[spans[-1][1] :]
    assert not any(character in "aB" for character in outside)
