"""What a sentence leans on: how many of the sentences before it a reader must have seen to understand it rightly.

A quoted sentence whose "the system" or "that trial" was introduced by another sentence says something else, and
often something false, behind a different one. So it may stand only behind its own predecessors, or not at all.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from layers.text.words import STOP_WORDS, stems, word_set
from layers.top.writer.suitability import leans_back, looks_like_verb

LOOK_BACK: Final = 3

_DEFINITE: Final = re.compile(
    r"\b(?P<article>[Tt]he(?:\ssame)?|[Tt]hat|[Tt]his|[Tt]hese|[Tt]hose|[Ss]uch(?:\san?)?)\s(?=(?P<rest>(?:[\w’'-]+\s?){1,4}))"
)
_INDEFINITE: Final = re.compile(r"\b(?:[Aa]n?|[Oo]ne|[Aa]nother)\s(?P<rest>(?:[\w’'-]+\s?){1,4})")
_POST_MODIFIED: Final = word_set(
    "of that who which whose for to between where when whether with without against behind"
)
_NAMED_BY: Final = word_set("of that who which whose")
_AFTER_PREPOSITION: Final = re.compile(
    r"\b(?:of|in|by|for|with|from|under|at|after|before|since|during|on)\s$", re.IGNORECASE
)
# Known to every reader without an introduction.
_UNIQUE: Final = word_set(
    """
    world internet sun moon earth web public government state climate economy body brain heart skin sky weather law market
    industry us uk eu un usa day night morning evening week month year years winter summer spring autumn past future
    present end beginning time way number amount share rest same case point fact case ground air sea coast country city
    home house street environment average median mean total people reader user first second last next only main most
    least best worst right left top bottom middle inside outside front back whole best-known answer
    """
)
# A definite noun of this kind always stands for one that was introduced before.
_INTRODUCED: Final = word_set(
    """
    study trial experiment survey sample review analysis report paper group groups arm arms cohort studies trials experiments participants respondents patients
    authors researchers investigators model network system algorithm programme program pilot network device ruling bill
    difference differences figure figures finding findings result results file map map plan deal merger proposal project
    """
)
_CLAIMED: Final = r"(?:measure|do|make|use|see|avoid|prevent|try|get|put|need|want|like|fix|change|keep|help|buy|have|give|check|control)"
_LEANING: Final = re.compile(
    rf"""
      ^(?:each|none|half|neither|any)\s(?:is|are|was|were|has|have|had|can|will|costs?|takes?|needs?|\w+ed)\b
    | ^the\s(?:first|second|third|last|former|latter|other|others|rest|remaining)\s(?:is|are|was|were|has|have|takes?|costs?|one|ones|two|three|\w+s)\b
    | ^(?:smaller|larger|bigger|earlier|later|older(?!\s(?:people|adults?|workers|women|men|patients|persons|children|versions?)\b)|newer|higher|lower|better|worse|cheaper|faster|slower|shorter|longer|further|additional
        |subsequent|previous|remaining|similar|different|more|less|fewer)\s(?!.*\bthan\b)
    | ^(?:[\w’'-]+\s){{0,5}}(?:half|part|much|most|some|all|one|none|each|out|rid|more|less|enough)\sof\s(?:it|them|that|this|these|those)\b
    | \b{_CLAIMED}\s(?:that|this|so)(?:\s(?:at|in|on|for|with|by|from|when|if|before|after|every|once|too|again)\b|[.,;!]|$)
    | ^[\w\s-]{{3,40}}\sfollow(?:s|ed)?\b(?!\s(?:an?|the|from|that|this|their|its|his|her|your|our|these|those|when|if)\b)
    | ^(?:\w+\s){{1,2}}(?:years?|months?|weeks?|days?|hours?|minutes?)\slater\b | ^[^,;]*\b(?:therefore|thus|hence|consequently|accordingly)\b
    | \ball\s(?:two|three|four|five|six)\s\w+s\b
    | ^(?:yes|no|not\sreally|not\salways|partly|perhaps)[,.;]\s
    """,
    re.VERBOSE | re.IGNORECASE,
)


_OBJECT_IT: Final = re.compile(
    r"\b(?:have|has|had|need|needs|see|sees|get|gets|use|uses|like|want|know|do|does|make|buy|take|keep|call)\sit\b(?!\sto\b)"
)
_SINGLE: Final = re.compile(
    r"\b(?:an?|the|your|this|each|every|any|one|another)\s[\w-]+|^[A-Z][\w-]*[^s\W]\s(?:is|was|has)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a sentence stands: the sentences before it in its paragraph, nearest last.

    ``introduced`` are the stems that its source has introduced so far (:func:`introductions`), ``topic`` the stems
    of the article's topic, which needs no introduction.
    """

    before: Sequence[str]
    introduced: Collection[str]
    topic: Collection[str]


def introductions(text: str) -> set[str]:
    """Stems of the words that a text introduces with an indefinite article."""
    return {
        stem
        for found in _INDEFINITE.finditer(text)
        for word in _nouns(found["rest"])[0]
        for stem in stems(word)
    }


def stands_alone(text: str) -> bool:
    """Whether a sentence can be shown by itself, wherever it comes from."""
    return reach(text, Surroundings(before=("",), introduced=frozenset(), topic=frozenset())) == 0


def reach(text: str, around: Surroundings) -> int | None:
    """How many sentences directly before it the sentence needs; None where they are not in its paragraph."""
    needed = int(leans_back(text) or _LEANING.search(text) is not None or _orphan_object(text))
    for phrase in _definite_phrases(text):
        if phrase.heads <= set(around.topic) and not phrase.demonstrative:
            continue
        distance = _distance(phrase, around)
        if distance is None:
            return None
        needed = max(needed, distance)
    return needed if needed <= len(around.before) else None


def _orphan_object(text: str) -> bool:
    """Whether an "it" is had, seen or used before anything single was named that it could stand for."""
    found = _OBJECT_IT.search(text)
    return found is not None and not _SINGLE.search(text[: found.start()])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrase:
    """A definite noun phrase, by the words that may be its head."""

    words: tuple[str, ...]
    heads: frozenset[str]
    opens: bool
    demonstrative: bool


def _definite_phrases(text: str) -> Iterator[_Phrase]:
    """The definite phrases that nothing in the sentence itself identifies."""
    for found in _DEFINITE.finditer(text):
        words, following = _nouns(found["rest"])
        demonstrative = found["article"].lower() != "the"
        if not words or any(not word.islower() for word in words):
            continue
        opens = found.start() == 0
        if not demonstrative and (
            _identified(words, following)
            or not _UNIQUE.isdisjoint((words[0], words[-1]))
            or words[0].endswith("est")
        ):
            continue
        if (
            demonstrative
            and words[-1] not in _INTRODUCED
            and not _AFTER_PREPOSITION.search(text[: found.start()])
        ):
            continue  # "that" may join clauses here; where it leads a phrase the other rules know it
        heads = _heads(words)
        if heads and not heads & set(stems(text[: found.start()])):
            yield _Phrase(words=words, heads=heads, opens=opens, demonstrative=demonstrative)


def _identified(words: Sequence[str], following: str) -> bool:
    """Whether what follows tells which one is meant; of a group or a device only "of" and a clause do."""
    if words[-1] in _INTRODUCED:
        return following in _NAMED_BY
    return following in _POST_MODIFIED


def _nouns(rest: str) -> tuple[tuple[str, ...], str]:
    """The words of the phrase after its article, and the word that ends it."""
    words: list[str] = []
    for word in rest.split():
        if word.lower() in STOP_WORDS or (words and looks_like_verb(word)):
            return tuple(words), word.lower()
        words.append(word)
    return tuple(words[:3]), ""


def _heads(words: Sequence[str]) -> frozenset[str]:
    """Stems of the words that may be the noun: the last, and any before what may be its verb ("the model assumes")."""
    before_verbs = [one for one, other in pairwise(words) if other.endswith("s") and not one.endswith("s")]
    return frozenset(stem for word in (*before_verbs, words[-1]) for stem in stems(word))


def _distance(phrase: _Phrase, around: Surroundings) -> int | None:
    """How far back the phrase was introduced; None where that is out of reach, 0 where it needs nothing."""
    for distance, sentence in enumerate(reversed(around.before), start=1):
        if phrase.heads & set(stems(sentence)):
            return distance if distance <= LOOK_BACK else None
    introduced = phrase.demonstrative or bool(_INTRODUCED.intersection(phrase.words))
    if not (introduced or phrase.opens):
        return 0
    if not phrase.heads.isdisjoint(around.introduced):
        return None
    return 1 if introduced or around.before else 0
