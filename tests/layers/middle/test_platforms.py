import pytest

from layers.contract import ContentType, Platform
from layers.middle.platforms import tune_platform


async def test_all_platforms_are_tuned_when_the_request_names_none(make_context):
    plan = await tune_platform(make_context())

    assert tuple(Platform) == tuple(rule.platform for rule in plan.platforms)


async def test_the_platforms_of_the_request_come_in_its_order_and_once(make_context):
    wanted = (Platform.X, Platform.LINKEDIN, Platform.X)
    plan = await tune_platform(make_context(platforms=wanted))

    assert [rule.platform for rule in plan.platforms] == [Platform.X, Platform.LINKEDIN]


@pytest.mark.parametrize(
    ("platform", "limit", "unit", "link_cost"),
    [(Platform.X, 280, "weighted_characters", 23), (Platform.LINKEDIN, 3000, "characters", 0)],
)
async def test_published_limits_are_kept_as_the_platform_counts(
    make_context, platform, limit, unit, link_cost
):
    rule = (await tune_platform(make_context(platforms=(platform,)))).platforms[0]

    assert (limit, unit, link_cost) == (rule.limit, rule.unit, rule.link_cost)


async def test_what_to_lead_with_follows_the_form_of_the_question_and_the_content_type(make_context):
    leads = set()
    for form, content_type in [
        ("how_to", ContentType.BLOG_POST),
        ("comparison", ContentType.BLOG_POST),
        ("overview", ContentType.CASE_STUDY),
    ]:
        plan = await tune_platform(make_context(form=form, content_type=content_type))
        leads.add(plan.platforms[0].lead_with)

    assert len(leads) == 3
    assert "" not in leads
