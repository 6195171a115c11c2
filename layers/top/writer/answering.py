"""The bottom line up front: the 40 to 80 words that answer before anything else is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from layers.top.writer.candidates import Candidate, CandidatePool, similarity
from layers.top.writer.selection import NEAR_DUPLICATE, Ledger, Question, opposes, relevance
from layers.top.writer.subject import Subject
from layers.top.writer.suitability import looks_like_verb
from layers.top.writer.voice import is_practice

_OPENERS: Final = 8
_ENOUGH: Final = 45
_SUBJECT_WORDS: Final = 7
_ABOUT_IT: Final = 0.5
_PARTLY: Final = (
    0.3  # where no sentence is about the topic as a whole, the lead of a document about a part of it
)
_CONSIDERED: Final = 30
_DEFINES_IT: Final = 0.35
_OTHER_THING: Final = -0.4
_SOON: Final = 6
_FIGURED: Final = -0.45
_ASKS_FIGURE: Final = re.compile(
    r"\b(?:how (?:much|many|long|old|big|fast)|costs?|prices?|rates?|average|statistics|figures)\b",
    re.IGNORECASE,
)
_REPLIES: Final = 0.5
_ELSEWHERE: Final = 0.25
_REPLY: Final = re.compile(
    r"^(?:the|in) (?:short|simple|brief|honest|plain)(?:est)?(?: answer)?(?: is|,|:)", re.IGNORECASE
)
_EMPTY: Final = re.compile(
    r"^(?:every(?:one|body)|hardly any\w*|any(?:one|body)|no(?:body| one)|people|many people|lots of) ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the answer has to answer: the question, the subject, and whether it asks for advice or for figures."""

    question: Question
    subject: Subject
    advice: bool = False
    figures: bool = False


def asks_for_figures(topic: str) -> bool:
    """Whether a topic is about how much of something there is."""
    return _ASKS_FIGURE.search(topic) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    candidate: Candidate
    score: float
    subject: float


def choose_answer(
    pool: CandidatePool, asked: Asked, ledger: Ledger, words: tuple[int, int]
) -> list[Candidate]:
    """The sentences of the answer in reading order, marked as used; empty where nothing answers.

    The opener must stand alone and have the topic as its subject, or at least name half of it; what follows names
    it too or goes on where the opener stands. Less is said rather than something else.
    """
    scored = sorted(
        (
            _scored(pool, asked, found)
            for found in pool.candidates
            if not found.aside and found.words <= words[1]
        ),
        key=lambda item: (-item.score, item.candidate.place),
    )
    answer: list[Candidate] = []
    for share in (_ABOUT_IT, _PARTLY):
        answer = answer or _in_order(_best_from(pool, asked, scored, share, words))
    answer = _balanced(pool, answer, ledger, words[1])
    ledger.take(answer)
    return answer


def _balanced(pool: CandidatePool, answer: list[Candidate], ledger: Ledger, most: int) -> list[Candidate]:
    """The answer with what another source says to the contrary in nearly the same words, in the place of its end."""
    for place, said in enumerate(answer):
        against = [
            found
            for found in pool.candidates
            if found.alone is not None and found.words + said.words <= most and opposes(said, found)
        ]
        if against and against[0] not in answer:
            ledger.opposed.append((said, against[0]))
            kept = answer[: place + 1]
            while sum(found.words for found in kept) + against[0].words > most:
                kept = kept[1:] if pool.company(said) == () and len(kept) > 1 else kept[-1:]
            return [*kept, against[0]]
    return answer


def _best_from(
    pool: CandidatePool, asked: Asked, scored: Sequence[_Scored], share: float, words: tuple[int, int]
) -> list[Candidate]:
    """The best answer of which the opener, and what is no continuation, names this share of the topic."""
    openers = [
        item
        for item in scored
        if item.candidate.alone is not None
        and max(item.subject, _named(asked, item)) >= share
        and (share >= _ABOUT_IT or item.subject >= share)
    ]
    near = [item for item in scored if _named(asked, item) >= share][:_CONSIDERED]
    best: tuple[float, list[Candidate]] = (0.0, [])
    for opener in openers[:_OPENERS]:
        worth, answer = _filled(pool, opener, [*near, *_going_on(asked, opener, scored)], words)
        if worth > best[0]:
            best = (worth, answer)
    return best[1]


def _named(asked: Asked, item: _Scored) -> float:
    return asked.subject.share(item.candidate.text)


def _going_on(asked: Asked, opener: _Scored, scored: Sequence[_Scored]) -> list[_Scored]:
    """The sentences of the opener's own passage; where advice is asked for, also the advice that comes soon after."""
    start = opener.candidate
    return [
        item
        for item in scored
        if item.candidate.passage is start.passage
        or (
            asked.advice
            and item.candidate.source == start.source
            and item.candidate.passage.heading == start.passage.heading
            and 0 < item.candidate.place - start.place <= _SOON
            and is_practice(item.candidate.text)
        )
    ]


def _scored(pool: CandidatePool, asked: Asked, candidate: Candidate) -> _Scored:
    """Relevance, and what makes a good opening: a definition or advice, the topic as the subject, a document's lead."""
    opening = _subject_of(candidate.text)
    subject = asked.subject.share(opening)
    title = asked.subject.share(pool.title_of(candidate))
    purity = asked.subject.purity(opening)
    score = relevance(pool, asked.question, candidate) - 0.15 * candidate.procedure
    score += 0.45 * subject * (0.5 + 0.5 * purity)
    score += (0.05 + 0.25 * title) * pool.opens_source(candidate) - 0.3 * (
        _EMPTY.match(candidate.text) is not None
    )
    score += _REPLIES * (_REPLY.match(candidate.text) is not None)
    if not asked.figures and candidate.figures:
        score += _FIGURED
    if asked.advice:
        score += 0.3 * is_practice(candidate.text)
    if candidate.defined:
        score += _OTHER_THING + (_DEFINES_IT - _OTHER_THING) * purity
    return _Scored(candidate=candidate, score=score, subject=subject)


def _subject_of(text: str) -> str:
    """The words before the verb, at most the first seven."""
    words = text.split()[:_SUBJECT_WORDS]
    verb = next((place for place, word in enumerate(words) if place and looks_like_verb(word)), len(words))
    return " ".join(words[:verb])


def _filled(
    pool: CandidatePool, opener: _Scored, scored: Sequence[_Scored], words: tuple[int, int]
) -> tuple[float, list[Candidate]]:
    answer = [opener.candidate]
    gains: list[float] = []
    while (length := sum(found.words for found in answer)) < _ENOUGH:
        options = [
            (_gain(pool, item, answer), -item.candidate.place, item.candidate)
            for item in scored
            if not _repeats(item.candidate, answer)
            and length + item.candidate.words <= words[1]
            and all(found in answer for found in pool.company(item.candidate))
        ]
        if not options:
            break
        gain, _, candidate = max(options, key=lambda option: option[:2])
        gains.append(gain)
        answer.append(candidate)
    short = max(0, words[0] - sum(found.words for found in answer)) / words[0]
    return 1.5 * opener.score + (sum(gains) / len(gains) if gains else 0.0) - 0.5 * short, answer


def _gain(pool: CandidatePool, item: _Scored, answer: Sequence[Candidate]) -> float:
    """What a sentence adds: new content, best from where the answer stands or from the lead of another document."""
    found = item.candidate
    alike = max(similarity(found.vector, said.vector) for said in answer)
    together = any(found.passage is said.passage for said in answer)
    stray = not (together or pool.opens_source(found) or found.defined)
    return item.score - 0.7 * alike + 0.15 * together - _ELSEWHERE * stray


def _repeats(candidate: Candidate, answer: Sequence[Candidate]) -> bool:
    return any(
        candidate is said or similarity(candidate.vector, said.vector) > NEAR_DUPLICATE for said in answer
    )


def _in_order(answer: Sequence[Candidate]) -> list[Candidate]:
    """The opener's source first, then the others as they were chosen, each in its own order."""
    sources = dict.fromkeys(found.source for found in answer)
    return [
        found
        for source in sources
        for found in sorted(answer, key=lambda found: found.place)
        if found.source == source
    ]
