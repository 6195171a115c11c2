from datetime import date

import pytest

from layers.bottom.artifacts import FreshnessReport, KeywordPlan, Question, Source, SourceAge, SourceSet
from layers.bottom.passages import index_passages
from layers.contract import ContentBrief, GivenAuthor
from layers.top.artifacts import Article, Section, Sentence
from layers.top.eeat import report_signals
from layers.top.eeat_probes import Known
from layers.top.evidence import EvidenceTable
from layers.top.facts import report_facts, worth_checking
from layers.top.research import build_research, kind_of
from layers.top.verification.quantities import quantities

TODAY = date(2026, 11, 22)
TEXTS = (
    "Kelp farms in Norway produced 600 tonnes of kelp in 2023. Growing kelp needs no fresh water and no fertiliser.",
    "Growing kelp needs neither fresh water nor fertiliser. Kelp farms in Norway produced 900 tonnes of kelp in 2023.",
    'The mayor of Oslo said that "kelp will feed the whole of this town one day". Kelp prices fell by 40 percent.',
)


def _sources(texts=TEXTS):
    sources = tuple(
        Source(
            id=f"S{n}",
            origin="library",
            locator=f"{n}.md",
            title=f"Kelp {n}",
            text=text,
            sha256="0" * 64,
            published=TODAY,
        )
        for n, text in enumerate(texts, 1)
    )
    return SourceSet(sources=sources, tried=(), sufficient=True), index_passages(sources)


def _research(brief=None, freshness=None):
    sources, index = _sources()
    asked = Question(
        text="How much kelp do farms in Norway produce?", kind="how", keyword="kelp", passages=("P1",)
    )
    plan = KeywordPlan(keywords=(), clusters=(), questions=(asked,))
    brief = brief or ContentBrief(topic="Growing kelp without fertiliser", today=TODAY)
    return sources, build_research(brief, sources, index, plan, freshness=freshness)


def _article(*claims):
    sources, index = _sources()
    table = EvidenceTable(sources, index)
    rows = {passage.source: passage for passage in index.passages}
    sentences = []
    for number, (text, source) in enumerate(claims, 1):
        quoted = ()
        if source:
            passage = rows[source]
            quoted = (table.add(passage, *passage.sentences[0]).id,)
        sentences.append(Sentence(id=f"c{number}", text=text, kind="claim", evidence=quoted))
    article = Article(
        title="Kelp", meta_description="", slug="kelp", answer=tuple(sentences), sections=(),
        evidence=table.as_tuple(), word_count=50,
    )  # fmt: skip
    return article, sources, index


def test_every_piece_of_evidence_is_a_slice_of_its_source():
    sources, research = _research()

    assert research.evidence
    assert all(row.quote == sources.by_id(row.source).text[row.start : row.end] for row in research.evidence)


def test_findings_name_rows_of_the_table_and_no_row_answers_two_questions():
    _, research = _research()

    rows = [row for finding in research.findings for row in finding.evidence]
    assert len(rows) == len(set(rows))
    assert {row.id for row in research.evidence} == set(rows)


def test_two_sources_that_say_the_same_agree_and_different_figures_for_one_thing_are_shown_as_such():
    _, research = _research()

    quotes = {row.id: row.quote for row in research.evidence}
    assert any(
        "fertiliser" in quotes[one] and "fertiliser" in quotes[two] for one, two in research.agreements
    )
    assert [d.detail for d in research.disagreements] == ["S1 says '600 tonnes', S2 says '900 tonnes'"]


def test_a_question_whose_evidence_an_earlier_one_took_is_no_gap():
    brief = ContentBrief(
        topic="Growing kelp", today=TODAY, key_points=("Growing kelp without fertiliser and water",)
    )

    _, research = _research(brief)

    assert research.gaps == ()


def test_gaps_tell_what_no_source_treats_and_that_all_are_old():
    stale = SourceAge(
        source="S1", published=None, age_days=900, newest_year_in_text=None, stale=True, basis="metadata"
    )
    freshness = FreshnessReport(
        deserves_freshness=True, reason="", max_age_days=365, ages=(stale,), stale_sources=("S1",)
    )
    brief = ContentBrief(
        topic="Growing kelp", today=TODAY, search_keywords=("moon dust",), key_points=("zzz qqq",)
    )

    _, research = _research(brief, freshness)

    assert research.gaps == (
        "No evidence answers: zzz qqq",
        "No passage treats: moon dust",
        "No source is newer than 365 days.",
    )


@pytest.mark.parametrize(
    ("quote", "kind"),
    [
        ("Prices fell by 40 percent.", "statistic"),
        ('She said "kelp will feed this town one day" in 2020.', "quote"),
        ("Kelp grows fast.", "claim"),
    ],
)
def test_kinds_of_findings(quote, kind):
    assert kind == kind_of(quote)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It takes three to six months.", [(3.0, 6.0, "month")]),
        ("About 1,200 farms and 25 percent more.", [(1200.0, 1200.0, "farm"), (25.0, 25.0, "%")]),
        ("It cost $3 million in 2020.", [(3e6, 3e6, "$")]),
        ("In 2023 nothing happened.", []),
    ],
)
def test_quantities_are_values_with_a_unit(text, expected):
    assert expected == [(q.low, q.high, q.unit) for q in quantities(text)]


def test_ranges_that_touch_do_not_conflict():
    one, two, three = (quantities(text)[0] for text in ("3 to 6 months", "5 months", "12 months"))

    assert not one.conflicts(two)
    assert two.conflicts(three)


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("Prices fell by 40 percent in 2023.", ("percentage", "date")),
        ("The World Health Organization says so.", ("name",)),
        ("It is the largest farm with 12 boats.", ("number", "superlative")),
        ("Kelp grows on ropes.", ()),
    ],
)
def test_claims_worth_checking_say_why(text, worth):
    assert worth == worth_checking(Sentence(id="c1", text=text, kind="claim"))


def test_an_editorial_sentence_is_never_worth_checking():
    assert worth_checking(Sentence(id="c1", text="Read the 12 sources.", kind="editorial")) == ()


def test_facts_are_held_against_other_sources_than_the_cited_one():
    report = report_facts(
        *_article(
            ("Kelp farms in Norway produced 600 tonnes of kelp in 2023.", "S1"),
            ("Kelp farms in Norway produced 900 tonnes of kelp in 2023.", "S1"),
            ("Whales sang 77 songs near the first harbour.", None),
        )
    )

    assert [fact.status for fact in report.facts] == ["supported", "supported", "unsupported"]
    assert report.facts[0].note == "only S1 says so"
    assert report.facts[1].note == "also found in S2"
    assert set(report.facts[1].supporting) == {row.id for row in report.evidence}
    assert not report.contradiction_checked


def _signals(brief, article, sources):
    known = Known(brief=brief, article=article, sources=sources, citations=None, freshness=None, facts=None)
    report = report_signals(known)
    return report, {signal.signal: signal for signal in report.signals}


def test_signals_of_an_author_come_from_the_request_alone():
    article, sources, _ = _article(("Kelp farms in Norway produced 600 tonnes of kelp in 2023.", "S1"))
    author = GivenAuthor(name="Ada Fischer", credentials="Marine biologist")

    _, without = _signals(ContentBrief(topic="Kelp", today=TODAY), article, sources)
    _, given = _signals(ContentBrief(topic="Kelp", today=TODAY, author=author), article, sources)

    assert (
        without["named_author"].present,
        without["named_author"].evidence,
        without["named_author"].fix,
    ) == (False, None, "Give author.name.")
    assert (given["named_author"].evidence, given["named_author"].fix) == ("Ada Fischer", None)
    assert given["author_credentials"].evidence == "Marine biologist"
    assert not given["author_page"].present


def test_every_signal_has_evidence_or_a_cure_and_the_score_is_their_share():
    article, sources, _ = _article(("Kelp farms produced 999 tonnes.", "S1"))
    report, signals = _signals(ContentBrief(topic="Kelp", today=TODAY), article, sources)

    assert 20 <= len(report.signals) == len(signals)
    assert all(s.present == (s.evidence is not None) == (s.fix is None) for s in report.signals)
    assert sum(s.present for s in report.signals) / len(report.signals) == pytest.approx(
        report.score, abs=1e-3
    )
    assert not signals["checked_figures"].present


def test_sections_and_quotes_are_found_as_signals():
    article, sources, _ = _article(("Kelp farms in Norway produced 600 tonnes of kelp in 2023.", "S1"))
    section = Section(id="s1", heading="How to start", level=2, sentences=article.answer, form="steps")
    risks = section.model_copy(update={"id": "s2", "heading": "Risks and limitations", "form": "prose"})
    article = article.model_copy(update={"sections": (section, risks)})

    _, signals = _signals(ContentBrief(topic="Kelp", today=TODAY), article, sources)

    assert {"practical_advice", "limits_named", "every_claim_cited", "checked_figures", "dated_sources"} <= {
        name for name, signal in signals.items() if signal.present
    }
