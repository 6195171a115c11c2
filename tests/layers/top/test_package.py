"""The package: rendered safely, cited rightly, within platform limits, the same bytes every time."""

import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.contract import JobType, Platform, StepError
from layers.middle.artifacts import PlatformPlan, PlatformRule
from layers.top.artifacts import Article, Evidence, ResearchBrief, ResearchFinding, Section, Sentence
from layers.top.assembly import assemble_package, content_hash
from layers.top.citations import verify_citations
from layers.top.reading import read_content
from layers.top.rendering.references import Citations, safe_url
from layers.top.rendering.render_html import render_html
from layers.top.rendering.render_markdown import render_markdown
from layers.top.rendering.weighted_length import weighted_length
from layers.top.schema import generate_schema
from layers.top.writing import optimize_content
from tests.layers.top.desk import context, source, source_set, with_artifacts

PLAN = PlatformPlan(
    platforms=(
        PlatformRule(platform=Platform.X, unit="weighted_characters", limit=280, form="", lead_with="", max_hashtags=2, link_cost=23, keep_citations=False, max_parts=4),
        PlatformRule(platform=Platform.LINKEDIN, unit="characters", limit=600, form="", lead_with="", max_hashtags=2),
        PlatformRule(platform=Platform.PERPLEXITY, unit="words", limit=60, form="", lead_with=""),
    )
)  # fmt: skip


async def packaged(base=None):
    """All steps of the top layer, one after the other."""
    base = with_artifacts(base or context(), PLAN)
    for step in (optimize_content, verify_citations, generate_schema):
        base = with_artifacts(base, await step(base))
    return base, await assemble_package(base)


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.handlers = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.handlers += [name for name in values if name.startswith("on") or name == "style"]
        self.links += [values[name] for name in ("href", "src") if name in values]
        self.ids += [values["id"]] if "id" in values else []


async def test_the_package_is_complete_and_the_same_bytes_every_time():
    _, first = await packaged()
    _, second = await packaged()

    assert first.status == "complete"
    assert first.model_dump_json(by_alias=True) == second.model_dump_json(by_alias=True)
    assert first.content_hash == content_hash(first)


async def test_the_hash_covers_the_content_but_not_the_accessed_dates():
    _, package = await packaged()
    seen = tuple(item.model_copy(update={"accessed": date(2030, 1, 1)}) for item in package.sources)

    assert content_hash(package.model_copy(update={"sources": seen})) == package.content_hash
    assert content_hash(package.model_copy(update={"topic": "other"})) != package.content_hash


async def test_every_citation_in_the_page_leads_to_a_source_and_every_id_is_unique():
    _, package = await packaged()
    page = Page(package.article.html)

    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert inner
    assert set(inner) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


async def test_the_page_makes_no_request_and_runs_no_script():
    _, package = await packaged()
    page = Page(package.article.html)

    assert not {"img", "link", "iframe", "object", "form"} & set(page.tags)
    assert re.findall(r"<script[^>]*>", package.article.html) == [
        '<script type="application/ld+json">'
    ] * page.tags.count("script")
    assert page.handlers == []
    assert {link for link in page.links if not link.startswith("#")} == {
        "https://doi.org/10.1000/xyz123",
        "https://example.org/boilers",
    }


async def test_markdown_citations_are_numbered_and_show_the_work_behind_the_passage():
    _, package = await packaged()
    text = package.article.markdown

    cited = set(re.findall(r"\[\[(\d+)\]\]\(#source-\1\)", text))
    assert cited == set(re.findall(r'<a id="source-(\d+)"></a>', text)) == {"1", "2"}
    assert "Based on: Heat pumps measured (2021). <https://doi.org/10.1000/xyz123>" in text


async def test_an_ungrounded_sentence_stops_the_package():
    base = context()
    article = await optimize_content(base)
    stray = Sentence(id="c99", text="Heat pumps cure colds.", kind="claim")
    broken = article.model_copy(update={"answer": (*article.answer, stray)})

    with pytest.raises(StepError) as failure:
        await assemble_package(with_artifacts(base, broken))
    assert failure.value.code == "ungrounded_sentence"


async def test_the_embedded_writer_may_shorten_its_evidence_but_not_word_it_anew():
    base = context()
    article = await optimize_content(base)
    claim = next(sentence for sentence in article.all_sentences() if sentence.evidence)
    reworded = claim.model_copy(update={"kind": "claim", "text": claim.text.replace(" ", " surely ", 1)})
    broken = article.model_copy(update={"answer": (reworded,)})

    await assemble_package(with_artifacts(base, article))
    with pytest.raises(StepError, match="words that its evidence does not have"):
        await assemble_package(with_artifacts(base, broken))


@pytest.mark.parametrize("change", [{"quote": "Heat pumps are free."}, {"start": 3}, {"source": "S9"}])
async def test_evidence_that_is_no_slice_of_its_source_stops_the_package(change):
    base = context()
    article = await optimize_content(base)
    forged = (article.evidence[0].model_copy(update=change), *article.evidence[1:])

    with pytest.raises(StepError, match="verbatim slice"):
        await assemble_package(with_artifacts(base, article.model_copy(update={"evidence": forged})))


async def test_without_evidence_the_package_says_so_and_lists_what_was_tried():
    _, package = await packaged(context(source_set(source("S1", "Too little."))))

    assert (package.status, package.article, package.quality) == ("insufficient_evidence", None, None)
    assert package.tried[0].provider == "library"
    assert "insufficient_evidence" in {notice.code for notice in package.notices}


async def test_a_stub_of_an_article_is_partial_and_says_why():
    _, package = await packaged(context(min_words=900, max_words=1300))

    assert package.status == "partial"
    assert "short_of_target" in {notice.code for notice in package.notices}


async def test_research_without_an_article_is_complete_once_there_is_evidence():
    base = context(brief={"job_type": JobType.RESEARCH_GENERATION})
    article = await optimize_content(base)
    finding = ResearchFinding(question="?", evidence=(article.evidence[0].id,), kind="claim", sources=("S1",))
    package = await assemble_package(
        with_artifacts(base, ResearchBrief(evidence=article.evidence, findings=(finding,)))
    )

    assert (package.status, package.article, package.findings) == ("complete", None, (finding,))
    assert package.evidence == article.evidence


async def test_variants_keep_the_limits_and_claim_nothing_that_the_article_does_not():
    base, package = await packaged()
    known = {sentence.id: sentence.text for sentence in base.need(Article).all_sentences()}

    assert [variant.platform for variant in package.variants] == ["x", "linkedin", "perplexity"]
    for variant in package.variants:
        assert variant.parts
        for part in variant.parts:
            assert part.used <= variant.limit
            assert all(known[claim] in part.text for claim in part.claims)
        used = {claim for part in variant.parts for claim in part.claims}
        assert not used & set(variant.dropped_claims)


async def test_the_quality_parts_explain_themselves_and_add_up():
    _, package = await packaged()
    parts = package.quality.parts

    mean = sum(part.value * part.weight for part in parts) / sum(part.weight for part in parts)
    assert package.quality.overall == round(100 * mean)
    assert all(part.explanation and 0 <= part.value <= 1 for part in parts)


async def test_verbatim_sentences_are_supported_and_altered_figures_are_caught():
    base = context()
    article = await optimize_content(base)
    first = article.answer[1]
    wrong = first.model_copy(update={"kind": "claim", "text": first.text.replace("three", "seven")})
    changed = article.model_copy(update={"answer": (article.answer[0], wrong)})
    report = await verify_citations(with_artifacts(base, changed))

    assert report.claims[0].support.method == "verbatim"
    assert (report.claims[1].numbers_ok, report.claims[1].missing_tokens) == (False, ("7",))
    assert report.claims[1].support.status != "supported"
    assert report.coverage == 1.0


async def test_credibility_is_the_sum_of_its_named_parts():
    base = context()
    report = await verify_citations(with_artifacts(base, await optimize_content(base)))

    for judged in report.credibility:
        assert judged.score == pytest.approx(sum(part.value for part in judged.parts), abs=0.001)
        assert all(part.reason for part in judged.parts)


GIVEN = """# Heating

Heat pumps deliver about three units of heat for every unit of electricity. Why does it matter?

## Costs

Running costs fall by about 80 percent when a heat pump replaces an oil boiler. The moon is made of green cheese and copper."""


@pytest.mark.parametrize("form", ["markdown", "text", "html"])
async def test_given_content_is_split_and_each_claim_gets_its_best_evidence_or_none(form):
    text = GIVEN if form != "html" else MarkdownIt().render(GIVEN)
    base = context(
        brief={"job_type": JobType.CITATION_VERIFICATION, "content": {"text": text, "format": form}}
    )
    article = await read_content(base)
    found = {sentence.text.split()[0]: sentence for sentence in article.all_sentences()}

    assert article.writer == "given"
    assert article.evidence[0].quote.startswith("Heat pumps deliver")
    assert found["Why"].kind == "editorial"
    assert found["The"].evidence == ()


async def test_verification_of_given_content_yields_claims_and_sources_but_no_article():
    base = context(brief={"job_type": JobType.CITATION_VERIFICATION, "content": {"text": GIVEN}})
    base = with_artifacts(base, await read_content(base))
    base = with_artifacts(base, await verify_citations(base))
    package = await assemble_package(base)
    verdicts = {claim.text.split()[0]: claim for claim in package.claims}

    assert (package.status, package.article) == ("complete", None)
    assert verdicts["Heat"].support.status == "supported"
    assert (verdicts["Running"].numbers_ok, verdicts["Running"].missing_tokens) == (False, ("80%",))
    assert verdicts["The"].support.status == "unsupported"


@pytest.mark.parametrize(
    ("text", "length"),
    [("plain", 5), ("日本", 4), ("👨‍👩‍👧‍👦", 2), ("🇩🇪 ok", 5), ("a — b", 5), ("see https://example.org/a/very/long/path", 27), ("é", 1)],
)  # fmt: skip
def test_length_on_x_is_weighted(text, length):
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "http://",
        "ftp://x.example/a",
        "https://[bad",
    ],
)
def test_only_web_addresses_are_linked(url):
    assert safe_url(url) is None


HOSTILE = st.text(
    st.sampled_from(list("<>\"'&/=()[]{}|`*_#!\\:;.\n aAzZ019\u202e\u0000é日")), min_size=1, max_size=80
) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</script><img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "[click](javascript:alert(1))",
        "![x](https://evil.example/p.png)",
        "https://evil.example and www.evil.example or a@evil.example",
        "<!-- --><style>*{}</style>",
        "&lt;b&gt; | a | b |\n# Heading\n- item\n1. one",
        "```\ncode\n```",
    ]
)


@settings(max_examples=40, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_source_text_never_becomes_markup(text, title, heading):
    found = source("S1", f"Start {text} end", title=title, url=f"javascript:{text}", author=title)
    item = Evidence(id="E1", source="S1", start=0, end=len(found.text), quote=found.text, passage="P1")
    sentence = Sentence(id="c1", text=found.text, kind="quote", evidence=("E1",))
    article = Article(
        title=title,
        meta_description=text,
        slug="s",
        answer=(sentence,),
        sections=(
            Section(
                id="sec-1",
                heading=heading,
                level=2,
                sentences=(sentence.model_copy(update={"id": "c2"}),),
                form="table",
            ),
        ),
        evidence=(item,),
        word_count=3,
    )
    sources = source_set(found)
    citations = Citations(article, sources)

    page = Page(render_html(article, citations, context().brief, ({"name": text},)))
    assert page.handlers == []
    assert set(page.links) <= {"#source-1", "#c1", "#c2"}
    assert not {"svg", "img", "iframe", "b"} & set(page.tags)
    assert (page.tags.count("script"), page.tags.count("style")) == (1, 1)

    marked = MarkdownIt("gfm-like", {"linkify": False}).parse(render_markdown(article, citations))
    inline = [child for token in marked for child in token.children or []]
    assert {child.attrGet("href") for child in inline if child.type == "link_open"} == {"#source-1"}
    assert {child.content for child in inline if child.type == "html_inline"} <= {'<a id="source-1">', "</a>"}
    assert not any(child.type in {"image", "code_inline"} for child in inline)
    assert not any(token.type in {"html_block", "fence", "code_block"} for token in marked)


async def test_json_ld_in_the_page_cannot_end_its_script():
    base, package = await packaged(context(title="</script><script>alert(1)</script>"))

    assert "</script><script>alert" not in package.article.html
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', package.article.html, re.DOTALL)
    assert tuple(json.loads(text) for text in found) == package.json_ld
    assert base.need(SourceSet)
    assert base.need(PassageIndex)
