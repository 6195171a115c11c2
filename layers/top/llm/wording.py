"""What a rewording may change and what it must keep: polarity, caution, direction, subject, names, quotations.

Shared words alone cannot see these: "may not rise" and "rises" have the same content words. Each test errs on
the side of refusing, since a refused sentence is replaced by the quotation itself.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from typing import Final

from layers.text.words import is_stop_word, stem, stems, word_set, words
from layers.top.llm.figures import swapped_figures
from layers.top.verification.support import EvidenceText

_NEGATION: Final = re.compile(
    r"\b(?:no|not|never|none|nor|neither|nobody|nothing|nowhere|without|cannot|hardly|rarely|seldom|barely|unlikely|fail(?:s|ed)?\sto)\b|n['’]t\b",
    re.IGNORECASE,
)
_CAUTION: Final = re.compile(
    r"\b(?:may|might|could|can|possibly|perhaps|probably|likely|suggest\w*|appear\w*|seem\w*|estimate[sd]?|expect\w*|claim\w*|alleged\w*|"
    r"report(?:s|ed|edly)|according\sto|believe[sd]?|tends?|often|sometimes|usually|typically|generally|if|unless|whether)\b",
    re.IGNORECASE,
)
_WEIGHTY: Final = word_set(
    "may might could possibly perhaps probably likely suggest suggests suggested appear appears appeared seem seems seemed "
    "alleged allegedly reportedly claim claims claimed expected if unless"
)
_OPPOSITES: Final = (
    ("increase rise rose risen raise grow grew grown gain climb higher up expand surge double improve",
     "decrease fall fell fallen reduce lower drop decline shrink shrank shrunk cut lose lost down halve worsen"),
    ("more most majority", "less least fewer fewest minority"),
    ("best better", "worst worse"),
    ("before earlier early", "after later late"),
    ("above over exceed", "below under"),
    ("high large larger big long strong maximum", "low small smaller little short weak minimum"),
    ("safe harmless", "unsafe dangerous harmful risky"),
    ("cheap cheaper", "expensive costly"),
    ("fast faster quick quicker", "slow slower"),
    ("hot warm warmer", "cold cool cooler"),
    ("allow permit legal accept approve support", "forbid ban prevent prohibit illegal reject oppose"),
    ("cause", "prevent"),
    ("always", "never"),
    ("succeed success successful win won", "fail failure failed lose lost"),
    ("positive benefit advantage", "negative harm disadvantage"),
    ("first", "last"), ("easy", "hard difficult"), ("with", "without"), ("import", "export"),
    ("buy bought", "sell sold"), ("true", "false"), ("open", "close"), ("all", "none"),
)  # fmt: skip
_QUOTED: Final = re.compile(r"[\"“]([^\"”“]{3,})[\"”]")
_SPOKEN: Final = re.compile(r"(?<!\w)[\"“'‘]([^\"”“]{12,}?)[\"”'’](?!\w)")
_CAPITALISED: Final = re.compile(r"(?<=\s)[(\"“‘']*([A-Z][\w’'&.-]*\w)")
_MOST_NEW: Final = 0.34
_A_STATEMENT: Final = 3
_MOSTLY: Final = 0.8


def changes(text: str, quotes: str, evidence: EvidenceText) -> tuple[str, ...]:
    """What a claim changes of its evidence ``quotes``, in words; empty where it keeps everything that is checked."""
    tests = (
        _polarity(text, quotes),
        _caution(text, quotes),
        _direction(text, evidence),
        _subject(text, evidence),
        _figures(text, quotes),
        _names(text, evidence),
        _quotations(text, evidence),
        _speech(text, quotes),
    )
    return tuple(chain.from_iterable(tests))


def turned_round(text: str, quotes: str, evidence: EvidenceText) -> bool:
    """Whether a claim has another "not", another direction or exchanged figures: what no support survives."""
    return bool(_polarity(text, quotes) or _direction(text, evidence) or _figures(text, quotes))


def _polarity(text: str, quotes: str) -> list[str]:
    """As many negations as the evidence has: one more turns a part of it round, whatever the rest says."""
    said, given = len(_NEGATION.findall(text)), len(_NEGATION.findall(quotes))
    if said == given:
        return []
    return [
        "says 'not' where the evidence does not" if said > given else "leaves out a 'not' of the evidence"
    ]


def _caution(text: str, quotes: str) -> list[str]:
    """A "may" that became a fact. A claim that is careful in another word is careful enough."""
    weighty = [word for word in words(quotes) if word in _WEIGHTY]
    if not weighty or _CAUTION.search(text):
        return []
    return [f"leaves out the caution {weighty[0]!r}"]


def _direction(text: str, evidence: EvidenceText) -> list[str]:
    """A word of one side where the evidence has only the other side's."""
    said = set(stems(text, keep_stop_words=True))
    given = set(stems(evidence.lower, keep_stop_words=True))
    for mine, theirs in _opposite_stems():
        if said & mine and not said & theirs and given & theirs and not given & mine:
            one, other = min(said & mine), min(given & theirs)
            return [f"says {one!r} where the evidence says {other!r}"]
    return []


@cache
def _opposite_stems() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Both directions of every pair."""
    sides = [tuple(frozenset(map(stem, side.split())) for side in pair) for pair in _OPPOSITES]
    return tuple((one, other) for first, second in sides for one, other in ((first, second), (second, first)))


def _subject(text: str, evidence: EvidenceText) -> list[str]:
    """What the claim is about must stand in the evidence, and most of what it says about it too."""
    content = stems(text)
    new = [part for part in content if part not in evidence.stems]
    if content and content[0] not in evidence.stems:
        return ["is about something that the evidence does not name"]
    return ["says more than the evidence"] if len(new) > _MOST_NEW * len(content) else []


def _figures(text: str, quotes: str) -> list[str]:
    swapped = swapped_figures(text, quotes)
    return [f"exchanges the figures {swapped[0]} and {swapped[1]}"] if swapped else []


def _names(text: str, evidence: EvidenceText) -> list[str]:
    for found in _CAPITALISED.finditer(text):
        name = found[1]
        known = all(part in evidence.stems for part in stems(name))
        if not known and not is_stop_word(name.lower()) and name.lower() not in evidence.lower:
            return [f"names {name!r}, which the evidence does not"]
    return []


def _quotations(text: str, evidence: EvidenceText) -> list[str]:
    for found in _QUOTED.finditer(text):
        if " ".join(found[1].lower().split()).strip(" .,") not in evidence.lower:
            return ["puts words between quotation marks that the evidence does not have"]
    return []


def _speech(text: str, quotes: str) -> list[str]:
    """What the evidence only repeats between quotation marks is somebody's word, no fact of its own."""
    said = set(stems(text))
    for found in _SPOKEN.finditer(quotes):
        spoken = set(stems(found[1]))
        if (
            len(spoken) >= _A_STATEMENT
            and len(said & spoken) >= _MOSTLY * len(said)
            and not _QUOTED.search(text)
        ):
            return ["states as a fact what the evidence only quotes"]
    return []
