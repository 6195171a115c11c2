"""Figures in the documents are those of the profiles, templates and checks."""

import json
import re
from pathlib import Path

import pytest

from infra.checks.cases import CASES
from infra.checks.context import Context, load
from infra.checks.mutations import defects
from infra.checks.properties import PROPERTIES
from infra.checks.properties.identity import ASSIGNMENT, role_of
from infra.checks.properties.messaging import SECONDS_PER_JOB, TOKENS_PER_JOB
from infra.checks.properties.monitoring import METRIC_ALERT, QUERY_ALERT
from infra.checks.sources import Sources

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
COST = (ROOT / "docs" / "operations" / "capacity-and-cost.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def context() -> Context:
    return load(Sources())


def row(name: str) -> list[str]:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


@pytest.mark.parametrize("place", range(3))
def test_the_table_of_profiles_shows_their_figures(place: int) -> None:
    name = ("dev", "prod", "vnet")[place]
    figures = json.loads((ROOT / "infra" / "profiles" / f"{name}.json").read_text())
    assert str(figures["alwaysReadyHttp"]) == row("ready HTTP instances")[place]
    calls = f"{figures['maximumInstanceCount']} x {figures['maxConcurrentCalls']}"
    assert calls == row("instances x jobs at once")[place]
    assert (
        f"{figures['llmThousandTokensPerMinute'] * 1000:,}" == row("language model, tokens a minute")[place]
    )
    minutes = re.sub(r"PT(\d+)M", r"\1 minutes", figures["alertFrequency"])
    assert minutes == row("alerts look every")[place]


def test_the_numbers_of_alerts_properties_and_defects_are_those_that_there_are(context: Context) -> None:
    metric, query = len(context.of("prod", METRIC_ALERT)), len(context.of("prod", QUERY_ALERT))
    assert f"{metric} metric and {query} query alerts" in PAGE
    assert f"{metric + query} alerts, workbook, budget" in PAGE
    assert {str(len(PROPERTIES))} == set(re.findall(r"(\d+) properties", PAGE))
    assert f"{len(defects(Sources()))} seeded defects" in PAGE


def test_every_role_of_the_app_is_in_the_table(context: Context) -> None:
    given = {role_of(assignment) for case in CASES for assignment in context.of(case, ASSIGNMENT)}
    assert given == {cell.strip() for cell in re.findall(r"^\| app \| ([^|]+) \|", PAGE, re.MULTILINE)}


def test_the_formula_of_capacity_is_that_of_the_check() -> None:
    assert f"maxConcurrentCalls x {TOKENS_PER_JOB:,} tokens x 60 s / {SECONDS_PER_JOB} s" in COST
