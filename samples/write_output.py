"""Write the five articles in samples/output from the documents in samples/library, with the embedded writer.

    .venv/bin/python samples/write_output.py

The day is fixed and nothing is asked of the network, so the same documents give the same files byte for byte.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from layers.catalog import CATALOG  # noqa: E402 - the repository is put on the path first
from layers.contract import Artifact, ContentBrief, StepContext, Tools  # noqa: E402
from layers.top.artifacts import ContentPackage  # noqa: E402
from orchestration.adapters.library_files import FileLibrary  # noqa: E402
from orchestration.workflows import PREDEFINED, in_order  # noqa: E402

TODAY = date(2026, 11, 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One article: the file's name, the workflow, and what is asked for (fields of :class:`ContentBrief`)."""

    name: str
    workflow: str
    topic: str
    asked: dict[str, object] = field(default_factory=dict)

    def brief(self) -> ContentBrief:
        """The validated request."""
        return ContentBrief.model_validate({"topic": self.topic, "today": TODAY, **self.asked})


ORDERS = (
    Order(
        name="ai-in-healthcare",
        workflow="research_heavy",
        topic="AI in healthcare",
        asked={"content_type": "industry_analysis", "target_length": "long"},
    ),
    Order(
        name="phishing",
        workflow="seo_focused",
        topic="How to protect a small business from phishing",
        asked={"content_type": "technical_guide"},
    ),
    Order(
        name="insomnia",
        workflow="citation_heavy",
        topic="Insomnia",
        asked={"audience": "b2c", "tone": "friendly"},
    ),
    Order(
        name="grid-storage",
        workflow="standard",
        topic="Grid-scale battery storage",
        asked={"content_type": "whitepaper", "tone": "formal"},
    ),
    Order(
        name="remote-work",
        workflow="standard",
        topic="The benefits of remote work",
        asked={"content_type": "email_campaign", "purpose": "Start a discussion"},
    ),
)


async def produce(order: Order, library: FileLibrary) -> ContentPackage:
    """Run the steps of the order's workflow one after the other."""
    brief = order.brief()
    artifacts: dict[type[Artifact], Artifact] = {}
    for step in in_order(PREDEFINED[order.workflow]):
        context = StepContext(brief=brief, artifacts=dict(artifacts), tools=Tools(library=library))
        made = await CATALOG[step.service].load()(context)
        artifacts[type(made)] = made
    package = artifacts[ContentPackage]
    if not isinstance(package, ContentPackage) or package.article is None:
        raise SystemExit(f"{order.name}: the library does not carry an article on {order.topic!r}")
    return package


async def main() -> None:
    """Write Markdown and HTML of every order, and say how long each is and what its quality score."""
    folder = HERE / "output"
    folder.mkdir(exist_ok=True)
    library = FileLibrary(HERE / "library")
    for order in ORDERS:
        package = await produce(order, library)
        if package.article is None or package.quality is None:
            continue
        (folder / f"{order.name}.md").write_text(package.article.markdown, encoding="utf-8")
        (folder / f"{order.name}.html").write_text(package.article.html, encoding="utf-8")
        print(f"{order.name}: {package.article.word_count} words, quality {package.quality.overall}")


if __name__ == "__main__":
    asyncio.run(main())
