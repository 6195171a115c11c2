"""Queries are held against what is emitted; what they make themselves is theirs."""

import re

import pytest

from infra.checks import code, kql
from infra.checks.sources import Sources


@pytest.fixture(scope="module")
def names() -> kql.Names:
    return kql.Names.load(Sources(), {"woken up"})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("AppMetric | where Name == 'x'", "no table or column AppMetric"),
        (
            'AppMetrics | where Name == "content.jobs.lost"',
            "nothing emits the metric or span content.jobs.lost",
        ),
        ('AppMetrics | where Name in ("content.jobs.active", "content.x")', "content.x"),
        ('AppMetrics | extend x = tostring(Properties["jobId"])', "nothing emits jobId"),
        ('AppDependencies | extend x = tostring(Properties["error.type"])', "nothing emits error.type"),
        (
            'AppMetrics | extend x = tostring(Properties["content.error.code"])',
            "nothing emits content.error.code",
        ),
        ("AppMetrics | summarise n = count()", "no operator summarise"),
        ("AppMetrics | summarize n = avgish(Sum)", "no function avgish"),
        ("AppMetrics | where Duration > 1", "no table or column Duration"),
        ('AppTraces | where Message == "never logged"', "nothing logs 'never logged'"),
        ('AzureMetrics | where MetricName == "DeadLetters"', "no platform metric DeadLetters"),
        ('AzureMetrics | where ResourceProvider == "MICROSOFT.KAFKA"', "no metrics of MICROSOFT.KAFKA"),
        ("AppMetrics | summarize n = count(", r"\( is not closed"),
        ("AppMetrics | where Sum > 1)", r"\) closes nothing"),
    ],
)
def test_a_wrong_name_is_found(query: str, message: str, names: kql.Names) -> None:
    found = [text for _, text in kql.problems(query, names)]
    assert [text for text in found if re.search(message, text)], found


@pytest.mark.parametrize(
    "query",
    [
        'AppTraces | where Message == "woken up" // a remark: about | where Nothing',
        "let far = AppMetrics | summarize most = max(Max) by bin(TimeGenerated, {TimeRange:grain});\nfar | where most > {dollars}",
        'AppRequests | where tostring(Properties) has "{JobId}" | project what = coalesce(Name, "?")',
        'AppMetrics | extend s = iff(Name == "content.llm.cost_usd", "US dollars", strcat("a ", Name))',
    ],
)
def test_a_sound_query_is_left_alone(query: str, names: kql.Names) -> None:
    assert [] == list(kql.problems(query, names))


def test_the_list_of_metrics_is_that_of_the_code(names: kql.Names) -> None:
    emitted = code.metrics(Sources())
    if emitted is None:
        pytest.skip("the app emits no metrics yet")
    assert {name: frozenset(dimensions) for name, dimensions in emitted.items()} == names.metrics
