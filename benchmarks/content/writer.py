"""The embedded writer: verbatim evidence, little redundancy, the same bytes twice; on library and LongFact topics.

Redundancy is, for each sentence of an article, its greatest cosine with another one; the mean over all articles.

python -m benchmarks.content.writer [path of the data folder]
"""

from __future__ import annotations

import asyncio
import json
import tarfile

from benchmarks.content.common import data_file
from benchmarks.content.pipeline import TOPICS, Artifacts, brief_of, library_tools, package_bytes, run
from benchmarks.report import report
from layers.bottom.artifacts import SourceSet
from layers.contract import Tools
from layers.text.similarity import cosine
from layers.text.words import stems
from layers.top.artifacts import Article
from orchestration.workflows import PREDEFINED

_PROMPTS = 30
_LONGEST_TOPIC = 300


async def main() -> None:
    await measure("library", TOPICS)
    await measure("longfact", prompts())


async def measure(name: str, topics: tuple[str, ...]) -> None:
    """The figures over one set of topics; topics without enough sources give no article and count as such."""
    written, verbatim, quotes, alike = 0, 0, 0, 0
    closest: list[float] = []
    for topic in topics:
        found = await standard(topic, library_tools())
        alike += package_bytes(found) == package_bytes(await standard(topic, library_tools()))
        article = found[Article]
        assert isinstance(article, Article)
        written += bool(article.sections)
        right, count = verbatim_quotes(article, found)
        verbatim, quotes = verbatim + right, quotes + count
        closest += nearest_sentences(article)
    if not topics:
        return
    report(
        f"writer.{name}.two-runs-alike",
        alike / len(topics),
        "ratio",
        goal=1,
        topics=len(topics),
        articles=written,
    )
    if quotes:
        report(f"writer.{name}.verbatim", verbatim / quotes, "ratio", floor=1, goal=1, quotes=quotes)
        redundancy = sum(closest) / len(closest)
        report(
            f"writer.{name}.redundancy", redundancy, "cosine", floor=0.18, goal=0.18, sentences=len(closest)
        )


async def standard(topic: str, tools: Tools) -> Artifacts:
    return await run(PREDEFINED["standard"], brief_of(topic), tools)


def verbatim_quotes(article: Article, found: Artifacts) -> tuple[int, int]:
    """How many of the quotes are the slices of their sources that they claim to be, and how many there are."""
    sources = found[SourceSet]
    assert isinstance(sources, SourceSet)
    texts = {source.id: source.text for source in sources.sources}
    right = sum(texts[row.source][row.start : row.end] == row.quote for row in article.evidence)
    uncited = sum(s.kind != "editorial" and not s.evidence for s in article.all_sentences())
    return right, len(article.evidence) + uncited


def nearest_sentences(article: Article) -> list[float]:
    """For each sentence with evidence the cosine of the sentence most like it. The FAQ repeats by design: left out."""
    body = (*article.answer, *article.introduction, *(s for part in article.sections for s in part.sentences))
    bags = [stems(sentence.text) for sentence in body if sentence.kind != "editorial"]
    return [
        max((cosine(bag, other) for place, other in enumerate(bags) if place != own), default=0.0)
        for own, bag in enumerate(bags)
    ]


def prompts() -> tuple[str, ...]:
    """LongFact prompts as topics, spread over its files: most are about what the library does not cover."""
    path = data_file("longfact-prompts.tar.gz")
    if path is None:
        return ()
    found = []
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member) if member.name.endswith(".jsonl") else None
            if stream is not None:
                found.append(str(json.loads(stream.readline())["prompt"])[:_LONGEST_TOPIC])
    return tuple(found[:: max(1, len(found) // _PROMPTS)])


if __name__ == "__main__":
    asyncio.run(main())
