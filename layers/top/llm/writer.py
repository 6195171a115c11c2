"""The writer that uses a language model: part by part, from evidence, verified, and never without a way out.

It starts from the finished article of the embedded writer. Each part is asked for with its evidence, every
sentence of the answer is held against what it cites, defects are named in one repair call, and what is still
wrong is replaced by the quotation or left out. Whatever happens to the model, there is an article.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from layers.bottom.artifacts import PassageIndex, SourceSet
from layers.contract import ChatFailed, ChatRequest, LanguageModel, StepContext
from layers.middle.artifacts import Outline
from layers.top.artifacts import Article, Evidence, ResearchBrief, Sentence
from layers.top.llm.checks import CheckedSentence, DraftChecker
from layers.top.llm.meter import ENDS_IT, Meter, part_of_budget
from layers.top.llm.notices import Outcome, notices
from layers.top.llm.parts import ANSWER, Part, PartPlanner, word_count
from layers.top.llm.prompts import PROMPT_VERSION, repair_prompt, section_prompt, system_prompt
from layers.top.llm.reply import SCHEMA, DraftSentence, parse_draft
from layers.top.llm.settling import Settled, settle, sound
from layers.top.verification.evidence_finder import EvidenceFinder
from layers.top.writer.differences import DIFFERENCES
from layers.top.writer.headings import meta_description
from layers.top.writer.length_warnings import LENGTH_CODES, length_warnings

_HOPELESS: Final = 3
_MOST_SHOWN: Final = 16
_TOKENS_PER_WORD: Final = 6
_FRAME_TOKENS: Final = 600


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What has become of the parts so far."""

    settled: dict[str, Settled] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    in_a_row: int = 0
    stopped: ChatFailed | None = None


async def write_with_model(article: Article, model: LanguageModel, context: StepContext) -> Article:
    """``article`` of the embedded writer, worded by the model as far as its sentences hold."""
    writer = await asyncio.to_thread(_ModelWriter, article, model, context)
    return await writer.write()


class _ModelWriter:
    def __init__(self, article: Article, model: LanguageModel, context: StepContext) -> None:
        sources, index = context.need(SourceSet), context.need(PassageIndex)
        self._article = article
        self._outline = context.need(Outline)
        self._model = model
        self._context = context
        self._parts = PartPlanner(article, self._outline, sources, index).parts()
        self._checker = DraftChecker(EvidenceFinder(sources, index))
        research = context.have(ResearchBrief)
        spent = research.tokens_in + research.tokens_out if research else 0
        budget = part_of_budget(context.brief.budget_tokens, spent, 1)
        self._meter = Meter(budget=budget, seconds_left=context.seconds_left)
        self._progress = _Progress()

    async def write(self) -> Article:
        """Part after part, so that each sees what was said before it; the rest stays embedded once it ended."""
        for place, part in enumerate(self._parts, 1):
            await self._write(part)
            self._report(place, part)
            if self._progress.stopped is not None:
                break
        return self._assembled()

    async def _write(self, part: Part) -> None:
        progress = self._progress
        useless = ChatFailed("nothing that it wrote was supported by the evidence", code="llm_unsupported")
        try:
            settled = await self._worded(part)
            progress.settled[part.id] = settled
            if settled.by_model:
                progress.in_a_row = 0
                return
        except ChatFailed as failed:
            progress.failed[part.id] = failed.code
            useless = failed
        progress.in_a_row += 1
        if useless.code in ENDS_IT or progress.in_a_row >= _HOPELESS:
            progress.stopped = progress.stopped or useless

    async def _worded(self, part: Part) -> Settled:
        """One draft and at most one more; raises when neither could be read."""
        try:
            draft = await self._draft(part, "write_section", section_prompt(self._context.brief, part))
        except ChatFailed as failed:
            if failed.code in ENDS_IT:
                raise
            prompt = repair_prompt(self._context.brief, part, (), (f"it could not be used: {failed}",))
            draft = await self._draft(part, "repair_section", prompt, room=2)
            return await self._settled(part, draft)
        if any(sentence.defects for sentence in draft):
            return await self._settled(part, await self._repaired(part, draft))
        return await self._settled(part, draft)

    async def _settled(self, part: Part, draft: Sequence[CheckedSentence]) -> Settled:
        return await asyncio.to_thread(settle, part, draft)

    async def _repaired(self, part: Part, draft: Sequence[CheckedSentence]) -> Sequence[CheckedSentence]:
        """The better one of the draft and its repair. That there is no repair is no reason to lose the draft."""
        shown = draft[:_MOST_SHOWN]
        named = [
            f"sentence {place} {defect.reason}"
            for place, sentence in enumerate(shown, 1)
            for defect in sentence.defects
        ]
        prompt = repair_prompt(self._context.brief, part, [sentence.text for sentence in shown], named)
        try:
            repaired = await self._draft(part, "repair_section", prompt)
        except ChatFailed as failed:
            if failed.code in ENDS_IT:
                self._progress.stopped = failed
            return draft
        return repaired if sound(repaired) >= sound(draft) else draft

    async def _draft(
        self, part: Part, purpose: str, prompt: str, *, room: int = 1
    ) -> tuple[CheckedSentence, ...]:
        sentences = await self._asked(part, purpose, prompt, room)
        said = [sentence.text for sentence in self._said_elsewhere(part)]
        pack = {item.id: item for item in part.pack}
        return await asyncio.to_thread(self._checker.check, sentences, pack, said)

    async def _asked(self, part: Part, purpose: str, prompt: str, room: int) -> tuple[DraftSentence, ...]:
        request = ChatRequest(
            purpose=purpose,
            system=system_prompt(),
            user=prompt,
            schema=SCHEMA,
            max_output_tokens=room * (_FRAME_TOKENS + _TOKENS_PER_WORD * part.most_words),
            seconds=self._meter.time_for_a_call(),
            budget_tokens=self._meter.tokens_left,
        )
        try:
            reply = await self._model.complete(request)
        except ChatFailed as failed:
            self._meter.add(failed)
            raise
        self._meter.add(reply)
        return parse_draft(reply.value)

    def _said_elsewhere(self, part: Part) -> Iterable[Sentence]:
        """All other parts as they stand now, those that are still to be worded in their embedded text."""
        article = self._article
        if part.id != ANSWER:
            yield from self._sentences(ANSWER, article.answer)
        for section in article.sections:
            if section.id not in (part.id, DIFFERENCES):
                yield from self._sentences(section.id, section.sentences)
        for entry in article.faq:
            yield from entry.answer

    def _sentences(self, part: str, embedded: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        settled = self._progress.settled.get(part)
        return settled.sentences if settled else embedded

    def _report(self, place: int, part: Part) -> None:
        spent = self._meter.tokens_in + self._meter.tokens_out
        note = f"{part.heading}: part {place} of {len(self._parts)}, {spent} tokens"
        self._context.report(0.2 + 0.75 * place / len(self._parts), note)

    def _assembled(self) -> Article:
        article, meter = self._article, self._meter
        sections = tuple(
            section.model_copy(update={"sentences": self._sentences(section.id, section.sentences)})
            for section in article.sections
        )
        answer = self._sentences(ANSWER, article.answer)
        written = _numbered(article.model_copy(update={"answer": answer, "sections": sections}))
        worded = any(settled.by_model for settled in self._progress.settled.values())
        words = word_count(written.all_sentences())
        others = tuple(warning for warning in article.warnings if warning.code not in LENGTH_CODES)
        lengths = length_warnings(self._outline, words, word_count(written.answer))
        outcome = Outcome(
            parts=len(self._parts),
            settled=self._progress.settled,
            failed=self._progress.failed,
            stopped=self._progress.stopped,
        )
        return written.model_copy(
            update={
                "made_by": "llm" if worded else "rules",
                "writer": "llm" if worded else "embedded",
                "model": self._model.model if worded else None,
                "prompts": PROMPT_VERSION if worded else None,
                "fallback_reason": outcome.fallback_reason(worded=worded),
                "meta_description": meta_description(written.title, written.answer),
                "evidence": self._evidence(written),
                "word_count": words,
                "warnings": (*lengths, *others, *notices(outcome)),
                "tokens_in": meter.tokens_in,
                "tokens_out": meter.tokens_out,
                "cost": meter.cost,
            }
        )

    def _evidence(self, article: Article) -> tuple[Evidence, ...]:
        """What the article cites, first cited first."""
        rows = {item.id: item for item in self._article.evidence}
        rows |= {item.id: item for part in self._parts for item in part.pack}
        cited = dict.fromkeys(name for sentence in article.all_sentences() for name in sentence.evidence)
        return tuple(rows[name] for name in cited)


def _numbered(article: Article) -> Article:
    """The article with the ids of its sentences in reading order."""
    number = count(1)

    def again(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
        return tuple(sentence.model_copy(update={"id": f"c{next(number)}"}) for sentence in sentences)

    return article.model_copy(
        update={
            "answer": again(article.answer),
            "introduction": again(article.introduction),
            "sections": tuple(
                section.model_copy(update={"sentences": again(section.sentences)})
                for section in article.sections
            ),
            "faq": tuple(entry.model_copy(update={"answer": again(entry.answer)}) for entry in article.faq),
        }
    )
