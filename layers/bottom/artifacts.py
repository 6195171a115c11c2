"""What the bottom layer provides: intent, sources, passages, keywords, freshness.

Offsets are code points of :attr:`Source.text`; ids (``S1``, ``P1``) are unique within one job.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from layers.contract import Artifact, Wire

IntentKind = Literal["informational", "navigational", "transactional", "commercial"]
QuestionForm = Literal["definition", "how_to", "comparison", "list", "cost", "why", "yes_no", "overview"]


class Intent(Artifact):
    """Why someone asks. ``rules`` names the rules that fired; confidences are 0..1."""

    primary: IntentKind
    sub: Literal["factual", "instrumental", "other"]
    confidence: float
    runner_up: IntentKind
    runner_up_confidence: float
    rules: tuple[str, ...]
    form: QuestionForm
    entities: tuple[str, ...] = ()
    audience_fit: Literal["b2b", "b2c", "either"] = "either"


class Reference(Wire):
    """A work that a source itself cites: the real reference behind a passage."""

    number: int
    citation: str
    title: str | None = None
    year: int | None = None
    url: str | None = None
    doi: str | None = None


class ReferenceAnchor(Wire):
    """The source cites these references for the text that ends at ``offset``."""

    offset: int
    numbers: tuple[int, ...]


class Source(Wire):
    """One document. ``text`` is clean running text, no marks, no markup.

    Paragraphs are parted by a blank line; a line break inside one parts list items or table rows. ``headings``
    name the section that begins at an offset; they are not part of the text.
    """

    id: str
    origin: str
    locator: str
    title: str
    text: str
    sha256: str
    url: str | None = None
    author: str | None = None
    published: date | None = None
    doi: str | None = None
    registrable_domain: str | None = None
    language: str = "en"
    must_use: bool = False
    headings: tuple[tuple[int, str], ...] = ()
    references: tuple[Reference, ...] = ()
    anchors: tuple[ReferenceAnchor, ...] = ()


class SourceAttempt(Wire):
    """Where sources were looked for, and what came of it."""

    provider: str
    query: str
    found: int
    used: int
    problem: str | None = None


class SourceSet(Artifact):
    """The sources of the job. Fewer than two usable ones are not sufficient for an article."""

    sources: tuple[Source, ...]
    tried: tuple[SourceAttempt, ...]
    sufficient: bool

    def by_id(self, source_id: str) -> Source:
        """The source with this id. Raises KeyError."""
        for source in self.sources:
            if source.id == source_id:
                return source
        raise KeyError(source_id)


class Passage(Wire):
    """About three neighbouring sentences of one source, never across a paragraph or heading.

    ``sentences`` are (start, end) spans in the source's text; ``references`` are the reference numbers of the
    source that stand behind the passage.
    """

    id: str
    source: str
    start: int
    end: int
    heading: str = ""
    sentences: tuple[tuple[int, int], ...] = ()
    references: tuple[int, ...] = ()


class PassageIndex(Artifact):
    """All passages, in source order. BM25 over them is rebuilt from the text where it is needed."""

    passages: tuple[Passage, ...]


class Keyword(Wire):
    """A phrase worth covering. ``score`` is 0..1; ``passages`` are the best evidence for it."""

    phrase: str
    score: float
    role: Literal["primary", "secondary", "tag"]
    passages: tuple[str, ...] = ()


class TopicCluster(Wire):
    """Phrases that belong together."""

    name: str
    phrases: tuple[str, ...]


class Question(Wire):
    """A question people ask, with the passages that could answer it (never empty)."""

    text: str
    kind: Literal["what", "how", "why", "who", "cost", "comparison", "risk", "example", "when", "other"]
    keyword: str
    passages: tuple[str, ...]


class KeywordPlan(Artifact):
    """Keywords, clusters and answerable questions, best first."""

    keywords: tuple[Keyword, ...]
    clusters: tuple[TopicCluster, ...]
    questions: tuple[Question, ...]


class SourceAge(Wire):
    """How old a source is. ``basis`` says where the date comes from; unknown dates stay unknown."""

    source: str
    published: date | None
    age_days: int | None
    newest_year_in_text: int | None
    stale: bool
    basis: Literal["metadata", "text", "unknown"]


class FreshnessReport(Artifact):
    """Does this query deserve freshness, and which sources are too old for it."""

    deserves_freshness: bool
    reason: str
    max_age_days: int
    ages: tuple[SourceAge, ...]
    stale_sources: tuple[str, ...]
