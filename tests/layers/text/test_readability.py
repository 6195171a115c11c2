import pytest

from layers.text.readability import count_syllables, readability

# Words, sentences and syllables counted by hand.
COUNTED = [
    ("The cat sat on the mat.", 6, 1, 6),
    ("It is a hot day. We like to swim in the sea.", 12, 2, 12),
    ("Doctors use machine learning to read images.", 7, 1, 12),
    ("The hospital improved patient safety by changing its procedures.", 9, 1, 17),
    ("Renewable energy created several million jobs. Most of them were in Asia.", 12, 2, 23),
    ("Artificial intelligence evaluates radiological images.", 5, 1, 21),
    ("What is a heat pump? It moves warm air into a house.", 12, 2, 13),
]


@pytest.mark.parametrize(("text", "words", "sentences", "syllables"), COUNTED)
def test_grades_agree_with_hand_counts_within_half_a_grade(text, words, sentences, syllables):
    measured = readability(text)
    assert (measured.words, measured.sentences) == (words, sentences)
    assert measured.grade == pytest.approx(
        0.39 * words / sentences + 11.8 * syllables / words - 15.59, abs=0.5
    )
    assert measured.flesch == pytest.approx(
        206.835 - 1.015 * words / sentences - 84.6 * syllables / words, abs=4
    )


def test_syllables_of_words_with_silent_and_parted_vowels():
    by_hand = {
        "makes": 1, "tables": 2, "created": 3, "played": 1, "radio": 3, "nation": 2, "science": 2, "patient": 2,
        "management": 3, "beyond": 2, "algorithm": 4, "didn't": 2, "something": 2, "technique": 2, "NHS": 3, "AI": 2,
        "2024": 1, "continuous": 4, "video": 3, "social": 2, "studying": 3, "requirement": 3,
    }  # fmt: skip
    assert {word: count_syllables(word) for word in by_hand} == by_hand


def test_an_empty_text_measures_zero():
    assert readability("  ").words == 0
    assert readability("").grade == 0.0
