from datetime import date

import pytest

from layers.bottom.artifacts import Intent, Source, SourceSet
from layers.bottom.freshness import aggregate_freshness
from layers.bottom.intent import intent_of
from layers.contract import ContentBrief, StepContext

TODAY = date(2026, 11, 22)


def source(number, text="No year.", published=None):
    return Source(
        id=f"S{number}", origin="given", locator="x", title="t", text=text, sha256="0", published=published
    )


async def report(topic, *sources, **brief):
    artifacts = {SourceSet: SourceSet(sources=sources, tried=(), sufficient=True), Intent: intent_of(topic)}
    return await aggregate_freshness(
        StepContext(brief=ContentBrief(topic=topic, today=TODAY, **brief), artifacts=artifacts)
    )


async def test_ages_come_from_metadata_then_from_the_text_and_stay_unknown_otherwise():
    found = await report(
        "AI trends",
        source(1, published=date(2026, 11, 12)),
        source(2, "In 2019 it was 1999.5 and, by 2031, perhaps 2,020 or 10.1000/2024."),
        source(3),
    )
    assert [(a.age_days, a.newest_year_in_text, a.stale, a.basis) for a in found.ages] == [
        (10, None, False, "metadata"),
        ((TODAY - date(2019, 12, 31)).days, 2019, True, "text"),
        (None, None, False, "unknown"),
    ]
    assert found.stale_sources == ("S2",)
    assert [warning.code for warning in found.warnings] == ["stale_sources", "undated_sources"]


@pytest.mark.parametrize(
    ("topic", "deserves"),
    [
        ("Latest solar prices", True),
        ("Phishing in 2026", True),
        ("EU AI regulation", True),
        ("How to bake bread", False),
        ("History of Rome", False),
    ],
)
async def test_some_topics_deserve_fresh_sources_and_others_do_not(topic, deserves):
    found = await report(topic, source(1, published=date(2015, 1, 1)))
    assert found.deserves_freshness is deserves
    assert bool(found.warnings) is deserves


async def test_the_date_of_the_request_decides_over_the_topic():
    found = await report("How to bake bread", source(1, published=date(2026, 1, 1)), since=date(2026, 11, 1))
    assert (found.deserves_freshness, found.max_age_days, found.stale_sources) == (True, 21, ("S1",))
