"""Whether every figure still says what it said: "87 of sensitivity and 91 of specificity" is not the reverse."""

from __future__ import annotations

import re
from typing import Final

from layers.text.words import is_stop_word, stem, word_set, words

_UNITS: Final = word_set(
    "percent percentage per cent point points euro euros dollar dollars pound pounds usd eur gbp million billion trillion "
    "thousand hundred year years month months day days hour hours minute minutes second seconds degree degrees metre metres "
    "meter meters kilometre kilometres km kg g mg l litre litres tonne tonnes ton tons kwh mwh gwh"
)
_SPAN: Final = re.compile(
    r"\bfrom\s\D{0,12}?(\d[\d.,]*\d|\d)[^.;]{0,40}?\sto\s\D{0,12}?(\d[\d.,]*\d|\d)", re.IGNORECASE
)


def swapped_figures(text: str, quotes: str) -> tuple[str, str] | None:
    """Two figures that changed places against the evidence, or None."""
    mine, theirs = _measured(text), _measured(quotes)
    for one, what in mine.items():
        for other, whose in theirs.items():
            if one != other and other in mine and one in theirs and what == whose and what != theirs[one]:
                return one, other
    spans = {found.groups() for found in _SPAN.finditer(quotes)}
    for found in _SPAN.finditer(text):
        low, high = found.groups()
        if (high, low) in spans and (low, high) not in spans:
            return low, high
    return None


def _measured(text: str) -> dict[str, str]:
    """Each figure with the stem of the content word right before it; of a figure told twice, the first."""
    found: dict[str, str] = {}
    last = ""
    for word in words(text):
        if word[0].isdigit():
            found.setdefault(word, last)
        elif not is_stop_word(word) and word not in _UNITS:
            last = stem(word)
    return found
