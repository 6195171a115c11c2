"""The bottom line up front: the 40 to 80 words that answer before anything else is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from layers.text.words import stems
from layers.top.candidates import Candidate, CandidatePool, similarity
from layers.top.selection import NEAR_DUPLICATE, Ledger, Question, defines, relevance

_OPENERS: Final = 8
_ENOUGH: Final = 45
_SUBJECT_WORDS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    candidate: Candidate
    score: float


def choose_answer(
    pool: CandidatePool,
    question: Question,
    candidates: Sequence[Candidate],
    ledger: Ledger,
    words: tuple[int, int],
) -> list[Candidate]:
    """The sentences of the answer in reading order, marked as used; empty where nothing answers.

    The opener must stand alone and speak about the question; what follows adds to it, from the same paragraph
    where possible.
    """
    scored = sorted(
        (
            _Scored(
                candidate=found,
                score=_worth(pool, question, found),
            )
            for found in dict.fromkeys(candidates)
            if not found.aside and found.words <= words[1]
        ),
        key=lambda item: (-item.score, item.candidate.place),
    )
    alone = [item for item in scored if item.candidate.alone is not None and item.score > 0]
    openers = [item for item in alone if item.score >= question.floor] or alone[:1]
    best: tuple[float, list[Candidate]] = (0.0, [])
    for opener in openers[:_OPENERS]:
        worth, answer = _filled(pool, opener, scored[:30], words)
        if worth > best[0]:
            best = (worth, answer)
    answer = _in_order(best[1])
    ledger.take(answer)
    return answer


def _worth(pool: CandidatePool, question: Question, candidate: Candidate) -> float:
    """Relevance, and what makes a good opening: a definition, the topic as the subject, a document's own opening."""
    subject = pool.vector(stems(" ".join(candidate.text.split()[:_SUBJECT_WORDS])))
    score = relevance(pool, question, candidate) + 0.2 * pool.coverage(question.vector, subject)
    score += 0.15 * defines(question, candidate) + 0.12 * pool.opens_source(candidate)
    return score - 0.15 * candidate.procedure


def _filled(
    pool: CandidatePool, opener: _Scored, scored: Sequence[_Scored], words: tuple[int, int]
) -> tuple[float, list[Candidate]]:
    answer = [opener.candidate]
    gains: list[float] = []
    while (length := sum(found.words for found in answer)) < _ENOUGH:
        options = [
            (_gain(item, answer), -item.candidate.place, item.candidate)
            for item in scored
            if not _repeats(item.candidate, answer)
            and length + item.candidate.words <= words[1]
            and (item.candidate.alone is not None or pool.before(item.candidate) in answer)
        ]
        if not options:
            break
        gain, _, candidate = max(options, key=lambda option: option[:2])
        gains.append(gain)
        answer.append(candidate)
    short = max(0, words[0] - sum(found.words for found in answer)) / words[0]
    return 1.5 * opener.score + (sum(gains) / len(gains) if gains else 0.0) - short, answer


def _gain(item: _Scored, answer: Sequence[Candidate]) -> float:
    alike = max(similarity(item.candidate.vector, said.vector) for said in answer)
    together = 0.15 * any(item.candidate.passage is said.passage for said in answer)
    return item.score - 0.7 * alike + together


def _repeats(candidate: Candidate, answer: Sequence[Candidate]) -> bool:
    return any(
        candidate is said or similarity(candidate.vector, said.vector) > NEAR_DUPLICATE for said in answer
    )


def _in_order(answer: Sequence[Candidate]) -> list[Candidate]:
    """The opener's source first, in its own order; then the others as they were chosen."""
    if not answer:
        return []
    own = sorted(
        (found for found in answer if found.source == answer[0].source), key=lambda found: found.place
    )
    return [*own, *(found for found in answer if found.source != answer[0].source)]
