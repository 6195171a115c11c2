"""The embedded writer: verbatim evidence, little redundancy, the same bytes twice; on library and LongFact topics.

Redundancy is the mean cosine of all pairs of sentences that stand in one section, averaged over the sections: the
measure behind the goal of .18, which was taken on answers of a few sentences. Beside it stand the harder ones, without
a goal: for each sentence the greatest cosine with any other of its article (mean), and the share of sentences that
nearly repeat one (cosine above .8, with the same figures: parallel statements of different figures are none).

python -m benchmarks.content.writer [path of the data folder]
"""

from __future__ import annotations

import asyncio
import json
import tarfile
from itertools import combinations

from benchmarks.content.common import data_file
from benchmarks.content.pipeline import TOPICS, Artifacts, brief_of, library_tools, package_bytes, run
from benchmarks.report import report
from layers.bottom.artifacts import SourceSet
from layers.contract import Tools
from layers.text.numbers import figures
from layers.text.similarity import cosine
from layers.text.words import stems
from layers.top.artifacts import Article
from orchestration.workflows import PREDEFINED

_PROMPTS = 30
_NEAR_DUPLICATE = 0.8
_LONGEST_TOPIC = 300


async def main() -> None:
    await measure("library", TOPICS)
    await measure("longfact", prompts())


async def measure(name: str, topics: tuple[str, ...]) -> None:
    """The figures over one set of topics; topics without enough sources give no article and count as such."""
    written, verbatim, quotes, alike, repeated = 0, 0, 0, 0, 0
    closest: list[float] = []
    within: list[float] = []
    for topic in topics:
        found = await standard(topic, library_tools())
        alike += package_bytes(found) == package_bytes(await standard(topic, library_tools()))
        article = found[Article]
        assert isinstance(article, Article)
        written += bool(article.sections)
        right, count = verbatim_quotes(article, found)
        verbatim, quotes = verbatim + right, quotes + count
        closest += nearest_sentences(article)
        repeated += repetitions(article)
        within += alike_within_sections(article)
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
        redundancy = sum(within) / len(within)
        nearest = sum(closest) / len(closest)
        case = f"writer.{name}"
        report(f"{case}.redundancy", redundancy, "cosine", floor=0.18, goal=0.18, sections=len(within))
        report(f"{case}.nearest-sentence", nearest, "cosine", sentences=len(closest))
        report(f"{case}.near-duplicates", repeated / len(closest), "ratio", goal=0, sentences=len(closest))


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


def repetitions(article: Article) -> int:
    """How many sentences with evidence nearly repeat an earlier one, figures included."""
    body = (*article.answer, *(s for part in article.sections for s in part.sentences))
    said = [(stems(s.text), set(figures(s.text))) for s in body if s.kind != "editorial"]
    return sum(
        any(cosine(bag, earlier) > _NEAR_DUPLICATE and told == others for earlier, others in said[:place])
        for place, (bag, told) in enumerate(said)
    )


def alike_within_sections(article: Article) -> list[float]:
    """For the answer and each section of two sentences or more the mean cosine of its pairs."""
    parts = (article.answer, *(section.sentences for section in article.sections))
    found = []
    for part in parts:
        bags = [stems(sentence.text) for sentence in part if sentence.kind != "editorial"]
        pairs = [cosine(one, other) for one, other in combinations(bags, 2)]
        if pairs:
            found.append(sum(pairs) / len(pairs))
    return found


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
