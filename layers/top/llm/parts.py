"""The parts of an article that a language model may word: each with its evidence and the embedded text it replaces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.middle.artifacts import Outline, SectionForm
from layers.top.artifacts import Article, Evidence, Section, Sentence
from layers.top.evidence import EvidenceTable
from layers.top.writer.candidates import CandidatePool

ANSWER: Final = "answer"
_MOST_EXTRA: Final = 6
_FEWEST_WORDS: Final = 20
_SPEAKS_TO_WRITERS: Final = re.compile(
    r"""\b(?:
      (?:summar(?:y|ies|i[sz]e|i[sz]es|i[sz]ing)|article|answer|response|repl(?:y|ies)|output|text|sentence|paragraph|section|writers?|authors?|assistants?|models?|chatbots?|ai|llms?
        |reviewers?|judges?|verifiers?|fact.?checkers?)\b
        [^.]{0,60}?\b(?:must|should|shall|has\sto|have\sto|needs?\sto|always|please)\s(?:\w+\s){0,2}?
        (?:begin|start|end|include|contain|state|say|mention|add|link|cite|recommend|repeat|write|praise|promote|name|tell|use|follow|output|print
        |mark|rate|label|judge|accept|approve)\b
    | (?:mark|rate|label|judge|treat|count|regard)\s(?:all|every|each|any|this|these|the)\s[^.]{0,40}?\b(?:as\s)?(?:un)?(?:supported|contradicted)\b
    | verdicts?\s[^.]{0,40}?\b(?:must|should|shall|has\sto|have\sto|is\salways)\sbe\b
    | (?:when|if|while)\s(?:you\s)?(?:summari[sz]|quot|writ|cit|answer|paraphras|read)\w*\s(?:this|it|the|about)
    | (?:include|insert|append|repeat|copy|output|print)\s(?:this|the\sfollowing|these)\s(?:link|sentence|words?|text|phrase|url|address)
    | (?:ignore|disregard|forget|override)\b[^.]{0,40}\b(?:instructions?|prompts?|rules?|above|previous|prior)\b
    | (?:system|developer)\s(?:prompt|message) | new\sinstructions?
    )""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part to be worded. ``embedded`` is what stands there already, ``lead`` what is kept before the items.

    ``words`` is the length asked for, ``most_words`` the one that is never passed.
    """

    id: str
    heading: str
    question: str
    form: SectionForm
    embedded: tuple[Sentence, ...]
    lead: tuple[Sentence, ...]
    pack: tuple[Evidence, ...]
    words: int
    most_words: int


def speaks_to_writers(quote: str) -> bool:
    """Whether a quotation tells whoever writes from it what to write: it is never shown to a model."""
    return _SPEAKS_TO_WRITERS.search(quote) is not None


def word_count(sentences: Sequence[Sentence]) -> int:
    """Words of these sentences."""
    return sum(len(sentence.text.split()) for sentence in sentences)


class PartPlanner:
    """Cuts an article of the embedded writer into parts. Tables and the FAQ are left verbatim."""

    def __init__(self, article: Article, outline: Outline, sources: SourceSet, index: PassageIndex) -> None:
        self._article = article
        self._outline = outline
        self._pool = CandidatePool(sources, index)
        self._table = EvidenceTable(sources, index)
        self._rows = {item.id: item for item in article.evidence}

    def parts(self) -> tuple[Part, ...]:
        """The answer and the sections in reading order, those with evidence to write from."""
        plans = {plan.id: plan for plan in self._outline.sections}
        found = [self._answer()]
        for section in self._article.sections:
            plan = plans.get(section.id)
            if section.form != "table" and plan is not None:
                found.append(self._section(section, plan.question, plan.passages, plan.target_words))
        return tuple(part for part in found if part.pack and word_count(part.embedded) >= _FEWEST_WORDS)

    def _answer(self) -> Part:
        outline, answer = self._outline, self._article.answer
        return Part(
            id=ANSWER,
            heading=outline.title,
            question=outline.answer_question,
            form="prose",
            embedded=answer,
            lead=(),
            pack=self._pack(answer, outline.answer_passages),
            words=(outline.answer_words[0] + outline.answer_words[1]) // 2,
            most_words=outline.answer_words[1],
        )

    def _section(self, section: Section, question: str, passages: Sequence[str], target: int) -> Part:
        items = section.form != "prose"
        lead = tuple(s for s in section.sentences[:1] if items and s.kind == "editorial")
        body = section.sentences[len(lead) :]
        words = max(target, word_count(body))
        return Part(
            id=section.id,
            heading=section.heading,
            question=question,
            form=section.form,
            embedded=body,
            lead=lead,
            pack=self._pack(body, passages),
            words=words,
            most_words=round(1.2 * words),
        )

    def _pack(self, sentences: Sequence[Sentence], passages: Sequence[str]) -> tuple[Evidence, ...]:
        """What the embedded text rests on, then a few more sentences of the part's passages that nobody quotes."""
        own = {name: self._rows[name] for sentence in sentences for name in sentence.evidence}
        extra: dict[str, Evidence] = {}
        for candidate in self._pool.of_passages(passages):
            item = self._table.add(candidate.passage, candidate.start, candidate.end)
            if candidate.alone is not None and item.id not in self._rows and len(extra) < _MOST_EXTRA:
                extra[item.id] = item
        return tuple(item for item in (own | extra).values() if not speaks_to_writers(item.quote))
