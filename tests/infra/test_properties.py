"""The shipped infrastructure has all its properties, in every profile."""

from pathlib import Path

import pytest

from infra.checks.__main__ import main
from infra.checks.cases import CASES
from infra.checks.context import Context, load
from infra.checks.properties import PROPERTIES
from infra.checks.report import findings, report
from infra.checks.sources import Sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def context() -> Context:
    return load(Sources())


@pytest.mark.parametrize("number", sorted(PROPERTIES))
def test_the_shipped_infrastructure_has_the_property(number: int, context: Context) -> None:
    assert [] == [str(found) for found in PROPERTIES[number].findings(context)]


def test_the_thirty_properties_are_there_and_each_has_a_title_and_a_cure() -> None:
    assert set(range(1, 31)) <= PROPERTIES.keys()
    assert all(each.title and each.cure and each.check.__doc__ for each in PROPERTIES.values())


def test_every_profile_is_evaluated_into_resources(context: Context) -> None:
    assert {"dev", "prod", "vnet"} == CASES.keys()
    profiles = {path.stem for path in (ROOT / "infra/profiles").glob("*.json")}
    assert profiles == {case["profile"] for case in CASES.values()}
    assert all(len(resources) > 60 for resources in context.resources.values())


def test_the_report_is_readable_and_says_it_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main()
    said = capsys.readouterr().out.splitlines()
    assert f"{len(PROPERTIES)} of {len(PROPERTIES)} properties hold." == said[-1]
    assert len(PROPERTIES) == sum(line.startswith("ok ") for line in said)


def test_a_finding_names_the_cases_the_place_and_the_cure() -> None:
    path = "infra/modules/function-app.bicep"
    text = Sources().text(path).replace("httpsOnly: true", "httpsOnly: false")
    said = report(findings(Sources(changed={path: text})))
    assert "FAILED 29 The site is closed but for https" in said
    assert "dev, prod, vnet: infra/modules/function-app.bicep:" in said
    assert "httpsOnly is False, not True" in said
    assert "cure: httpsOnly, TLS 1.2" in said


def test_files_that_cannot_be_read_are_findings_and_no_crash() -> None:
    gone = Sources(
        changed={
            "infra/workbook.json": None,
            "host.json": "{",
            "azure.yaml": ": :",
            "infra/main.bicep": "param",
        }
    )
    assert {1, 21, 28, 30, 32} <= {found.number for found in findings(gone)}
