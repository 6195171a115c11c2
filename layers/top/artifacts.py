"""What the top layer makes of it: research brief, article, reports, markup and the final package.

A quote is a verbatim slice ``source.text[start:end]``; a sentence cites evidence ids and nothing else, so a
link that no source carries cannot appear.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from layers.bottom.artifacts import IntentKind, Reference, SourceAttempt
from layers.contract import Artifact, ContentWarning, Wire

SentenceKind = Literal["claim", "quote", "editorial"]
SupportStatus = Literal["supported", "weak", "unsupported", "contradicted", "not_checked"]


class Metered(Artifact):
    """A step's output that a language model may have had a part in, with what it took; ``cost`` in US dollars."""

    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class Evidence(Wire):
    """A verbatim quote with its place; ``references`` are numbers in the source's own reference list."""

    id: str
    source: str
    start: int
    end: int
    quote: str
    passage: str
    numbers: tuple[str, ...] = ()
    references: tuple[int, ...] = ()


class ResearchFinding(Wire):
    """What the evidence says on one question."""

    question: str
    evidence: tuple[str, ...]
    kind: Literal["claim", "statistic", "quote"]
    sources: tuple[str, ...]


class Disagreement(Wire):
    """Two pieces of evidence that cannot both hold: shown, never resolved by guessing.

    ``method`` tells whether their figures differ for the same thing, or a language model judged it.
    """

    question: str
    evidence: tuple[str, str]
    detail: str
    method: Literal["figures", "llm"] = "figures"


class ResearchBrief(Metered):
    """Evidence grouped by question, agreement and conflict between sources, and the gaps."""

    evidence: tuple[Evidence, ...]
    findings: tuple[ResearchFinding, ...]
    agreements: tuple[tuple[str, str], ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    gaps: tuple[str, ...] = ()


class Sentence(Wire):
    """One sentence. ``claim`` and ``quote`` carry evidence; ``editorial`` carries none and says nothing checkable.

    ``opens_paragraph`` starts a new paragraph, or a new item where the section is a list or steps.
    """

    id: str
    text: str
    kind: SentenceKind
    evidence: tuple[str, ...] = ()
    opens_paragraph: bool = False


class Section(Wire):
    """One section; ``form`` tells how its sentences are laid out."""

    id: str
    heading: str
    level: Literal[2, 3]
    sentences: tuple[Sentence, ...]
    form: Literal["prose", "list", "steps", "table"] = "prose"


class FaqEntry(Wire):
    """A question and its answer."""

    question: str
    answer: tuple[Sentence, ...]


class Article(Metered):
    """The written article. ``writer`` says who wrote it; ``fallback_reason`` why it was not the model, or not all.

    ``prompts`` is the version of the prompts that a model wrote from.
    """

    title: str
    meta_description: str
    slug: str
    answer: tuple[Sentence, ...]
    introduction: tuple[Sentence, ...] = ()
    sections: tuple[Section, ...]
    faq: tuple[FaqEntry, ...] = ()
    call_to_action: str | None = None
    evidence: tuple[Evidence, ...]
    writer: Literal["embedded", "llm", "given"] = "embedded"
    fallback_reason: str | None = None
    word_count: int
    prompts: str | None = None

    def all_sentences(self) -> tuple[Sentence, ...]:
        """Every sentence in reading order: answer, introduction, sections, FAQ."""
        body = tuple(s for section in self.sections for s in section.sentences)
        return self.answer + self.introduction + body + tuple(s for entry in self.faq for s in entry.answer)


class RightSource(Wire):
    """How well the cited source fits the claim, and the one that would fit better, if any."""

    score: float
    better: str | None = None


class Support(Wire):
    """Does the cited evidence support the claim. ``contradicted`` only when a language model judged it."""

    status: SupportStatus
    score: float
    method: Literal["verbatim", "lexical", "llm"]


class ClaimVerdict(Wire):
    """Three verdicts on one claim, and the numbers guard."""

    id: str
    text: str
    evidence: tuple[str, ...]
    exists: Literal["ok", "broken", "unreachable", "not_checked"]
    right_source: RightSource
    support: Support
    numbers_ok: bool
    missing_tokens: tuple[str, ...] = ()


class CredibilityPart(Wire):
    """One named part of a credibility score, with the reason for its value."""

    name: str
    value: float
    reason: str


class SourceCredibility(Wire):
    """A source's credibility, 0..1, as the sum of its parts."""

    source: str
    score: float
    parts: tuple[CredibilityPart, ...]


class CitationReport(Metered):
    """Verdicts for every claim and credibility of every source."""

    claims: tuple[ClaimVerdict, ...]
    credibility: tuple[SourceCredibility, ...]
    coverage: float
    precision: float


class FactCheck(Wire):
    """A claim worth checking, and what other evidence says to it.

    ``contradicting`` is empty unless a language model judged that this evidence cannot hold beside the claim.
    """

    claim: str
    text: str
    worth: tuple[str, ...]
    status: SupportStatus
    supporting: tuple[str, ...]
    contradicting: tuple[str, ...] = ()
    method: Literal["lexical", "llm"] = "lexical"
    note: str


class FactReport(Metered):
    """Claims worth checking with their evidence. ``contradiction_checked`` is false without a model.

    ``evidence`` holds the rows that the checks name beside the article's own.
    """

    facts: tuple[FactCheck, ...]
    evidence: tuple[Evidence, ...] = ()
    contradiction_checked: bool = False


Pillar = Literal["experience", "expertise", "authoritativeness", "trust"]


class EeatSignal(Wire):
    """One signal of experience, expertise, authoritativeness or trust: found, or how to get it."""

    signal: str
    pillar: Pillar
    present: bool
    evidence: str | None
    fix: str | None


class EeatReport(Artifact):
    """About twenty signals, none invented."""

    signals: tuple[EeatSignal, ...]
    score: float


class SchemaFinding(Wire):
    """A defect of the markup: path, rule, message."""

    path: str
    rule: Literal["type", "property", "domain", "range", "required", "value"]
    message: str


class SchemaMarkup(Artifact):
    """JSON-LD documents and what validation found. Never a promise of a rich result."""

    json_ld: tuple[dict[str, Any], ...]
    findings: tuple[SchemaFinding, ...] = ()


class PackageSource(Wire):
    """A source as the package shows it: without its text, with the reference behind each citation.

    ``number`` is its place in the article's numbered source list; None where the article does not cite it.
    """

    id: str
    number: int | None = None
    origin: str
    title: str
    url: str | None
    locator: str
    author: str | None
    published: date | None
    accessed: date | None = None
    doi: str | None
    registrable_domain: str | None
    sha256: str
    references: tuple[Reference, ...] = ()
    credibility: SourceCredibility | None = None


class PackageEngine(Wire):
    """Who wrote it, and why it was not the model."""

    writer: str
    model: str | None = None
    fallback_reason: str | None = None


class PackageIntent(Wire):
    """The intent that shaped the article."""

    primary: IntentKind
    sub: str
    confidence: float
    runner_up: IntentKind
    rules: tuple[str, ...]


class PackageKeyword(Wire):
    """A keyword and how the article covers it; density is occurrences per 100 words."""

    phrase: str
    score: float
    role: str
    in_title: bool
    count: int
    density: float


class PackageQuestion(Wire):
    """A question, and where it is answered."""

    question: str
    kind: str
    answered_by: str | None
    evidence: tuple[str, ...] = ()


class PackageArticle(Wire):
    """The article, structured and rendered."""

    title: str
    meta_description: str
    slug: str
    answer: tuple[Sentence, ...]
    introduction: tuple[Sentence, ...] = ()
    sections: tuple[Section, ...]
    faq: tuple[FaqEntry, ...]
    word_count: int
    markdown: str
    html: str


class VariantPart(Wire):
    """One post or block of a variant and the sentences it rests on."""

    text: str
    used: int
    claims: tuple[str, ...]


class Variant(Wire):
    """The article for one platform, within its limit as that platform counts."""

    platform: str
    unit: str
    limit: int
    parts: tuple[VariantPart, ...]
    dropped_claims: tuple[str, ...] = ()


class QualityPart(Wire):
    """One part of the quality score: value 0..1, weight, and what it means."""

    name: str
    value: float
    weight: float
    explanation: str


class Quality(Wire):
    """The weighted mean of its parts, 0..100."""

    overall: int
    parts: tuple[QualityPart, ...]
    readability: dict[str, float]


class ContentPackage(Artifact):
    """The result of a job. ``content_hash`` covers all but the accessed dates."""

    schema_version: Literal["1.0"] = "1.0"
    status: Literal["complete", "partial", "insufficient_evidence"]
    content_hash: str
    engine: PackageEngine
    topic: str
    audience: str
    content_type: str
    language: str
    intent: PackageIntent | None = None
    keywords: tuple[PackageKeyword, ...] = ()
    questions: tuple[PackageQuestion, ...] = ()
    sources: tuple[PackageSource, ...] = ()
    tried: tuple[SourceAttempt, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[ResearchFinding, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    article: PackageArticle | None = None
    claims: tuple[ClaimVerdict, ...] = ()
    facts: tuple[FactCheck, ...] = ()
    eeat: tuple[EeatSignal, ...] = ()
    json_ld: tuple[dict[str, Any], ...] = ()
    json_ld_findings: tuple[SchemaFinding, ...] = ()
    variants: tuple[Variant, ...] = ()
    quality: Quality | None = None
    notices: tuple[ContentWarning, ...] = ()
