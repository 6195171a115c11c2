"""Decide which candidate documents become the sources of a job, and say why the others do not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from layers.bottom.artifacts import Source, SourceAttempt, SourceSet
from layers.bottom.gathering.relevance import Relevance, Searchable, concepts, treats
from layers.bottom.reading.domains import registrable_domain
from layers.bottom.reading.extraction import LONGEST_TEXT, Extracted, extract
from layers.bottom.reading.metadata import web_address
from layers.contract import ContentBrief, ContentWarning, GivenSource, JobType, RawDocument
from layers.text.words import words

FEWEST_WORDS = 40
_SHINGLE = 5
_SAME = 0.8
_FILE_NAME = re.compile(r"\.(?:md|markdown|txt|html?)$|^[^\s]*[-_][^\s]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A document that may become a source; ``given`` is the caller's entry it belongs to."""

    document: RawDocument
    given: GivenSource | None = None
    extracted: Extracted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one place gave. ``judged`` tells that it only gives documents about the topic."""

    provider: str
    query: str
    candidates: tuple[Candidate, ...] = ()
    found: int = 0
    problem: str | None = None
    judged: bool = True


@dataclass(slots=True)
class _Selection:
    """The sources so far, with the word sequences that tell a copy."""

    brief: ContentBrief
    sources: list[Source] = field(default_factory=list)
    shingles: list[frozenset[int]] = field(default_factory=list)
    warnings: list[ContentWarning] = field(default_factory=list)
    beside: int = 0  # sources that the caller insists on although they do not treat the topic

    def warn(self, code: str, where: str, fix: str) -> None:
        self.warnings.append(ContentWarning(severity="warning", code=code, where=where, fix=fix))


def select_sources(
    brief: ContentBrief, batches: Sequence[Batch], most_found: int, warnings: tuple[ContentWarning, ...] = ()
) -> SourceSet:
    """Check every candidate in order and number what is used ``S1``, ``S2`` ...

    At most ``most_found`` come from elsewhere than the caller. Two usable sources are sufficient for an
    article, one for checking citations.
    """
    selection = _Selection(brief, warnings=list(warnings))
    judge = Relevance(concepts(brief.topic), ())
    tried = []
    for batch in batches:
        before = len(selection.sources)
        for candidate in batch.candidates:
            others = sum(source.origin != "given" for source in selection.sources)
            if candidate.given is None and others >= most_found:
                break
            _consider(selection, candidate, batch, judge)
        if batch.problem and batch.provider != "given":
            selection.warn(
                "provider_failed", batch.provider, f"{batch.problem}. Try again later, or give sources."
            )
        tried.append(
            SourceAttempt(
                provider=batch.provider, query=batch.query, found=batch.found,
                used=len(selection.sources) - before, problem=batch.problem,
            )
        )  # fmt: skip
    if not concepts(brief.topic):
        selection.warn("topic_without_content", brief.topic, "Name a subject in words.")
    enough = 1 if brief.job_type is JobType.CITATION_VERIFICATION else 2
    return SourceSet(
        sources=tuple(selection.sources),
        tried=tuple(tried),
        sufficient=len(selection.sources) - selection.beside >= enough,
        warnings=tuple(selection.warnings),
    )


def _consider(selection: _Selection, candidate: Candidate, batch: Batch, judge: Relevance) -> None:
    """Add the candidate to the selection, or warn where the caller gave it and it cannot be used."""
    extracted = candidate.extracted or extract(candidate.document)
    source = _source(candidate, extracted, batch.provider, f"S{len(selection.sources) + 1}")
    own = candidate.given is not None
    if not own and not batch.judged and not _is_relevant(judge, source):
        return
    problem = _problem(source, selection.brief)
    doubt = _doubt(source, selection.brief, own=own) if problem is None else None
    if not source.must_use:
        problem = problem or doubt
    if problem is not None:
        if own:
            selection.warn(problem[0], source.title, problem[1])
        return
    shingles = _shingles(source.text)
    twin = next((i for i, other in enumerate(selection.shingles) if _same(shingles, other)), None)
    if twin is not None:
        if own:
            selection.warn(
                "source_duplicate", source.title, f"It repeats {selection.sources[twin].id}, which is used."
            )
        return
    if doubt is not None:
        selection.beside += 1
        selection.warn(
            doubt[0], source.title, f"{doubt[1]} It is kept because it must be used, but does not count."
        )
    if extracted.cut:
        selection.warn("source_cut", source.title, f"Only its first {LONGEST_TEXT} characters were read.")
    selection.sources.append(source)
    selection.shingles.append(shingles)


def _problem(source: Source, brief: ContentBrief) -> tuple[str, str] | None:
    """(code, fix) of what makes a source unusable."""
    if len(words(source.text)) < FEWEST_WORDS:
        return "source_too_short", f"It has fewer than {FEWEST_WORDS} words of running text."
    if brief.since is not None and not source.must_use:
        if source.published is not None and source.published < brief.since:
            return "source_too_old", f"It was published before {brief.since}: mark it mustUse, or move since."
        if source.published is None and source.origin != "given":
            return "source_undated", "Its date is not known."
    return None


def _source(candidate: Candidate, extracted: Extracted, origin: str, number: str) -> Source:
    document, given, stated = candidate.document, candidate.given, extracted.metadata
    url = (given.url if given else None) or document.url or stated.url
    content = extracted.content
    return Source(
        id=number,
        origin=origin,
        locator=document.locator,
        title=_title(given, stated.title, document.locator),
        text=content.text,
        sha256=hashlib.sha256(content.text.encode()).hexdigest(),
        url=web_address(url),
        author=(given.author if given else None) or document.author or stated.author,
        published=(given.published if given else None) or document.published or stated.published,
        doi=document.doi or stated.doi,
        registrable_domain=registrable_domain(web_address(url)),
        language=extracted.language,
        must_use=given.must_use if given else False,
        headings=content.headings,
        references=content.references,
        anchors=content.anchors,
    )


def _title(given: GivenSource | None, stated: str | None, locator: str) -> str:
    """The caller's title, unless that is a mere file name ("notes-2.txt", "notes 2") and the document has its own."""
    named = given.title.strip() if given else ""
    if stated and (not named or _FILE_NAME.search(named) or named.islower()):
        return stated
    return named or stated or locator


def _is_relevant(judge: Relevance, source: Source) -> bool:
    return judge.is_relevant(_searchable(source))


def _doubt(source: Source, brief: ContentBrief, *, own: bool) -> tuple[str, str] | None:
    """(code, fix) of what makes a source no evidence for this article, although the caller may insist on it."""
    if source.language != brief.language:
        return "source_language", f"It is not in the language of the article ({brief.language})."
    if own and _astray(source, brief):
        return (
            "source_off_topic",
            "It does not treat the topic: word the topic as the source does, or drop it.",
        )
    return None


def _astray(source: Source, brief: ContentBrief) -> bool:
    """Whether a source of the caller is about something else; citations may be checked against any."""
    if brief.job_type is JobType.CITATION_VERIFICATION:
        return False
    return not any(treats(topic, _searchable(source)) for topic in (brief.topic, *brief.search_keywords))


def _searchable(source: Source) -> Searchable:
    return Searchable.of(source.title, (title for _, title in source.headings), source.text)


def _shingles(text: str) -> frozenset[int]:
    """Hashes of every run of five words. ``hash`` of a str differs by process, so bytes are summed instead."""
    tokens = words(text)
    runs = (" ".join(tokens[at : at + _SHINGLE]) for at in range(max(1, len(tokens) - _SHINGLE + 1)))
    return frozenset(int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest()) for run in runs)


def _same(left: frozenset[int], right: frozenset[int]) -> bool:
    """Whether the shorter text is nearly contained in the longer one."""
    smaller = min(len(left), len(right))
    return len(left & right) >= _SAME * smaller if smaller else False
