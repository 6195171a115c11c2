"""The FAQ of the embedded writer: questions with short answers from what the article has not said yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from layers.bottom.artifacts import KeywordPlan
from layers.middle.artifacts import Outline, QueryPlan
from layers.top.writer.candidates import Candidate, CandidatePool
from layers.top.writer.faq import answers, faq_questions, is_printable, stands_alone
from layers.top.writer.selection import Ledger, Taste, ask, select
from layers.top.writer.subject import Subject

_FLOOR: Final = 0.34
_WORDS: Final = 40
_MOST: Final = 3
_FEWEST_WORDS: Final = 20

Entries = list[tuple[str, list[Candidate]]]


class Replies:
    """Answers questions; what it quotes is marked as used in the ledger."""

    def __init__(self, pool: CandidatePool, ledger: Ledger, subject: Subject, taste: Taste) -> None:
        self._pool = pool
        self._ledger = ledger
        self._subject = subject
        self._taste = taste

    def entries(
        self, outline: Outline, queries: QueryPlan | None, keywords: KeywordPlan, room: int
    ) -> Entries:
        """Questions with their answers, in ``room`` words at most."""
        entries: Entries = []
        for question, passages in faq_questions(outline, queries, keywords):
            if len(entries) >= max(len(outline.faq), _MOST) or room < _FEWEST_WORDS:
                break
            chosen = self._reply(question, passages)
            if chosen:
                entries.append((question, chosen))
                room -= sum(found.words for found in chosen)
        return entries

    def _reply(self, question: str, passages: Sequence[str]) -> list[Candidate]:
        """What answers a question: the text under a source's own question, else sentences that fit it."""
        asked = ask(self._pool, question, passages=passages, floor=_FLOOR, taste=self._taste)
        if own := self._pool.under([heading for heading in asked.headings if heading.endswith("?")]):
            return self._told_under(own) if stands_alone(question, self._subject) else []
        if not is_printable(question, self._subject):
            return []
        near = [
            found
            for found in self._pool.of_passages(passages)
            if found.alone is not None and answers(question, asked, found)
        ]
        return select(self._pool, asked, near, self._ledger, _WORDS)[:2]

    def _told_under(self, own: Sequence[Candidate]) -> list[Candidate]:
        """The first sentences under a question, as far as they are new and stand; its reply may be a mere "Yes"."""
        chosen: list[Candidate] = []
        if not self._pool.begins_heading(own[0]):
            return chosen
        for found in own:
            if (
                sum(said.words for said in chosen) + found.words > _WORDS + 10
                or found.source != own[0].source
            ):
                break
            if all(other in chosen for other in self._pool.company(found)) and not self._ledger.refuses(
                found
            ):
                chosen.append(found)
                self._ledger.take([found])
        return chosen
