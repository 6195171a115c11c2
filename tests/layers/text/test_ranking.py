import pytest

from layers.text.bm25 import Bm25
from layers.text.phrases import key_phrases
from layers.text.similarity import cosine, jaccard
from layers.text.words import stems


def test_the_document_with_the_rarer_stem_comes_first_and_ties_keep_document_order():
    index = Bm25([["a", "b"], ["a", "c"], ["a", "b"]])
    assert [position for position, _ in index.top(["a", "c"], 3)] == [1, 0, 2]
    assert index.top(["nothing"], 3) == []
    assert index.idf("c") > index.idf("a") > 0


def test_scores_agree_with_the_formula_worked_by_hand():
    index = Bm25([["x", "x", "y"], ["y"]], k1=1.2, b=0.75)
    # idf(x) = ln(1 + 1.5/1.5); tf part = 2*2.2/(2 + 1.2*(.25 + .75*3/2))
    assert index.scores(["x"])[0] == pytest.approx(0.693147 * 4.4 / 3.65, rel=1e-4)


def test_an_empty_index_answers_with_nothing():
    assert Bm25([]).top(["a"], 5) == []
    assert Bm25([[]]).scores(["a"]) == {}


def test_similarity_takes_texts_or_stems():
    assert jaccard("Solar panels", ["solar", "roof"]) == pytest.approx(1 / 3)
    assert cosine("Solar panels", stems("solar panel")) == pytest.approx(1.0)
    assert cosine("", "") == jaccard("", "") == 0.0
    assert cosine(["a", "b"], ["a", "c"], idf={"a": 0.0, "b": 1.0, "c": 1.0}.__getitem__) == 0.0


def test_near_duplicates_are_found_and_neighbours_are_not():
    text = "Heat pumps move heat from the ground into the house."
    assert cosine(text, "Heat pumps move heat out of the ground into a house.") >= 0.8
    assert cosine(text, "Heat pumps cost more than gas boilers do.") < 0.8


TEXT = """
Machine learning finds breast cancer in mammograms. Radiologists with machine learning are faster.

A national screening programme compared machine learning with two radiologists. NASA was not involved.
"""


def test_key_phrases_are_the_subject_in_the_text_s_own_words():
    phrases = key_phrases(TEXT, 4)
    assert phrases[0].phrase == "machine learning"
    assert phrases[0].score == 1.0
    assert phrases[0].count == 3
    assert "breast cancer" in [phrase.phrase for phrase in phrases]


def test_acronyms_keep_their_capitals_and_an_empty_text_has_no_phrases():
    assert "NASA" in [phrase.phrase for phrase in key_phrases(TEXT, 20)]
    assert key_phrases("The of and.") == []
