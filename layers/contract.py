"""What a content step sees and gives: the brief, the artifacts before it, the tools it may use.

A step is one async function ``(StepContext) -> Artifact``. It takes its inputs only from the brief and from
artifacts, so that a resumed job gives the same result as an uninterrupted one. Which steps exist, what each
provides and what it requires is the table in :mod:`layers.catalog`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Layer(StrEnum):
    """Where a step stands: a layer uses artifacts of its own layer and of those below."""

    BOTTOM = "bottom"
    MIDDLE = "middle"
    TOP = "top"


class JobType(StrEnum):
    """What the caller wants to have done."""

    CONTENT_GENERATION = "content_generation"
    CITATION_VERIFICATION = "citation_verification"
    RESEARCH_GENERATION = "research_generation"


class ContentType(StrEnum):
    """The form of the article; each has its own template and length."""

    BLOG_POST = "blog_post"
    TECHNICAL_GUIDE = "technical_guide"
    CASE_STUDY = "case_study"
    PRODUCT_REVIEW = "product_review"
    INDUSTRY_ANALYSIS = "industry_analysis"
    SOCIAL_MEDIA = "social_media"
    WHITEPAPER = "whitepaper"
    EMAIL_CAMPAIGN = "email_campaign"


class Audience(StrEnum):
    """Who reads it."""

    B2B = "b2b"
    B2C = "b2c"


class TargetLength(StrEnum):
    """How long the article should be; the words per value are in :mod:`layers.middle.structure`."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


class Tone(StrEnum):
    """The voice of the editorial sentences and the reading level aimed at."""

    FORMAL = "formal"
    CONVERSATIONAL = "conversational"
    TECHNICAL = "technical"
    FRIENDLY = "friendly"
    AUTHORITATIVE = "authoritative"


class Platform(StrEnum):
    """Where a variant of the article is to be shown."""

    GOOGLE_AI_OVERVIEWS = "google_ai_overviews"
    CHATGPT = "chatgpt"
    PERPLEXITY = "perplexity"
    LINKEDIN = "linkedin"
    X = "x"


class Wire(BaseModel):
    """A frozen value that travels as camelCase JSON; unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class ContentWarning(Wire):
    """Something the reader of a package or job should know: what, where, and what would cure it."""

    severity: Literal["error", "warning", "info"]
    code: str
    where: str
    fix: str


class GivenContent(Wire):
    """Content that the caller brings, to be verified."""

    text: str
    format: Literal["markdown", "html", "text"] = "markdown"


class GivenSource(Wire):
    """Material that the caller brings: text, or a page to fetch."""

    title: str
    url: str | None = None
    text: str | None = None
    author: str | None = None
    published: date | None = None
    must_use: bool = False


class GivenAuthor(Wire):
    """Who signs the article. Comes from the caller alone; nothing about an author is ever invented."""

    name: str
    url: str | None = None
    credentials: str | None = None


class ContentBrief(Wire):
    """The validated request as steps see it. ``today`` is the day of submission, so that a resume agrees.

    ``budget_tokens`` is how many tokens language models may read and write for the job; None: as many as it takes.
    """

    job_type: JobType = JobType.CONTENT_GENERATION
    topic: str
    content_type: ContentType = ContentType.BLOG_POST
    audience: Audience = Audience.B2B
    content: GivenContent | None = None
    target_length: TargetLength = TargetLength.MEDIUM
    tone: Tone | None = None
    purpose: str | None = None
    key_points: tuple[str, ...] = ()
    search_keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[GivenSource, ...] = ()
    sources_only: bool = False
    since: date | None = None
    author: GivenAuthor | None = None
    platforms: tuple[Platform, ...] = ()
    language: str = "en"
    budget_tokens: int | None = None
    today: date


class Artifact(Wire):
    """A step's typed output. ``made_by`` says honestly whether rules or a language model made it."""

    made_by: Literal["rules", "llm"] = "rules"
    warnings: tuple[ContentWarning, ...] = ()


class StepError(Exception):
    """A step cannot give its artifact.

    ``retryable`` tells whether the same inputs may work later (a provider is down) or never will (the inputs
    are at fault). ``code`` is stable and machine-readable; ``retry_after`` is a hint in seconds.
    """

    def __init__(
        self, message: str, *, code: str, retryable: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """A document as it was fetched or read: bytes decoded to text, nothing extracted yet.

    ``media_type`` is one of text/markdown, text/plain, text/html; ``locator`` is the URL, or the file's path
    relative to the library's folder.
    """

    locator: str
    media_type: str
    text: str
    url: str | None = None
    title: str | None = None
    author: str | None = None
    published: date | None = None
    doi: str | None = None


class Library(Protocol):
    """The local document library. Documents come in a stable order; the fingerprint names their state."""

    async def documents(self) -> Sequence[RawDocument]:
        """All documents, ordered by locator."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever a document does; known after ``documents`` was awaited."""
        ...


class ResearchProvider(Protocol):
    """A web search that returns documents with trustworthy metadata (Wikipedia, Crossref)."""

    @property
    def name(self) -> str:
        """Short lower-case name, as in the setting ``RESEARCH_PROVIDERS``."""
        ...

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        """Up to ``limit`` documents, best first. Raises :class:`StepError` when the provider fails."""
        ...


class PageFetcher(Protocol):
    """Fetches one public page through the address guard."""

    async def fetch(self, url: str) -> RawDocument:
        """The page. Raises :class:`StepError` (code ``source_unreachable`` or ``source_refused``)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One call of a language model. ``schema`` is a JSON schema that the answer must satisfy.

    ``seconds`` is how long the call may take with all its retries, ``budget_tokens`` what is left to spend; None
    sets no limit. ``purpose`` names the call in logs, which never show the prompts.
    """

    purpose: str
    system: str
    user: str
    schema: Mapping[str, object]
    max_output_tokens: int
    seconds: float | None = None
    budget_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """The parsed answer with its token counts; ``cost`` is in US dollars."""

    value: Mapping[str, object]
    model: str
    tokens_in: int
    tokens_out: int
    cost: float = 0.0


class ChatFailed(StepError):
    """A language model gave nothing usable; what it counted is spent all the same (``cost`` in US dollars).

    Codes: ``llm_unavailable`` (down, or its breaker is open), ``llm_misconfigured`` (refuses the key, the model or
    the request), ``budget_spent`` (not asked), and of one answer ``llm_truncated``, ``llm_invalid``, ``llm_refused``.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retryable: bool = False,
        retry_after: float | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        cost: float = 0.0,
    ) -> None:
        super().__init__(message, code=code, retryable=retryable, retry_after=retry_after)
        self.tokens_in = tokens_in
        self.tokens_out = tokens_out
        self.cost = cost


class LanguageModel(Protocol):
    """Any OpenAI-compatible chat endpoint behind one call."""

    @property
    def model(self) -> str:
        """The model's name, part of the step's cache key and of the package."""
        ...

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Ask for one answer: a JSON object. Raises :class:`ChatFailed`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a step may reach outside itself. With no language model the embedded rules do the work."""

    library: Library | None = None
    providers: tuple[ResearchProvider, ...] = ()
    pages: PageFetcher | None = None
    llm: LanguageModel | None = None


A = TypeVar("A", bound=Artifact)


def _no_progress(fraction: float, note: str) -> None:
    """Progress that nobody watches."""


def _no_deadline() -> float:
    """Time without end."""
    return math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Everything one run of one step gets.

    ``report(fraction, note)`` tells watchers how far the step is (0..1); it is ephemeral and may be dropped.
    ``seconds_left()`` is how long the step still has before it is stopped.
    """

    brief: ContentBrief
    artifacts: Mapping[type[Artifact], Artifact] = field(default_factory=dict)
    tools: Tools = field(default_factory=Tools)
    report: Callable[[float, str], None] = _no_progress
    seconds_left: Callable[[], float] = _no_deadline

    def need(self, kind: type[A]) -> A:
        """The artifact that this step requires. The engine runs no step before its requirements."""
        found = self.artifacts.get(kind)
        if not isinstance(found, kind):
            raise StepError(f"{kind.__name__} is missing", code="missing_artifact")
        return found

    def have(self, kind: type[A]) -> A | None:
        """The artifact that this step can use, or None where the workflow does not make it."""
        found = self.artifacts.get(kind)
        return found if isinstance(found, kind) else None
