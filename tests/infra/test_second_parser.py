"""A parser with another grammar takes the same files: they stay in what tools for Bicep agree on."""

from pathlib import Path

import pytest
from pycep import BicepParser

FILES = sorted((Path(__file__).parents[2] / "infra").rglob("*.bicep"))


@pytest.fixture(scope="module")
def parser() -> BicepParser:
    return BicepParser()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_second_parser_takes_the_file(file: Path, parser: BicepParser) -> None:
    found = parser.parse(text=file.read_text(encoding="utf-8"))
    assert {"parameters", "resources"} & found.keys()
