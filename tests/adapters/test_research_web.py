import json
from datetime import date

import pytest

from layers.contract import StepError
from orchestration.adapters.guarded_http import GuardedClient
from orchestration.adapters.research_web import Crossref, Wikipedia
from orchestration.adapters.web_pages import WebPages
from tests.adapters.stub_web import StubWeb, response

WIKI = "en.wikipedia.org/w/api.php"


def as_json(value):
    return response(200, json.dumps(value).encode(), content_type="application/json")


@pytest.fixture
async def client_of():
    clients = []

    def make(web):
        clients.append(GuardedClient(user_agent="Test/1 (mail)", resolve=web.resolve, network=web))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


async def test_wikipedia_gives_whole_articles_with_address_and_date(client_of):
    page = {"title": "Heat pump", "extract": "<p>Moves heat.</p>", "fullurl": "https://en.wikipedia.org/wiki/Heat_pump",
            "revisions": [{"timestamp": "2026-05-04T03:02:01Z"}]}  # fmt: skip
    web = StubWeb({})
    query = "?action=query&format=json&formatversion=2"
    web.pages = {
        f"{WIKI}{query}&list=search&srsearch=heat+pumps&srlimit=2&srprop=": as_json(
            {"query": {"search": [{"title": "Heat pump"}, {"title": "Empty"}]}}
        ),
        f"{WIKI}{query}&prop=extracts%7Cinfo%7Crevisions&titles=Heat+pump&inprop=url&rvprop=timestamp&redirects=1": as_json(
            {"query": {"pages": [page]}}
        ),
        WIKI: as_json({"query": {"pages": [{"title": "Empty", "missing": True}]}}),
    }
    found = await Wikipedia(client_of(web)).search("heat pumps", limit=2, since=None)
    assert [(d.title, d.url, d.published, d.text) for d in found] == [
        ("Heat pump", page["fullurl"], date(2026, 5, 4), "<article><p>Moves heat.</p></article>")
    ]
    assert set(web.agents) == {"test/1 (mail)"}


async def test_crossref_gives_abstracts_with_doi_and_only_complete_dates(client_of):
    works = [
        {"title": ["A <b>study</b>"], "DOI": "10.1/x", "abstract": "<jats:title>Aim</jats:title><jats:p>Bees & mites.</jats:p>",
         "issued": {"date-parts": [[2024, 2, 3]]}, "author": [{"given": "Ann", "family": "Lee"}, {"name": "Group"}]},
        {"title": ["No day"], "DOI": "10.1/y", "abstract": "<jats:p>Text</jats:p>", "issued": {"date-parts": [[2024]]}},
        {"title": ["No abstract"], "DOI": "10.1/z"},
    ]  # fmt: skip
    web = StubWeb({"api.crossref.org/works": as_json({"message": {"items": works}})})
    first, second = await Crossref(client_of(web), contact="a@b.example").search(
        "bees", limit=5, since=date(2020, 1, 2)
    )
    assert (first.doi, first.url, first.published, first.author) == (
        "10.1/x",
        "https://doi.org/10.1/x",
        date(2024, 2, 3),
        "Ann Lee",
    )
    assert "<h2>Aim</h2><p>Bees & mites.</p>" in first.text
    assert "&lt;b&gt;" in first.text
    assert second.published is None
    assert "from-pub-date%3A2020-01-02" in web.asked[0]
    assert "mailto=a%40b.example" in web.asked[0]


@pytest.mark.parametrize("answer", [response(500), response(200, b"<html>"), response(200, b"[" * 100_000)])
async def test_a_provider_that_fails_or_talks_nonsense_is_a_step_error(client_of, answer):
    web = StubWeb({"api.crossref.org/works": answer, WIKI: answer})
    for provider in (Crossref(client_of(web)), Wikipedia(client_of(web))):
        with pytest.raises(StepError) as caught:
            await provider.search("x", limit=1, since=None)
        assert caught.value.retryable


async def test_unexpected_but_valid_json_gives_no_documents(client_of):
    web = StubWeb({"api.crossref.org/works": as_json([1]), WIKI: as_json({"query": []})})
    assert await Crossref(client_of(web)).search("x", limit=1, since=None) == []
    assert await Wikipedia(client_of(web)).search("x", limit=1, since=None) == []


async def test_a_page_is_decoded_as_it_declares_and_robots_are_asked_once(client_of):
    web = StubWeb({
        "a.example/robots.txt": response(200, b"User-agent: *\nDisallow: /private", content_type="text/plain"),
        "a.example/p": response(200, "Zoë".encode("latin-1"), content_type="text/html; charset=latin-1"),
        "a.example/q": response(200, b'<meta charset="windows-1252"><p>\x93Hi\x94</p>', content_type="text/html"),
    })  # fmt: skip
    pages = WebPages(client_of(web), agent="Test")
    assert (await pages.fetch("https://a.example/p")).text == "Zoë"
    assert "“Hi”" in (await pages.fetch("https://a.example/q")).text
    with pytest.raises(StepError) as caught:
        await pages.fetch("https://a.example/private/x")
    assert caught.value.code == "source_refused"
    assert web.asked.count("a.example/robots.txt") == 1


async def test_pages_that_are_no_text_or_closed_by_a_failing_robots_file_are_not_read(client_of):
    web = StubWeb({
        "a.example/film": response(200, b"..", content_type="video/mp4"),
        "b.example/robots.txt": response(503),
        "c.example/go": response(302, location="https://d.example/x"),
        "d.example/robots.txt": response(200, b"User-agent: *\nDisallow: /", content_type="text/plain"),
        "d.example/x": response(200, b"<p>x</p>"),
    })  # fmt: skip
    pages = WebPages(client_of(web), agent="Test")
    for url, code in (
        ("https://a.example/film", "source_refused"),
        ("https://a.example/none", "source_unreachable"),
        ("https://b.example/", "source_unreachable"),
        ("https://c.example/go", "source_refused"),
    ):
        with pytest.raises(StepError) as caught:
            await pages.fetch(url)
        assert caught.value.code == code
