import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.bottom.artifacts import Reference, ReferenceAnchor, Source, SourceSet
from layers.bottom.passages import index_passages
from layers.top.evidence import EvidenceTable

TEXT = "Kelp grew by 25 percent in 2024. Farmers were glad. Prices fell to 300 euros a tonne."
SOURCE = Source(
    id="S1", origin="library", locator="kelp.md", title="Kelp", text=TEXT, sha256="0" * 64,
    references=tuple(Reference(number=n, citation=f"Work {n}") for n in (1, 2)),
    anchors=(ReferenceAnchor(offset=32, numbers=(1,)), ReferenceAnchor(offset=len(TEXT), numbers=(2,))),
)  # fmt: skip
SOURCES = SourceSet(sources=(SOURCE,), tried=(), sufficient=False)
INDEX = index_passages((SOURCE,))
PASSAGE = INDEX.passages[0]


def test_a_quote_is_the_verbatim_slice_with_its_figures():
    row = EvidenceTable(SOURCES, INDEX).add(PASSAGE, 0, 32)

    assert TEXT[row.start : row.end] == row.quote == "Kelp grew by 25 percent in 2024."
    assert row.numbers == ("25%", "2024")


def test_the_same_span_is_one_row_in_every_table():
    one, other = EvidenceTable(SOURCES, INDEX), EvidenceTable(SOURCES, INDEX)
    other.add(PASSAGE, 33, 51)

    assert one.add(PASSAGE, 0, 32) == one.add(PASSAGE, 0, 33) == other.add(PASSAGE, 0, 32)
    assert len(one.as_tuple()) == 1
    assert one.get(one.as_tuple()[0].id) == one.as_tuple()[0]


def test_a_reference_backs_what_stands_before_its_mark():
    table = EvidenceTable(SOURCES, INDEX)

    assert [table.add(PASSAGE, *span).references for span in ((0, 32), (33, 51), (52, len(TEXT)))] == [
        (1,),
        (2,),
        (2,),
    ]


def test_references_without_marks_are_those_of_the_passage():
    plain = SOURCE.model_copy(update={"anchors": ()})
    passage = PASSAGE.model_copy(update={"references": (1, 2)})
    table = EvidenceTable(
        SourceSet(sources=(plain,), tried=(), sufficient=False),
        INDEX.model_copy(update={"passages": (passage,)}),
    )

    assert table.add(passage, 0, 32).references == (1, 2)


def test_a_passage_that_is_not_in_the_index_cannot_be_quoted():
    with pytest.raises(ValueError, match="not in the index"):
        EvidenceTable(SOURCES, INDEX).add(PASSAGE.model_copy(update={"end": 10}), 0, 10)


@given(st.integers(-5, len(TEXT) + 5), st.integers(-5, len(TEXT) + 5))
def test_whatever_the_span_a_row_is_verbatim_or_refused(start, end):
    table = EvidenceTable(SOURCES, INDEX)
    try:
        row = table.add(PASSAGE, start, end)
    except ValueError:
        assert table.as_tuple() == ()
    else:
        assert row.quote == TEXT[row.start : row.end] == row.quote.strip() != ""
