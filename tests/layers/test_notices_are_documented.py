"""Every notice that a step can give stands in the documents with its meaning."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("docs/content.md", "docs/language-models.md")


def _codes():
    """Codes that are written where a warning is made: ``ContentWarning(code=...)`` and ``warn("...")``."""
    for file in (ROOT / "layers").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            values = (
                [word.value for word in node.keywords if word.arg == "code"]
                if name == "ContentWarning"
                else []
            )
            values += node.args[:1] if name == "warn" else []
            yield from (value.value for value in values if isinstance(value, ast.Constant))


def test_every_notice_is_explained():
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    codes = set(_codes())

    assert len(codes) >= 15
    assert {code for code in codes if f"`{code}`" not in text} == set()
