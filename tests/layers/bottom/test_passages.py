from datetime import date

from layers.bottom.artifacts import ReferenceAnchor, Source, SourceSet
from layers.bottom.passage_search import PassageSearch
from layers.bottom.passages import chunk_content, index_passages
from layers.contract import ContentBrief, StepContext

TEXT = (
    "Heat pumps move heat. They need little power. A pump lasts twenty years. Prices fell in 2023. Demand rose.\n\n"
    "Good insulation helps any heating system.\n\nYou need:\nA dry cellar with space\nA permit from the city"
)


def source(**changes):
    values = {
        "id": "S1", "origin": "given", "locator": "x", "title": "Heat pumps", "text": TEXT, "sha256": "0",
        "headings": ((0, "How pumps work"), (TEXT.index("Good"), "Insulation")),
        "anchors": (ReferenceAnchor(offset=TEXT.index(" They"), numbers=(2,)), ReferenceAnchor(offset=TEXT.index(" Demand"), numbers=(1, 2))),
    }  # fmt: skip
    return Source(**values | changes)


def search_over(*sources):
    found = SourceSet(sources=sources, tried=(), sufficient=True)
    return PassageSearch(found, index_passages(sources))


async def test_passages_stay_in_their_paragraph_and_carry_heading_and_references():
    gathered = SourceSet(sources=(source(),), tried=(), sufficient=True)
    context = StepContext(
        brief=ContentBrief(topic="heat pumps", today=date(2026, 11, 22)), artifacts={SourceSet: gathered}
    )
    passages = (await chunk_content(context)).passages
    assert [(p.id, p.heading, p.references, len(p.sentences)) for p in passages] == [
        ("P1", "How pumps work", (2,), 2),
        ("P2", "How pumps work", (1, 2), 3),
        ("P3", "Insulation", (), 1),
        ("P4", "Insulation", (), 2),
    ]
    assert TEXT[passages[0].start : passages[0].end] == "Heat pumps move heat. They need little power."


def test_a_line_that_only_leads_to_a_list_is_no_sentence_of_a_passage():
    last = index_passages((source(),)).passages[-1]
    assert [TEXT[a:b] for a, b in last.sentences] == ["A dry cellar with space", "A permit from the city"]


def test_search_finds_by_words_and_heading_and_can_exclude():
    search = search_over(source())
    assert search.search("insulation", 5)[0][0].id == "P3"
    assert [p.id for p, _ in search.search("insulation", 5, exclude=("P3",))] == ["P4"]
    assert search.text_of(search.by_id("P3")) == "Good insulation helps any heating system."


def test_best_sentences_are_verbatim_slices_best_first():
    search = search_over(source(), source(id="S2", text="Solar panels make power. Pumps are silent in 2023."))
    found = search.best_sentences("How did prices of pumps change in 2023?", search.passages, 2)
    assert [sentence.text for sentence in found] == ["Prices fell in 2023.", "Pumps are silent in 2023."]
    assert found[0].text == TEXT[found[0].start : found[0].end]
    assert search.best_sentences("quantum", search.passages, 3) == []
