import json
from datetime import date

import pytest

from layers.contract import StepError
from orchestration.adapters.guarded_http import GuardedClient, Limits
from orchestration.adapters.research_web import Crossref, Wikipedia
from orchestration.adapters.web_pages import WebPages
from tests.adapters.pdfs import pdf
from tests.adapters.stub_web import StubWeb, response

WIKI = "en.wikipedia.org/w/api.php"


def as_json(value):
    return response(200, json.dumps(value).encode(), content_type="application/json")


@pytest.fixture
async def client_of():
    clients = []

    def make(web, size=2 * 1024 * 1024):
        limits = Limits(size=size)
        clients.append(
            GuardedClient(user_agent="Test/1 (mail)", resolve=web.resolve, network=web, limits=limits)
        )
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
    pages = WebPages(client_of(web), agent="Test", clock=Ticking())
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
    pages = WebPages(client_of(web), agent="Test", clock=Ticking())
    for url, code in (
        ("https://a.example/film", "source_refused"),
        ("https://a.example/none", "source_unreachable"),
        ("https://b.example/", "source_unreachable"),
        ("https://c.example/go", "source_refused"),
    ):
        with pytest.raises(StepError) as caught:
            await pages.fetch(url)
        assert caught.value.code == code


class Ticking:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.seconds = 100.0
        self.waits = []

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.seconds += seconds


async def test_a_host_gets_its_pages_asked_for_one_after_the_other(client_of):
    web = StubWeb({
        "a.example/1": response(200, b"<p>1</p>"), "a.example/2": response(200, b"<p>2</p>"), "b.example/1": response(200, b"<p>3</p>"),
        "c.example/robots.txt": response(200, b"User-agent: *\nCrawl-delay: 4", content_type="text/plain"),
        "c.example/1": response(200, b"<p>4</p>"), "c.example/2": response(200, b"<p>5</p>"),
    })  # fmt: skip
    clock = Ticking()
    pages = WebPages(client_of(web), agent="Test", clock=clock)
    for url in ("a.example/1", "b.example/1", "a.example/2", "c.example/1", "c.example/2"):
        await pages.fetch(f"https://{url}")

    assert [0.5, 4.0] == clock.waits


async def test_more_requests_than_a_host_can_bear_are_refused_and_not_queued_without_end(client_of):
    robots = response(200, b"User-agent: *\nCrawl-delay: 3600", content_type="text/plain")
    web = StubWeb(
        {"a.example/robots.txt": robots, **{f"a.example/{n}": response(200, b"x") for n in range(9)}}
    )

    class Still(Ticking):
        async def sleep(self, seconds):
            self.waits.append(seconds)

    clock = Still()
    pages = WebPages(client_of(web), agent="Test", clock=clock)
    for number in range(4):
        await pages.fetch(f"https://a.example/{number}")
    with pytest.raises(StepError, match="too many requests") as caught:
        await pages.fetch("https://a.example/5")

    assert [10.0, 20.0, 30.0] == clock.waits
    assert caught.value.retryable


async def test_a_page_is_kept_for_a_quarter_of_an_hour_and_robots_for_a_day(client_of):
    web = StubWeb({"a.example/1": response(200, b"<p>1</p>")})
    clock = Ticking()
    pages = WebPages(client_of(web), agent="Test", clock=clock)
    for pause in (0, 800, 200, 24 * 3600):
        clock.seconds += pause
        await pages.fetch("https://a.example/1")

    assert 3 == web.asked.count("a.example/1")
    assert 2 == web.asked.count("a.example/robots.txt")


async def test_what_is_kept_of_pages_is_bounded(client_of):
    web = StubWeb({f"h{n}.example/": response(200, b"x") for n in range(70)})
    pages = WebPages(client_of(web), agent="Test", clock=Ticking())
    for number in [*range(70), 0, 69]:
        await pages.fetch(f"https://h{number}.example/")

    assert [2, 1] == [web.asked.count(f"h{number}.example/") for number in (0, 69)]


async def test_a_pdf_behind_an_address_is_read_as_text(client_of):
    body = pdf("Kelp farms grow kelp on ropes in cold water.", title="Kelp")
    web = StubWeb({"a.example/k.pdf": response(200, body, content_type="application/pdf")})
    document = await WebPages(client_of(web), agent="Test", clock=Ticking()).fetch("https://a.example/k.pdf")

    assert ("text/plain", "Kelp", "https://a.example/k.pdf") == (
        document.media_type,
        document.title,
        document.url,
    )
    assert "Kelp farms grow kelp on ropes" in document.text


async def test_a_page_too_large_for_a_text_is_refused(client_of):
    web = StubWeb({"a.example/big": response(200, b"x" * (2 * 1024 * 1024 + 1))})
    client = client_of(web, size=8 * 1024 * 1024)
    with pytest.raises(StepError, match="page is larger than 2 MB"):
        await WebPages(client, agent="Test", clock=Ticking()).fetch("https://a.example/big")
