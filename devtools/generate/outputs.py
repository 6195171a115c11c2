"""What a finished job leaves on disk and what there is to say about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LONGEST_SLUG = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The files of one article, by suffix, and its citation counts."""

    files: Mapping[str, Path] = field(default_factory=dict)
    citations: int = 0
    sources: int = 0


def write_output(folder: Path, *, topic: str, package: str, markdown: str, html: str) -> Output:
    """Write ``<slug>.md``, ``.html`` and ``.json`` into ``folder``. Raises OSError where that is impossible."""
    content = json.loads(package)
    folder.mkdir(parents=True, exist_ok=True)
    stem = slug((content.get("article") or {}).get("slug") or topic)
    files = {suffix: folder / f"{stem}.{suffix}" for suffix in ("md", "html", "json")}
    files["md"].write_text(markdown, encoding="utf-8")
    files["html"].write_text(html, encoding="utf-8")
    files["json"].write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    citations, sources = count_citations(content)
    return Output(files=files, citations=citations, sources=sources)


def slug(text: str) -> str:
    """A file name of lower-case letters, digits and hyphens."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return words[:_LONGEST_SLUG].rstrip("-") or "article"


def count_citations(package: Mapping[str, Any]) -> tuple[int, int]:
    """How many pieces of evidence the article cites, and from how many sources."""
    cited = {evidence for sentence in _sentences(package) for evidence in sentence.get("evidence", ())}
    source_of = {evidence["id"]: evidence["source"] for evidence in package.get("evidence", ())}
    return len(cited), len({source_of[evidence] for evidence in cited if evidence in source_of})


def _sentences(package: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    article = package.get("article") or {}
    yield from article.get("answer", ())
    for section in article.get("sections", ()):
        yield from section["sentences"]
    for entry in article.get("faq", ()):
        yield from entry["answer"]


def library_subjects(folder: Path) -> list[str]:
    """The subjects of the library's documents, from the ``subject:`` line of their front matter."""
    found = (
        re.search(r"\A---\n(?:.*\n)*?subject:[ \t]*(.+)\n", file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.md"))
    )
    return sorted({match[1].strip() for match in found if match})
