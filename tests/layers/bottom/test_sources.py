from datetime import date

import pytest

from layers.bottom.gathering.relevance import Relevance, Searchable, concepts, treats
from layers.bottom.sources import gather_sources
from layers.contract import ContentBrief, GivenSource, JobType, RawDocument, StepContext, StepError, Tools

TODAY = date(2026, 11, 22)
PADDING = " ".join(
    f"Sentence number {n} only makes this document long enough to be of use." for n in range(6)
)

ON_TOPIC = "AI is tested in hospitals, and AI is also watched there. "


def document(name, title, text, **known):
    return RawDocument(
        locator=name,
        media_type="text/markdown",
        text=f"# {title}\n\n{text} {PADDING} {title} {name}.",
        **known,
    )


SHELF = [
    document("ai-imaging.md", "Machine learning in radiology", "Artificial intelligence (AI) reads images for patients. Radiologists use AI. AI helps hospitals."),
    document("ai-sepsis.md", "AI alerts in hospitals", "AI models warn of sepsis. Patients in hospitals are watched. Doctors answer the alert with antibiotics at once."),
    document("grid.md", "Batteries on the grid", "Energy is stored in batteries. Usage patterns of energy differ. Patients wait for power in hospitals."),
    document("solar.md", "What solar energy costs", "Solar panels and energy prices fell. Patterns of weather matter to solar power in many lands."),
    document("sleep.md", "Sleep and health", "Sleep patterns of patients matter. Adults sleep seven hours. Machine noise disturbs."),
    document("phish.md", "Phishing of small firms", "Phishing messages steal passwords. Finance staff are tricked. Learning by training rarely works."),
]  # fmt: skip


class Shelf:
    def __init__(self, documents, fingerprint="shelf-1"):
        self._documents = documents
        self.fingerprint = fingerprint

    async def documents(self):
        if isinstance(self._documents, Exception):
            raise self._documents
        return self._documents


class Provider:
    name = "wikipedia"

    def __init__(self, answer):
        self._answer = answer
        self.queries = []

    async def search(self, query, *, limit, since):
        self.queries.append((query, limit, since))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Pages:
    async def fetch(self, url):
        if "down" in url:
            raise StepError("status 503", code="source_unreachable", retryable=True)
        return RawDocument(
            locator=url, media_type="text/html", text=f"<h1>Fetched</h1><p>{ON_TOPIC}{PADDING}</p>", url=url
        )


async def gather(topic="AI in healthcare", *, library=None, providers=(), pages=None, **brief):
    context = StepContext(
        brief=ContentBrief(topic=topic, today=TODAY, **brief),
        tools=Tools(library=library, providers=tuple(providers), pages=pages),
    )
    return await gather_sources(context)


def codes(found):
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("AI in healthcare", {"ai-imaging.md", "ai-sepsis.md"}),
        ("Artificial intelligence in healthcare", {"ai-imaging.md", "ai-sepsis.md"}),
        ("How does machine learning help radiologists?", {"ai-imaging.md"}),
        ("A guide to solar energy costs in 2026", {"solar.md"}),
        ("quantum knitting patterns", set()),
        ("AI in finance", set()),
        ("the best running shoes", set()),
        ("patterns", set()),
    ],
)
async def test_the_library_gives_what_is_about_the_topic_and_nothing_else(topic, expected):
    found = await gather(topic, library=Shelf(SHELF))
    assert {source.locator for source in found.sources} == expected
    assert found.sufficient == (len(expected) > 1)
    assert found.tried[0].used == len(expected)


async def test_own_sources_come_first_and_keep_their_metadata():
    own = (
        GivenSource(title="notes.md", text=f"---\ntitle: On bees\nauthor: Ann\n---\n{ON_TOPIC}{PADDING.replace('only', 'here')}"),
        GivenSource(title="My page", text=f"<html><body><p>{ON_TOPIC}{PADDING.replace('number', 'bees')}</p></body></html>", url="https://www.bees.co.uk/x", author="Bob", must_use=True),
    )  # fmt: skip
    found = await gather(sources=own, library=Shelf(SHELF))
    first, second = found.sources[:2]
    assert [s.id for s in found.sources] == ["S1", "S2", "S3", "S4"]
    assert (first.title, first.author, first.locator, first.origin) == ("On bees", "Ann", "given/1", "given")
    assert (second.title, second.author, second.registrable_domain, second.must_use) == (
        "My page",
        "Bob",
        "bees.co.uk",
        True,
    )
    assert "<" not in second.text


async def test_own_sources_about_something_else_are_no_evidence_even_where_they_must_be_used():
    own = (
        GivenSource(title="Bees", text=PADDING),
        GivenSource(title="Mites", text=PADDING.replace("number", "item"), must_use=True),
        GivenSource(title="Clinic", text=ON_TOPIC + PADDING.replace("number", "entry")),
    )
    found = await gather(sources=own, sources_only=True)

    assert [source.title for source in found.sources] == ["Mites", "Clinic"]
    assert codes(found) == ["source_off_topic", "source_off_topic"]
    assert not found.sufficient


@pytest.mark.parametrize(
    ("topic", "text", "on_topic"),
    [
        ("Urban beekeeping", "Bees need water. Keep the bees in the shade.", True),
        ("Home composting", "A compost heap needs air. The composter may stand at home.", True),
        ("Home composting", "At home the bees need a calm keeper. The home of the bees is a hive.", False),
        (
            "Kubernetes autoscaling",
            "The autoscaler of the cluster watches the pods. An autoscaler is slow.",
            True,
        ),
    ],
)
def test_related_words_show_what_a_text_treats(topic, text, on_topic):
    assert treats(topic, Searchable.of("", (), text)) is on_topic


def test_the_words_of_a_topic_must_meet_and_everyday_words_must_stand_in_the_title():
    far = (
        "Content is written here. "
        + "Nothing else is told in this long text. " * 9
        + "The market for drugs and markets."
    )
    apart = Searchable.of("A text", (), far)
    judge = Relevance(concepts("content marketing"), ())

    assert not judge.is_relevant(apart)
    assert not Relevance(concepts("The future of work"), ()).is_relevant(
        Searchable.of("Sleep", (), "work " * 9)
    )
    assert Relevance(concepts("The future of work"), ()).is_relevant(Searchable.of("Work", (), "work " * 9))


async def test_a_closed_corpus_asks_nobody_else():
    provider = Provider([])
    found = await gather(
        sources=(GivenSource(title="a", text=ON_TOPIC + PADDING),),
        sources_only=True,
        library=Shelf(SHELF),
        providers=[provider],
    )
    assert [s.origin for s in found.sources] == ["given"]
    assert provider.queries == []
    assert not found.sufficient


async def test_one_source_is_enough_to_check_citations():
    found = await gather(
        sources=(GivenSource(title="a", text=ON_TOPIC + PADDING),),
        sources_only=True,
        job_type=JobType.CITATION_VERIFICATION,
    )
    assert found.sufficient


async def test_what_cannot_be_used_is_said_and_never_fails_the_step():
    own = (
        GivenSource(title="Short", text="Too short."),
        GivenSource(title="Nothing"),
        GivenSource(title="Down", url="https://down.example/"),
        GivenSource(title="Page", url="https://up.example/"),
        GivenSource(title="Copy", text=f"{ON_TOPIC}{PADDING} One more word."),
        GivenSource(
            title="Old",
            text=ON_TOPIC + PADDING.replace("number", "item") + " Old.",
            published=date(2001, 1, 1),
        ),
    )
    found = await gather(sources=own, pages=Pages(), since=date(2020, 1, 1))
    assert [source.title for source in found.sources] == ["Page"]
    assert codes(found) == [
        "source_unreachable",
        "source_unreachable",
        "source_too_short",
        "source_duplicate",
        "source_too_old",
    ]
    assert found.tried[0].problem == "2 of 6 could not be read"


async def test_a_page_cannot_be_read_without_a_fetcher():
    found = await gather(sources=(GivenSource(title="Page", url="https://up.example/"),))
    assert codes(found) == ["source_unreachable"]


async def test_providers_are_asked_plainly_and_judged_for_relevance_date_and_language():
    answer = [
        document("w1", "AI in healthcare", "AI helps hospitals. Patients and AI. AI for healthcare.", published=date(2025, 1, 1)),
        document("w2", "AI in games", "AI plays chess well.", published=date(2025, 1, 1)),
        document("w3", "AI and medicine", "AI in medicine is old. AI, medicine, AI, healthcare.", published=date(2010, 1, 1)),
        document("w4", "Undated AI in medicine", "AI in medicine, medicine and AI."),
        RawDocument(locator="w5", media_type="text/plain", title="KI: AI healthcare", published=date(2025, 1, 1),
                    text="AI healthcare. " + "Die Klinik ist für alle da und sie hilft den Menschen, die nicht gesund sind. " * 6),
    ]  # fmt: skip
    provider = Provider(answer)
    found = await gather("What is AI in healthcare?", providers=[provider], since=date(2020, 1, 1))
    assert [source.locator for source in found.sources] == ["w1"]
    assert provider.queries == [("AI in healthcare", 6, date(2020, 1, 1))]
    assert (found.tried[0].found, found.tried[0].used) == (5, 1)


async def test_a_failing_provider_or_library_is_noted_and_the_rest_goes_on():
    down = StepError("status 503", code="source_unreachable", retryable=True)
    found = await gather(library=Shelf(down), providers=[Provider(down)])
    assert [attempt.problem for attempt in found.tried] == ["status 503", "status 503"]
    assert codes(found) == ["provider_failed", "provider_failed"]


async def test_the_same_request_gives_the_same_bytes_and_a_changed_library_is_read_again():
    first = await gather(library=Shelf(SHELF))
    assert first.model_dump_json() == (await gather(library=Shelf(SHELF))).model_dump_json()
    assert (await gather(library=Shelf(SHELF[:1], "shelf-2"))).sources[0].locator == "ai-imaging.md"


async def test_no_more_than_twelve_documents_come_from_elsewhere():
    many = [
        document(
            f"d{n}.md",
            f"AI in hospital {n}",
            f"AI in hospital ward{n} zone{n} unit{n} block{n} site{n} cares for patients. " * 8,
        )
        for n in range(20)
    ]
    found = await gather(library=Shelf(many, "shelf-3"))
    assert len(found.sources) == 12


def test_a_longer_topic_needs_its_rarest_concept_and_vague_words_are_not_required():
    shelf = [Searchable.of(d.locator, [], d.text) for d in SHELF]
    serverless = Searchable.of(
        "Serverless on Azure", ["Cold starts"], "Serverless functions on Azure start cold."
    )
    assert Relevance(concepts("serverless architecture on Azure"), [*shelf, serverless]).is_relevant(
        serverless
    )
    assert not Relevance(concepts("quantum computing for hospital patients"), shelf).is_relevant(shelf[1])
