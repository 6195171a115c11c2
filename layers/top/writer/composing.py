"""The embedded writer: an article made of verbatim evidence, arranged by the outline.

It decides what to quote, in which part and in which order. It never words a statement itself, so that nothing
in the article can go beyond the sources; where the evidence ends, the article ends.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from layers.bottom.artifacts import KeywordPlan, PassageIndex, SourceSet
from layers.contract import ContentBrief, ContentType
from layers.middle.artifacts import Outline, QueryPlan, SectionForm, SectionPlan
from layers.top.artifacts import Article, FaqEntry, ResearchBrief, Section
from layers.top.evidence import EvidenceTable
from layers.top.writer.answering import Asked, asks_for_figures, choose_answer
from layers.top.writer.candidates import Candidate, CandidatePool
from layers.top.writer.data_tables import source_table
from layers.top.writer.differences import DIFFERENCES, HEADING, LEAD, Pair, differing, warnings_of
from layers.top.writer.drafting import Line, Numbering, editorial, quoted_lines, with_join
from layers.top.writer.figures import salient_figure, telling_figure
from layers.top.writer.headings import meta_description, slug
from layers.top.writer.length_warnings import length_warnings
from layers.top.writer.ordering import reading_order
from layers.top.writer.replies import Entries, Replies
from layers.top.writer.selection import Ledger, Question, ask, defines, relevance, select
from layers.top.writer.subject import Subject
from layers.top.writer.voice import (
    Cue,
    form_lead,
    introduction,
    is_instruction,
    is_practice,
    more_heading,
    taste_of,
)

SECTION_FLOOR: Final = 0.08
_WIDER_FLOOR: Final = 0.04
_FREE_FLOOR: Final = 0.3
_ANSWER_FLOOR: Final = 0.2
_FIGURE_FLOOR: Final = 0.03
_FEWEST_ITEMS: Final = 3
_ENOUGH_WORDS: Final = 30
_MOST_ROWS: Final = 6
_NEAR_TOPIC: Final = 0.5
_ANYTHING: Final = -1.0
_MORE_WORDS: Final = 260
_ADVICE: Final = re.compile(r"\b(?:beginners?|how to|how do|tips|guide|first steps)\b", re.IGNORECASE)
_PLAIN_TYPES: Final = (ContentType.SOCIAL_MEDIA, ContentType.EMAIL_CAMPAIGN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the writer works from."""

    brief: ContentBrief
    sources: SourceSet
    index: PassageIndex
    outline: Outline
    keywords: KeywordPlan
    queries: QueryPlan | None = None
    research: ResearchBrief | None = None


@dataclass(slots=True, kw_only=True)
class _Part:
    """A section in the making."""

    plan: SectionPlan
    question: Question
    form: SectionForm
    chosen: list[Candidate] = field(default_factory=list)

    @property
    def words(self) -> int:
        return sum(found.words for found in self.chosen)


class EmbeddedWriter:
    """Writes one article; a pure function of its material."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._brief = material.brief
        self._outline = material.outline
        self._pool = CandidatePool(material.sources, material.index, material.brief.topic)
        self._subject = Subject(material.brief.topic, [source.text for source in material.sources.sources])
        self._ledger = Ledger(self._pool)
        self._taste = taste_of(material.brief)

    def write(self) -> Article:
        """The article with its evidence and the warnings about it."""
        answer = self._answer()
        parts = [self._part(plan) for plan in self._outline.sections]
        parts = [part for part in parts if len(part.chosen) >= 2 or part.words >= 25]
        figures = self._figures(parts)
        faq = self._faq(self._room(answer, parts, figures))
        self._widen(answer, parts, figures, faq)
        parts += self._more(answer, parts, figures, faq)
        return self._assembled(answer, parts, figures, faq)

    def _ask(self, *texts: str, passages: Sequence[str] = (), floor: float = SECTION_FLOOR) -> Question:
        return ask(self._pool, *texts, passages=passages, floor=floor, taste=self._taste)

    def _answer(self) -> list[Candidate]:
        outline = self._outline
        question = self._ask(
            outline.answer_question, self._brief.topic, passages=outline.answer_passages, floor=_ANSWER_FLOOR
        )
        asked = Asked(
            question=question,
            subject=self._subject,
            advice=self._asks_advice(),
            figures=asks_for_figures(self._brief.topic),
        )
        return choose_answer(self._pool, asked, self._ledger, outline.answer_words)

    def _asks_advice(self) -> bool:
        return self._outline.template == "how_to" or _ADVICE.search(self._brief.topic) is not None

    def _part(self, plan: SectionPlan) -> _Part:
        question = self._ask(plan.question, plan.heading, passages=plan.passages)
        form, candidates = self._fitting(plan, self._planned(plan, question))
        chosen = select(self._pool, question, candidates, self._ledger, plan.target_words)
        return _Part(plan=plan, question=question, form=_settled(form, chosen), chosen=chosen)

    def _planned(self, plan: SectionPlan, question: Question) -> list[Candidate]:
        """The candidates of a section; where a source treats it under its own heading, only what stands there."""
        every = self._pool.of_passages(plan.passages)
        under = [found for found in every if found.passage.heading in question.headings]
        return under if sum(found.words for found in under) >= _ENOUGH_WORDS else every

    def _fitting(self, plan: SectionPlan, candidates: list[Candidate]) -> tuple[SectionForm, list[Candidate]]:
        """Steps are instructions, tables hold figures and lists answer their heading; prose where too few do."""
        if plan.form == "prose":
            return plan.form, self._speaking(plan, candidates)
        alone = [found for found in candidates if found.alone is not None]
        fitting = [found for found in alone if self._fits(plan, found)]
        if len(fitting) >= _FEWEST_ITEMS:
            items = {found.place for found in fitting}
            led = [found for found in candidates if found.alone is None and self._led_by(found, items)]
            return plan.form, fitting + (led if plan.form == "list" else [])
        return ("prose" if plan.form == "list" else plan.form), candidates

    def _speaking(self, plan: SectionPlan, candidates: list[Candidate]) -> list[Candidate]:
        """In a section on one side of the topic, the sentences that speak of it and those that lean on them.

        Where these are too few to make a section there is none: what stands beside them is about something else.
        """
        if plan.cue is None:
            return candidates
        spoken = {found.place for found in candidates if _says(plan, found)}
        kept = [
            found
            for found in candidates
            if found.place in spoken or (found.alone is None and self._led_by(found, spoken))
        ]
        return kept if sum(found.words for found in kept) >= _ENOUGH_WORDS else []

    def _led_by(self, candidate: Candidate, items: Collection[int]) -> bool:
        """Whether what a leaning sentence leans on is one of these items."""
        return all(found.place in items or found.alone is None for found in self._pool.company(candidate))

    def _fits(self, plan: SectionPlan, candidate: Candidate) -> bool:
        if plan.form == "steps":
            return is_practice(candidate.text)
        if plan.form == "table":
            return salient_figure(candidate.text) is not None
        return not candidate.defined and _says(plan, candidate)

    def _figures(self, parts: Sequence[_Part]) -> list[Candidate]:
        """Rows of a closing table of figures, where the outline has none and the evidence has enough."""
        if self._brief.content_type in _PLAIN_TYPES or any(part.form == "table" for part in parts):
            return []
        planned = {passage: part.question for part in parts for passage in part.plan.passages}
        rows = [
            (relevance(self._pool, planned[found.passage.id], found), found)
            for found in self._pool.of_passages(planned)
            if found.alone is not None and telling_figure(found.alone) and not found.aside
        ]
        trial = self._ledger.branch()
        room = self._room([], parts, [])
        for score, row in sorted(rows, key=lambda scored: (-scored[0], scored[1].place)):
            if score >= _FIGURE_FLOOR and not trial.refuses(row) and row.words <= room:
                trial.take([row])
                room -= row.words
        chosen = trial.chosen[len(self._ledger.chosen) :][:_MOST_ROWS]
        if len(chosen) < _FEWEST_ITEMS:
            return []
        self._ledger.take(chosen)
        return chosen

    def _room(self, answer: list[Candidate], parts: Sequence[_Part], figures: list[Candidate]) -> int:
        said = sum(found.words for found in (*answer, *figures)) + sum(part.words for part in parts)
        return self._outline.max_words - said

    def _faq(self, room: int) -> Entries:
        if self._brief.content_type in _PLAIN_TYPES:
            return []
        replies = Replies(self._pool, self._ledger, self._subject, self._taste)
        material = self._material
        return replies.entries(self._outline, material.queries, material.keywords, room)

    def _widen(
        self,
        answer: list[Candidate],
        parts: Sequence[_Part],
        figures: list[Candidate],
        faq: Entries,
    ) -> None:
        """Where the article is short of its minimum, let sections take further evidence, first from their passages."""
        said = self._outline.max_words - self._room(answer, parts, figures)
        missing = self._outline.min_words - said - sum(found.words for _, chosen in faq for found in chosen)
        for candidates in (self._own_passages, self._free_passages):
            for part in parts:
                if missing <= 0:
                    return
                question, found = candidates(part, parts)
                room = min(missing, 2 * part.plan.target_words - part.words)
                fitting = (
                    self._speaking(part.plan, found)
                    if part.form == "prose"
                    else [one for one in found if self._fits(part.plan, one)]
                )
                more = select(self._pool, question, fitting, self._ledger, room)
                part.chosen += more
                missing -= sum(candidate.words for candidate in more)

    def _more(
        self,
        answer: list[Candidate],
        parts: Sequence[_Part],
        figures: list[Candidate],
        faq: Entries,
    ) -> list[_Part]:
        """Where the article is still short, a last section of what else documents about the topic say."""
        said = self._outline.max_words - self._room(answer, parts, figures)
        missing = self._outline.min_words - said - sum(found.words for _, chosen in faq for found in chosen)
        if missing < _ENOUGH_WORDS or self._brief.content_type in _PLAIN_TYPES:
            return []
        question = self._ask(self._brief.topic, floor=_ANYTHING)
        near = [found for found in self._pool.candidates if not found.aside and self._belongs(found)]
        chosen = select(self._pool, question, near, self._ledger, min(missing, _MORE_WORDS))
        if sum(found.words for found in chosen) < _ENOUGH_WORDS:
            return []
        heading = more_heading(self._brief)
        plan = SectionPlan(
            id="more", heading=heading, level=2, question=heading, passages=(), target_words=missing
        )
        return [_Part(plan=plan, question=question, form="prose", chosen=chosen)]

    def _belongs(self, found: Candidate) -> bool:
        """Whether a sentence may stand under no heading of its own: it names the topic, as its title may do for it.

        The caller chose the own sources for the topic: there it is enough that the passage around it names a part.
        """
        share, source = self._subject.share, self._material.sources.by_id(found.source)
        if max(share(found.text), share(source.title)) >= _NEAR_TOPIC:
            return True
        around = source.text[found.passage.start : found.passage.end]
        return source.origin == "given" and share(around) > 0

    def _own_passages(self, part: _Part, _: Sequence[_Part]) -> tuple[Question, list[Candidate]]:
        return replace(part.question, floor=_WIDER_FLOOR), self._planned(part.plan, part.question)

    def _free_passages(self, part: _Part, parts: Sequence[_Part]) -> tuple[Question, list[Candidate]]:
        """What no section was given: nobody planned it here, so one shared word does not make it fit."""
        planned = {passage for other in parts for passage in other.plan.passages}
        asked = part.question.vector.keys()
        free = [
            found
            for found in self._pool.candidates
            if found.passage.id not in planned
            and len(asked & found.vector.keys()) >= 2
            and (not found.defined or defines(part.question, found))
        ]
        return replace(part.question, floor=_FREE_FLOOR), free

    def _assembled(
        self,
        answer: list[Candidate],
        parts: Sequence[_Part],
        figures: list[Candidate],
        faq: Entries,
    ) -> Article:
        brief, outline = self._brief, self._outline
        table = EvidenceTable(self._material.sources, self._material.index)
        number = Numbering(table)
        spoken = number.sentences(quoted_lines(self._pool, answer))
        opening = introduction(brief)
        opened = number.sentences([editorial(opening)] if opening else [])
        pairs = differing(self._pool, self._ledger.opposed, self._material.research)
        sections = self._sections(parts, figures, number) + self._extras(pairs, number)
        entries = tuple(
            FaqEntry(
                question=question, answer=number.sentences(quoted_lines(self._pool, reading_order(chosen)))
            )
            for question, chosen in faq
        )
        title = self._title(parts)
        article = Article(
            title=title,
            meta_description=meta_description(title, spoken),
            slug=slug(title),
            answer=spoken,
            introduction=opened,
            sections=sections,
            faq=entries,
            call_to_action=outline.call_to_action,
            evidence=table.as_tuple(),
            word_count=0,
        )
        words = sum(len(sentence.text.split()) for sentence in article.all_sentences())
        lengths = length_warnings(outline, words, sum(found.words for found in answer))
        warnings = (*lengths, *warnings_of(pairs, self._material.research))
        return article.model_copy(update={"word_count": words, "warnings": warnings})

    def _title(self, parts: Sequence[_Part]) -> str:
        """The outline's title, unless it names a section that the evidence did not carry."""
        outline, written = self._outline, {part.plan.id for part in parts}
        return outline.title if written.issuperset(outline.promised) else outline.plain_title

    def _extras(self, pairs: Sequence[Pair], number: Numbering) -> tuple[Section, ...]:
        """What is no choice of sentences: a table that a source has, and pairs that differ."""
        material, found = self._material, []
        if self._brief.content_type not in _PLAIN_TYPES:
            rows = source_table(material.sources, material.index, self._subject)
            lines = [Line(text=row.text, candidate=row, opens=True) for row in rows]
            if lines:
                lead = editorial(form_lead(self._brief, "table"))
                sentences = number.sentences([lead, *lines])
                found.append(
                    Section(id="data", heading="Side by side", level=2, sentences=sentences, form="table")
                )
        quoted = [
            Line(text=one.alone or one.text, candidate=one, opens=True) for pair in pairs for one in pair
        ]
        if quoted:
            sentences = number.sentences([editorial(LEAD), *quoted])
            found.append(Section(id=DIFFERENCES, heading=HEADING, level=2, sentences=sentences, form="list"))
        return tuple(found)

    def _sections(
        self, parts: Sequence[_Part], figures: list[Candidate], number: Numbering
    ) -> tuple[Section, ...]:
        spent: set[Cue] = set()
        sections: list[Section] = []
        for part in parts:
            level = part.plan.level if sections else 2
            lines = self._lines(part.form, part.chosen, spent)
            sections.append(
                Section(
                    id=part.plan.id,
                    heading=part.plan.heading,
                    level=level,
                    sentences=number.sentences(lines),
                    form=part.form,
                )
            )
        if figures:
            lines = self._lines("table", figures, spent)
            sections.append(
                Section(
                    id="figures",
                    heading="The figures at a glance",
                    level=2,
                    sentences=number.sentences(lines),
                    form="table",
                )
            )
        return tuple(sections)

    def _lines(self, form: SectionForm, chosen: Sequence[Candidate], spent: set[Cue]) -> list[Line]:
        if form == "prose":
            return with_join(self._brief, quoted_lines(self._pool, reading_order(chosen)), spent)
        lead = editorial(form_lead(self._brief, form))
        return [lead, *quoted_lines(self._pool, reading_order(chosen), as_items=True)]


def _says(plan: SectionPlan, candidate: Candidate) -> bool:
    """Whether a sentence says what the section asks for."""
    return plan.cue is None or re.search(plan.cue, candidate.text, re.IGNORECASE) is not None


def _settled(form: SectionForm, chosen: Sequence[Candidate]) -> SectionForm:
    """The planned form where the chosen sentences carry it; a run of instructions makes a list of its own accord."""
    items = [found for found in chosen if found.alone is not None]
    instructions = sum(is_instruction(found.text) for found in chosen)
    if len(items) < _FEWEST_ITEMS:
        return "prose"
    if form == "table" and not all(salient_figure(found.text) for found in chosen):
        return "prose"
    if form == "prose" and instructions >= max(_FEWEST_ITEMS, 0.7 * len(chosen)):
        return "list"
    return form
