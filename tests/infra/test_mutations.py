"""The checks notice what they are for: defects are laid over the shipped files, one at a time."""

import pytest

from infra.checks.findings import TemplateError
from infra.checks.mutations import Defect, Outcome, defects, run
from infra.checks.properties import PROPERTIES
from infra.checks.sources import Sources

LEAST = 40
SHARE = 0.95


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return list(run(Sources()))


def test_there_are_enough_defects_and_every_property_is_broken_by_one(outcomes: list[Outcome]) -> None:
    assert len(outcomes) >= LEAST
    assert PROPERTIES.keys() == {outcome.defect.breaks for outcome in outcomes}


def test_defects_are_noticed_by_the_property_that_they_break(outcomes: list[Outcome]) -> None:
    missed = [f"{o.defect.does} ({o.defect.file}): {o.defect.breaks}" for o in outcomes if not o.caught]
    assert len(missed) <= (1 - SHARE) * len(outcomes), missed


def test_a_defect_that_cannot_be_made_any_more_is_an_error() -> None:
    with pytest.raises(TemplateError, match="stands 0 times"):
        Defect(does="nothing", file="host.json", breaks=21, find="there is no such text").over(Sources())


def test_defects_leave_the_files_alone() -> None:
    sources = Sources()
    defect = next(each for each in defects(sources) if each.find)
    assert defect.over(sources).text(defect.file) != sources.text(defect.file)
