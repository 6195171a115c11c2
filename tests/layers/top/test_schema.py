"""JSON-LD: sound on our own output, and every kind of defect is found."""

import copy
import random

import pytest

from layers.contract import ContentType, GivenAuthor
from layers.top.markup.schema_validation import validate
from layers.top.schema import generate_schema
from layers.top.writing import optimize_content
from tests.layers.top.desk import context, with_artifacts


async def markup(**brief):
    base = context(brief=brief)
    return await generate_schema(with_artifacts(base, await optimize_content(base)))


@pytest.mark.parametrize("content_type", list(ContentType))
async def test_our_own_output_has_no_findings(content_type):
    made = await markup(
        content_type=content_type, author=GivenAuthor(name="Ada Byron", url="https://example.org/ada")
    )

    assert made.findings == ()
    assert made.json_ld[0]["author"]["name"] == "Ada Byron"


async def test_a_review_without_a_rating_is_an_article_and_no_author_is_invented():
    made = await markup(content_type=ContentType.PRODUCT_REVIEW)

    assert made.json_ld[0]["@type"] == "Article"
    assert "author" not in made.json_ld[0]


async def test_citations_name_the_document_and_the_work_behind_it():
    made = await markup()
    named = {work["name"]: work for work in made.json_ld[0]["citation"]}

    assert named["Document S1"]["author"] == {"@type": "Organization", "name": "Heating Agency"}
    assert named["Heat pumps measured"]["url"] == "https://doi.org/10.1000/xyz123"


async def test_faq_markup_comes_with_the_notice_that_it_gives_no_rich_result():
    base = context(sections=())
    made = await generate_schema(with_artifacts(base, await optimize_content(base)))

    assert [document["@type"] for document in made.json_ld] == ["BlogPosting", "FAQPage", "BreadcrumbList"]
    assert "faq_gives_no_rich_result" in {warning.code for warning in made.warnings}


def nodes(value):
    """Every node of a document, itself first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def rename_type(node, pick):
    node["@type"] = pick.choice(["Artikel", "Blog Posting", "", 7])


def rename_property(node, pick):
    name = pick.choice([key for key in node if not key.startswith("@")])
    node[name + pick.choice(["s", "_", "X"])] = node.pop(name)


def foreign_property(node, pick):
    name, value = pick.choice(
        [("ratingValue", 4), ("acceptedAnswer", {"@type": "Answer", "text": "x"}), ("jobTitle", "x")]
    )
    node[name] = value


def wrong_value(node, pick):
    name = pick.choice([key for key in node if not key.startswith("@")])
    node[name] = pick.choice([{"@type": "Rating", "ratingValue": 1, "bestRating": 5}, None, "", True])


def bad_date(node, pick):
    name = pick.choice([key for key in node if key.startswith("date")] or ["datePublished"])
    node[name] = pick.choice(["yesterday", "22.11.2026", "2026-13-01", 2026])


async def test_at_least_95_percent_of_200_seeded_mutations_are_found():
    made = await markup(author=GivenAuthor(name="Ada Byron"))
    pick = random.Random(7)  # noqa: S311 - a repeatable test, no secret
    caught = 0
    for _ in range(200):
        document = copy.deepcopy(pick.choice(made.json_ld))
        change = pick.choice([rename_type, rename_property, foreign_property, wrong_value, bad_date])
        change(pick.choice(list(nodes(document))), pick)
        caught += bool(validate(document))

    assert caught >= 190
