import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.bottom.reading.dates import parse_date
from layers.bottom.reading.extraction import LONGEST_TEXT, extract, media_type_of
from layers.bottom.reading.languages import detect_language
from layers.contract import RawDocument


def read(text, media_type="text/plain", **known):
    return extract(RawDocument(locator="x", media_type=media_type, text=text, **known))


PAGE = """<!doctype html><html lang="en-GB"><head><title>Worm bins for flats | The Heap</title>
<meta name="author" content="Ilse Brandt"><meta name="description" content="Bins">
<script type="application/ld+json">{"@graph": [{"@type": "WebSite"}, {"@type": "BlogPosting", "headline": "Worm bins for flats",
 "datePublished": "2024-03-05T10:00:00Z", "author": [{"name": "Ilse Brandt"}]}]}</script>
<link rel="canonical" href="https://heap.example.org/worms"></head><body class="post tag-nav-bar">
<nav><ul><li><a href="/">Home page of the site</a></li></ul></nav><div class="cookie-banner"><p>We use cookies to improve your visit to us.</p></div>
<main><h1>Worm bins for flats</h1><p>By Ilse Brandt</p><p>I have had a worm bin under the sink for six years,
   and it does not&nbsp;smell. H<sub>2</sub>O evaporates at 10<sup>2</sup> degrees.<sup><a href="#r1">[1]</a></sup></p>
<div>Loose text in a box is read as a paragraph as well.<br><br>And this is another one.</div>
<h2>Setting up</h2><p>You need:</p><ol><li>A box with holes.</li><li>A handful <b>of soil</b></li></ol>
<p><strong>Pros and cons</strong></p><table><tr><th>Food</th><th>Fine</th></tr><tr><td>Bread</td><td>a little</td></tr></table>
<p style="display:none">Hidden words that nobody sees in this page.</p><script>var x = "no";</script>
<p>Share this: <a href="#">Facebook</a></p><pre>code()</pre>
<h2>References</h2><ol><li id="r1">Doe, J. (2020). How worms eat. Soil, 3(1). https://doi.org/10.1000/worm</li></ol></main>
<aside><p>Related: ten more stories about worms and other animals you may like.</p></aside><footer><p>Copyright</p></footer></body></html>"""


def test_a_page_gives_its_prose_without_its_furniture():
    found = read(PAGE)
    assert found.content.text == (
        "I have had a worm bin under the sink for six years, and it does not smell. H2O evaporates at 10^2 degrees.\n\n"
        "Loose text in a box is read as a paragraph as well.\n\nAnd this is another one.\n\n"
        "You need:\nA box with holes.\nA handful of soil\n\nFood: Bread; Fine: a little"
    )
    headings = [(found.content.text[offset : offset + 8], title) for offset, title in found.content.headings]
    assert headings == [("You need", "Setting up"), ("Food: Br", "Pros and cons")]


def test_a_page_s_metadata_and_references_come_from_its_markup():
    found = read(PAGE)
    stated = found.metadata
    assert (stated.title, stated.author, stated.published) == (
        "Worm bins for flats",
        "Ilse Brandt",
        date(2024, 3, 5),
    )
    assert (stated.url, found.language) == ("https://heap.example.org/worms", "en")
    (reference,) = found.content.references
    assert (reference.title, reference.year, reference.doi) == ("How worms eat", 2020, "10.1000/worm")
    (anchor,) = found.content.anchors
    assert found.content.text[: anchor.offset].endswith("degrees.")


def test_hostile_and_broken_pages_are_read_without_harm():
    deep = "<div>" * 200_000 + "deep" + "</div>" * 200_000
    found = read(f"<html><body>{deep}<p>Plain words stay readable here.</p></body></html>").content.text
    assert found.endswith("Plain words stay readable here.")
    broken = '<html><script type="application/ld+json">{"@type": [</script><p>Some words stay readable here</b></p><a href="http://[bad">x</a>'
    assert read(broken).content.text == "Some words stay readable here"
    assert read("<html></html>").content.text == ""


MARKDOWN = """---
title: "Electric cars"
author: Library
published: 2026-11-22
---
# Electric cars

An electric car is *quiet* [1][2]. Sales [rose](https://example.org) in
2023 [2–3], says `IEA`[^note].

**Costs**

- Batteries cost less [1].
- Cars cost more

## References
[1] Bieker G. A global comparison of cars. ICCT, 2021. https://theicct.org/a
[2] International Energy Agency. Global EV Outlook 2024. IEA, 2024. https://iea.org/b.
[3] Smith J, O'Neil P, and others. Recycling (2015-20): a review. Nature, 2022. https://doi.org/10.1016/S25(20)1-2
"""


def test_markdown_loses_its_marks_and_keeps_what_they_say():
    found = read(MARKDOWN)
    assert found.content.text == (
        "An electric car is quiet. Sales rose in 2023, says IEA.\n\nBatteries cost less.\nCars cost more"
    )
    assert [title for _, title in found.content.headings] == ["Costs"]
    assert found.metadata.title == "Electric cars"
    anchors = [(found.content.text[: a.offset].split()[-1], a.numbers) for a in found.content.anchors]
    assert anchors == [("quiet.", (1, 2)), ("2023,", (2, 3)), ("less.", (1,))]


def test_references_are_parsed_into_title_year_and_address():
    references = read(MARKDOWN).content.references
    assert [(r.number, r.title, r.year, r.url) for r in references] == [
        (1, "A global comparison of cars", 2021, "https://theicct.org/a"),
        (2, "Global EV Outlook 2024", 2024, "https://iea.org/b"),
        (3, "Recycling (2015-20): a review", 2022, "https://doi.org/10.1016/S25(20)1-2"),
    ]


def test_footnotes_and_numbered_links_are_references_too():
    notes = read(
        "# T\n\nBees sting[^a] and fly[^b].\n\n[^a]: Lee A. On stings. Bee Journal, 2019.\n[^b]: Of flight.\n"
    )
    assert [(r.number, r.title) for r in notes.content.references] == [(1, "On stings"), (2, "Of flight")]
    assert [a.numbers for a in notes.content.anchors] == [(1,), (2,)]
    links = read('# T\n\nBees sting [1].\n\n[1]: https://a.example/x "On stings"\n')
    assert [(r.url, r.citation) for r in links.content.references] == [
        ("https://a.example/x", "On stings https://a.example/x")
    ]
    assert links.content.text == "Bees sting."


def test_plain_text_has_headings_lists_wrapped_lines_and_a_header():
    found = read(
        "Title: A log\nAuthor: by Sam\nDate: 3 March 2023\n\nFirst line of text\nthat is wrapped.\n\nWHAT YOU NEED\n* a fork\n  with teeth\n* a bag\n\n"
        "Costs\n=====\nAbout 5 euros.\n"
    )
    assert (
        found.content.text
        == "First line of text that is wrapped.\n\na fork with teeth\na bag\n\nAbout 5 euros."
    )
    assert [title for _, title in found.content.headings] == ["WHAT YOU NEED", "Costs"]
    assert (found.metadata.author, found.metadata.published) == ("Sam", date(2023, 3, 3))


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("Only words, 2 < 3 and 4 > 3.", "text/plain", "text/plain"),
        ("# Title\n\ntext", "text/plain", "text/markdown"),
        ("<p>a</p><p>b</p>", "text/plain", "text/html"),
        ("# About <p>\n\nUse `<div>` here", "text/markdown", "text/markdown"),
        ("no tags", "text/html", "text/html"),
    ],
)
def test_the_type_is_told_from_the_text(text, declared, expected):
    assert media_type_of(text, declared) == expected


def test_a_long_document_is_cut_at_the_end_of_a_paragraph():
    found = read("\n\n".join(["Word " * 400 + "end."] * 40))
    assert found.cut
    assert len(found.content.text) <= LONGEST_TEXT
    assert found.content.text.endswith("end.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00Z", date(2026, 11, 22)),
        ("Tuesday, 3rd of March 2020", date(2020, 3, 3)),
        ("Nov 2, 2024", date(2024, 11, 2)),
        ("20240102", date(2024, 1, 2)),
        ("2024", None),
        ("2024-05", None),
        ("2024-13-01", None),
        (None, None),
    ],
)
def test_dates_are_read_whole_or_not_at_all(text, expected):
    assert parse_date(text) == expected


def test_languages_are_told_by_their_small_words():
    assert detect_language("The heap is warm and it does not smell of anything at all.") == "en"
    assert (
        detect_language("Der Haufen ist warm und er riecht nicht, weil die Luft an das Material kommt.")
        == "de"
    )
    assert (
        detect_language("El montón está caliente y no huele porque el aire llega a todo el material.") == "es"
    )
    assert detect_language("これは日本語の文章です。") == "und"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab. \n#[]()1^*<p>/-|:=", max_size=120))
def test_any_text_is_read_and_offsets_stay_inside_it(text):
    for media_type in ("text/plain", "text/markdown", "text/html"):
        content = read(text, media_type).content
        assert all(0 <= offset < len(content.text) for offset, _ in content.headings)
        assert all(0 <= anchor.offset <= len(content.text) for anchor in content.anchors)


def test_no_pattern_explodes_on_repetitive_text():
    started = time.process_time()
    for unit in ("[1", "a. ", "A B, ", "<b", "## ", "10.1/", "(2020 ", '"', "- ", "| a "):
        for media_type in ("text/plain", "text/markdown", "text/html"):
            read("References\n\n## References\n\n" + unit * 3000, media_type)
    assert (
        time.process_time() - started < 30
    )  # linear work takes about two seconds; a blow-up would take minutes
