"""Documents point at what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "infra" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "samples").glob("*/README.md")),
]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
SOURCE = re.compile(
    r"`((?:orchestration|layers|localcloud|devtools|tests|samples|benchmarks|infra)/[\w./-]+\.\w+)`"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_named_file_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [name for name in SOURCE.findall(text) if not (ROOT / name).exists()]
    assert missing == []


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def test_every_decision_is_in_the_index_under_its_number() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \|", index, re.MULTILINE)
    assert [(str(int(page.name[:4])), page.name) for page in DECISIONS] == listed
    for number, name in listed:
        first = (ROOT / "docs" / "decisions" / name).read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith(f"# {number}. "), name


def test_every_decision_has_its_context_and_its_decision() -> None:
    assert DECISIONS
    for page in DECISIONS:
        text = page.read_text(encoding="utf-8")
        assert re.search(r"context", text, re.IGNORECASE), page.name
        assert re.search(r"decision", text, re.IGNORECASE), page.name
