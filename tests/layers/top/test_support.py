"""The support score, the guard over figures and names, and the search for the best evidence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.bottom.passages import index_passages
from layers.contract import Audience
from layers.top.verification.credibility import credibility
from layers.top.verification.evidence_finder import EvidenceFinder
from layers.top.verification.support import EvidenceText, support_score
from tests.layers.top.desk import TODAY, source, sources

EVIDENCE = EvidenceText(
    "The World Health Organization counted 48.9 million cases of sepsis in 2017. Twenty percent of all deaths were related to it."
)


def test_a_paraphrase_with_the_same_facts_is_supported():
    score = support_score(
        "In 2017 the World Health Organization counted 48.9 million cases of sepsis.", EVIDENCE
    )

    assert (score.band, score.missing_figures, score.missing_names) == ("supported", (), ())


def test_number_words_and_digits_are_the_same_figure():
    assert support_score("20% of all deaths were related to sepsis.", EVIDENCE).missing_figures == ()


@pytest.mark.parametrize("figure", ["49.8 million", "48.9 billion"])
def test_a_changed_figure_is_never_supported(figure):
    score = support_score(
        f"The World Health Organization counted {figure} cases of sepsis in 2017.", EVIDENCE
    )

    assert len(score.missing_figures) == 1
    assert score.band != "supported"


def test_a_name_that_the_evidence_lacks_is_reported():
    score = support_score("The European Medicines Agency counted cases of sepsis.", EVIDENCE)

    assert score.missing_names == ("European Medicines Agency",)


def test_an_unrelated_claim_is_unsupported():
    assert support_score("Bananas ripen faster in a paper bag.", EVIDENCE).band == "unsupported"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_gets_a_score_between_0_and_1(claim, evidence):
    score = support_score(claim, EvidenceText(evidence))

    assert 0 <= score.score <= 1
    assert 0 <= score.fit <= 1


MANY = EvidenceText(
    "In 2019 the hospital treated 48 patients. Of these, 12 of 48 patients had sepsis. The mean stay was 76.3 hours. "
    "Half of the nurses took part. The ward has two doctors for patients of type 2. A visit takes 90 minutes. "
    "The new building opened 6 kilometres away."
)


@pytest.mark.parametrize(
    "claim",
    [
        "The mean stay was 76 hours.",
        "About 50 patients were treated by the hospital.",
        "25% of the patients had sepsis.",
        "50 percent of the nurses took part.",
        "The hospital treated its patients back in '19.",
        "A visit takes 1.5 hours.",
        "There are two sides to the nurses.",
        "The ward treats patients of Type-2.",
    ],
)
def test_the_same_figure_may_be_written_in_another_way(claim):
    assert () == MANY.figures.lacking(claim)


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("The mean stay was 77 hours.", "77"),
        ("Exactly 50 patients were treated by the hospital.", "50"),
        ("26% of the patients had sepsis.", "26%"),
        ("A visit takes 2.5 hours.", "2.5"),
        ("The ward has three doctors.", "3"),
        ("The ward treats patients of type 3.", "3"),
        ("Nurses with sepsis took part 6 times.", "6x"),
        ("Six nurses of the ward have sepsis, and 6 nurses took part.", "6"),
    ],
)
def test_another_figure_or_the_figure_of_another_thing_is_missing(claim, missing):
    assert (missing,) == MANY.figures.lacking(claim)


def test_a_share_may_stand_in_the_evidence_as_a_ratio():
    score = support_score(
        "A ratio of 50% is too high, one of 40% is not.", EvidenceText("Above 0.5 it is too high.")
    )

    assert score.missing_figures == ("40%",)


def test_a_reference_mark_is_held_against_the_entries_of_the_evidence():
    entries = EvidenceText("[4] https://example.org/sleep\n\nAdults need sleep.")

    assert support_score("Adults need sleep [4].", entries).missing_figures == ()
    assert support_score("Adults need sleep [7].", entries).missing_figures == ("[7]",)
    assert support_score("Adults need sleep [7].", EvidenceText("Adults need sleep.")).missing_figures == ()


def test_the_finder_quotes_one_sentence_where_one_is_enough():
    found = sources()
    best = EvidenceFinder(found, index_passages(found.sources)).best(
        "Grants pay up to 40 percent of the price."
    )

    text = found.by_id(best.passage.source).text[best.start : best.end]
    assert text == "However, grants cover up to 40 percent of the price in several countries."


def test_the_finder_names_the_other_source_that_fits_better():
    found = sources()
    finder = EvidenceFinder(found, index_passages(found.sources))
    claim = "Oil boilers burn heating oil and give off carbon dioxide."

    assert finder.best_elsewhere(claim, ("S1",))[0] == "S2"
    assert finder.best_elsewhere(claim, ("S2",))[1].fit < 0.5


@pytest.mark.parametrize(
    ("domain", "better_than"),
    [("nhs.gov.uk", "example.org"), ("europa.eu", "example.com"), ("mit.edu", "example.com"), ("example.org", "medium.com"), ("nature.com", "blogspot.com")],
)  # fmt: skip
def test_accountable_publishers_are_more_credible(domain, better_than):
    scores = [
        credibility(source("S1", "x", url=f"https://{name}/", registrable_domain=name), audience=Audience.B2C, today=TODAY, corroborated_by=()).score
        for name in (domain, better_than)
    ]  # fmt: skip
    assert scores[0] > scores[1]


def test_audiences_weigh_the_same_facts_differently():
    judged = source("S1", "x", doi="10.1000/x", published=TODAY)
    b2b, b2c = (
        credibility(judged, audience=audience, today=TODAY, corroborated_by=("S2",)).score
        for audience in Audience
    )

    assert b2b > b2c
