"""What callers and producers may send: the request, checked field by field, and the producer's message."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from layers.contract import (
    Audience,
    ContentBrief,
    ContentType,
    GivenAuthor,
    GivenContent,
    GivenSource,
    JobType,
    Platform,
    TargetLength,
    Tone,
)
from orchestration.errors import FieldError, InvalidRequest
from orchestration.jobs import Priority

MAX_BODY_BYTES = 256 * 1024
MAX_BODY_WITH_SOURCES_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
_MAX_DIGITS = 30
_MAX_FRACTION = 400
MAX_SCHEDULE = timedelta(days=30)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Possessive, and content with a missing end: an unclosed string must not be tried again from each of its quotes."""

_BRACKET = re.compile(rb"[\[\]{}]")

WorkflowType = Literal["standard", "research_heavy", "seo_focused", "citation_heavy", "custom"]
CallbackEvent = Literal["status_change", "progress_update", "step_completed", "error", "result_ready"]


def _web_url(value: str) -> str:
    try:
        AnyUrl(value)
    except ValidationError as error:
        raise ValueError("should be a URL") from error
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an http or https URL")
    if parts.username or parts.password:
        raise ValueError("should carry no user name or password")
    return value


def _callback_url(value: str) -> str:
    """Take https. Plain http is left to the address guard where it could be a host of this machine."""
    parts = urlsplit(_web_url(value))
    if parts.scheme != "https" and not (parts.hostname or "").startswith(("127.", "localhost")):
        raise ValueError("should be an https URL")
    return value


def _stripped(minimum: int, maximum: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=minimum, max_length=maximum)


Topic = Annotated[str, _stripped(3, 300)]
Line = Annotated[str, _stripped(1, 300)]
Label = Annotated[str, _stripped(1, 100)]
CallbackUrl = Annotated[str, _stripped(1, 2000), AfterValidator(_callback_url)]
WebUrl = Annotated[str, _stripped(1, 2000), AfterValidator(_web_url)]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_alias=True, validate_by_name=False
    )


class ContentIn(_Model):
    """Content to verify."""

    text: Annotated[str, _stripped(1, 200_000)]
    format: Literal["markdown", "html", "text"] = "markdown"


class SourceIn(_Model):
    """Own material: text, or a page to fetch."""

    title: Line
    url: WebUrl | None = None
    text: Annotated[str, _stripped(1, 900_000)] | None = None
    author: Label | None = None
    published: date | None = None
    must_use: bool = False


class AuthorIn(_Model):
    """Who signs the article."""

    name: Label
    url: WebUrl | None = None
    credentials: Line | None = None


class GenerateRequest(_Model):
    """The body of ``POST /content-architect/generate`` and the ``request`` of a producer's message."""

    type: JobType = JobType.CONTENT_GENERATION
    topic: Topic | None = None
    content_type: ContentType | None = None
    audience: Audience | None = None
    content: ContentIn | None = None
    target_length: TargetLength = TargetLength.MEDIUM
    tone_of_voice: Tone | None = None
    purpose: Line | None = None
    key_points: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    search_keywords: Annotated[tuple[Label, ...], Field(max_length=50)] = ()
    tags: Annotated[tuple[Label, ...], Field(max_length=20)] = ()
    include_research: bool | None = None
    include_citations: bool | None = None
    include_eeat: bool | None = Field(None, alias="includeEEAT")
    include_schema_markup: bool | None = None
    include_seo_optimization: bool | None = Field(None, alias="includeSEOOptimization")
    workflow_type: WorkflowType = "standard"
    workflow_id: Label | None = None
    priority: Priority = Priority.NORMAL
    run_async: bool = Field(True, alias="async")
    callback_url: CallbackUrl | None = None
    webhook_events: Annotated[tuple[CallbackEvent, ...], Field(max_length=5)] = ()
    user_id: Label | None = None
    project_id: Label | None = None
    sources: Annotated[tuple[SourceIn, ...], Field(max_length=200)] = ()
    sources_only: bool = False
    since: date | None = None
    author: AuthorIn | None = None
    platforms: Annotated[tuple[Platform, ...], Field(max_length=5)] = ()
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    scheduled_for: AwareDatetime | None = None
    deadline_seconds: Annotated[float, Field(gt=0, le=1500)] | None = None
    budget_tokens: Annotated[int, Field(ge=0, le=10_000_000)] | None = None

    @property
    def flags(self) -> dict[str, bool | None]:
        """The ``include...`` flags by their wire names."""
        return {
            "includeResearch": self.include_research,
            "includeCitations": self.include_citations,
            "includeEEAT": self.include_eeat,
            "includeSchemaMarkup": self.include_schema_markup,
            "includeSEOOptimization": self.include_seo_optimization,
        }

    @property
    def effective_topic(self) -> str:
        """The topic, or for given content its first line."""
        if self.topic:
            return self.topic
        first = self.content.text.splitlines()[0] if self.content else ""
        return first.strip("# \t")[:300] or "Given content"

    def fingerprint(self) -> str:
        """Digest of the request: the same key with another digest is another request."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_brief(self, today: date) -> ContentBrief:
        """What the steps see of it."""
        return ContentBrief(
            job_type=self.type,
            topic=self.effective_topic,
            content_type=self.content_type or ContentType.BLOG_POST,
            audience=self.audience or Audience.B2B,
            content=GivenContent(**self.content.model_dump()) if self.content else None,
            target_length=self.target_length,
            tone=self.tone_of_voice,
            purpose=self.purpose,
            key_points=self.key_points,
            search_keywords=self.search_keywords,
            tags=self.tags,
            sources=tuple(GivenSource(**source.model_dump()) for source in self.sources),
            sources_only=self.sources_only,
            since=self.since,
            author=GivenAuthor(**self.author.model_dump()) if self.author else None,
            platforms=self.platforms,
            language=self.language,
            budget_tokens=self.budget_tokens,
            today=today,
        )


def parse_request(value: object, *, now: datetime, can_write: frozenset[str]) -> GenerateRequest:
    """Check a request as a whole.

    ``can_write`` are the languages that the configured writers command. Raises :class:`InvalidRequest` that
    names every wrong field at once.
    """
    try:
        request = GenerateRequest.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    if errors := _conflicts(request, now, can_write):
        raise InvalidRequest(errors)
    return request


def _conflicts(request: GenerateRequest, now: datetime, can_write: frozenset[str]) -> list[FieldError]:
    """What single fields cannot tell."""
    wrong = _missing(request)
    if request.workflow_type == "custom" and not request.workflow_id:
        wrong["/workflowId"] = "is required for workflowType custom"
    elif request.workflow_type != "custom" and request.workflow_id:
        wrong["/workflowId"] = "goes with workflowType custom only"
    if request.language.split("-")[0] not in can_write:
        wrong["/language"] = f"should be one of: {', '.join(sorted(can_write))}"
    if request.webhook_events and not request.callback_url:
        wrong["/webhookEvents"] = "goes with callbackUrl only"
    if request.sources_only and not request.sources:
        wrong["/sourcesOnly"] = "needs sources to be closed over"
    if request.since and request.since > now.date():
        wrong["/since"] = "should not be in the future"
    if request.scheduled_for and not now <= request.scheduled_for <= now + MAX_SCHEDULE:
        wrong["/scheduledFor"] = f"should be within the next {MAX_SCHEDULE.days} days"
    for number, source in enumerate(request.sources):
        if not source.text and not source.url:
            wrong[f"/sources/{number}"] = "should have text or url"
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong.items()]


def _missing(request: GenerateRequest) -> dict[str, str]:
    if request.type is JobType.CITATION_VERIFICATION:
        return {} if request.content else {"/content": "is required for citation_verification"}
    wanted: dict[str, object] = {"/topic": request.topic}
    if request.type is JobType.CONTENT_GENERATION:
        wanted |= {"/contentType": request.content_type, "/audience": request.audience}
    return {pointer: "is required" for pointer, value in wanted.items() if value is None}


def field_errors(error: ValidationError) -> list[FieldError]:
    """One entry per wrong field, as JSON pointers; values are not repeated."""
    found = []
    for item in error.errors(include_input=False, include_url=False):
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in item["loc"])
        detail = "is not a known field" if item["type"] == "extra_forbidden" else item["msg"]
        found.append(FieldError(pointer=pointer, detail=detail))
    return found


def parse_json(body: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no NaN, no name twice in an object, no halves of surrogate pairs, at most 64 levels deep.

    Raises ValueError with a message that fits an answer.
    """
    if depth_of(body) > MAX_JSON_DEPTH:
        raise ValueError(f"JSON is nested deeper than {MAX_JSON_DEPTH} levels")
    try:
        value = json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_fraction,
            object_pairs_hook=_object,
        )
        if b"\\u" in body:  # only an escape can bring in what no answer or row could be encoded with
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise ValueError("JSON must be UTF-8") from error
    except UnicodeEncodeError as error:
        raise ValueError("JSON holds half a surrogate pair") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"JSON has no {name}")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"numbers have at most {_MAX_DIGITS} digits")
    return int(digits)


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= _MAX_FRACTION else math.inf
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of two equal names, so that what was checked is not what is used."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("JSON names something twice in an object")
    return found


def depth_of(body: bytes) -> int:
    """How deep brackets nest, strings left out. Cheap, and done before a parser could overflow its stack."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class ProducerMessage(_Model):
    """A job dropped straight into a queue. Whoever may send to the queue is trusted."""

    type: JobType
    request: dict[str, Any]
    job_id: str | None = None

    def merged_request(self) -> Mapping[str, Any]:
        """The request with the message's type; a type inside must not differ."""
        inner = self.request.get("type", self.type)
        if inner != self.type:
            raise InvalidRequest(
                [FieldError(pointer="/request/type", detail="differs from the message's type")]
            )
        return {**self.request, "type": self.type}
