"""What a rewording may change and what it must keep: polarity, caution, direction, subject, names, quotations.

Shared words alone cannot see these: "may not rise" and "rises" have the same content words. Each test errs on
the side of refusing, since a refused sentence is replaced by the quotation itself.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from layers.text.words import is_stop_word, stems, word_set, words
from layers.top.support import EvidenceText

_NEGATION: Final = re.compile(
    r"\b(?:no|not|never|none|nor|neither|nobody|nothing|nowhere|without|cannot|hardly|rarely|seldom|barely|unlikely|fail(?:s|ed)?\sto)\b|n['’]t\b",
    re.IGNORECASE,
)
_CAUTION: Final = re.compile(
    r"\b(?:may|might|could|possibly|perhaps|probably|likely|suggests?|suggested|appears?|appeared|seems?|seemed|estimated?|estimates?|expected|"
    r"claims?|claimed|alleged(?:ly)?|reported(?:ly)?|according|believed?|believes|often|sometimes|usually|typically|generally|about|around|"
    r"nearly|almost|up\sto|at\sleast|at\smost|more\sthan|less\sthan|over|under|some|many|most|if|unless)\b",
    re.IGNORECASE,
)
_WEIGHTY: Final = word_set(
    "may might could possibly perhaps probably likely suggest suggests suggested appear appears appeared seem seems seemed "
    "alleged allegedly reportedly claim claims claimed expected if unless"
)
_OPPOSITES: Final = (
    ("increase", "decrease"), ("increase", "reduce"), ("increase", "lower"), ("increase", "cut"), ("rise", "fall"),
    ("raise", "lower"), ("raise", "reduce"), ("raise", "cut"), ("grow", "shrink"), ("gain", "lose"), ("higher", "lower"),
    ("high", "low"), ("more", "less"), ("more", "fewer"), ("most", "least"), ("best", "worst"), ("better", "worse"),
    ("before", "after"), ("above", "below"), ("up", "down"), ("over", "under"), ("maximum", "minimum"), ("safe", "unsafe"),
    ("safe", "dangerous"), ("cheap", "expensive"), ("faster", "slower"), ("fast", "slow"), ("early", "late"), ("long", "short"),
    ("large", "small"), ("larger", "smaller"), ("hot", "cold"), ("warm", "cool"), ("open", "close"), ("accept", "reject"),
    ("allow", "forbid"), ("allow", "prevent"), ("cause", "prevent"), ("support", "oppose"), ("always", "never"),
    ("success", "failure"), ("succeed", "fail"), ("strong", "weak"), ("positive", "negative"), ("first", "last"),
    ("win", "lose"), ("easy", "hard"), ("legal", "illegal"), ("with", "without"), ("import", "export"), ("buy", "sell"),
)  # fmt: skip
_QUOTED: Final = re.compile(r"[\"“]([^\"”“]{3,})[\"”]")
_CAPITALISED: Final = re.compile(r"(?<=\s)[(\"“‘']*([A-Z][\w’'&.-]*\w)")
_MOST_NEW: Final = 0.34


def changes(text: str, quotes: str, evidence: EvidenceText) -> tuple[str, ...]:
    """What a claim changes of its evidence ``quotes``, in words; empty where it keeps everything that is checked."""
    tests = (
        _polarity(text, quotes),
        _caution(text, quotes),
        _direction(text, evidence),
        _subject(text, evidence),
        _names(text, evidence),
        _quotations(text, evidence),
    )
    return tuple(chain.from_iterable(tests))


def _polarity(text: str, quotes: str) -> list[str]:
    said, given = _NEGATION.search(text) is not None, _NEGATION.search(quotes) is not None
    if said == given:
        return []
    return ["says 'not' where the evidence does not" if said else "leaves out the 'not' of the evidence"]


def _caution(text: str, quotes: str) -> list[str]:
    """A "may" that became a fact. A claim that is careful in another word is careful enough."""
    weighty = [word for word in words(quotes) if word in _WEIGHTY]
    if not weighty or _CAUTION.search(text):
        return []
    return [f"leaves out the caution {weighty[0]!r}"]


def _direction(text: str, evidence: EvidenceText) -> list[str]:
    said = set(stems(text, keep_stop_words=True))
    given = set(stems(evidence.lower, keep_stop_words=True))
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            mine, theirs = stems(one, keep_stop_words=True)[0], stems(other, keep_stop_words=True)[0]
            if mine in said and mine not in given and theirs in given and theirs not in said:
                return [f"says {one!r} where the evidence says {other!r}"]
    return []


def _subject(text: str, evidence: EvidenceText) -> list[str]:
    """What the claim is about must stand in the evidence, and most of what it says about it too."""
    content = stems(text)
    new = [stem for stem in content if stem not in evidence.stems]
    if content and content[0] not in evidence.stems:
        return ["is about something that the evidence does not name"]
    return ["says more than the evidence"] if len(new) > _MOST_NEW * len(content) else []


def _names(text: str, evidence: EvidenceText) -> list[str]:
    for found in _CAPITALISED.finditer(text):
        name = found[1]
        known = all(stem in evidence.stems for stem in stems(name))
        if not known and not is_stop_word(name.lower()) and name.lower() not in evidence.lower:
            return [f"names {name!r}, which the evidence does not"]
    return []


def _quotations(text: str, evidence: EvidenceText) -> list[str]:
    for found in _QUOTED.finditer(text):
        if " ".join(found[1].lower().split()).strip(" .,") not in evidence.lower:
            return ["puts words between quotation marks that the evidence does not have"]
    return []
