"""The guard over figures: does the evidence have every figure of a claim, of the same kind and for the same thing.

A figure is there if the evidence writes it the same, to more digits, as a share (0.5, "half", 12 of 48) or in another
unit of time; and, where the evidence speaks of more than one thing, in a sentence that shares a word with the claim's
words around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

from layers.text.numbers import (
    codes,
    figure_places,
    reference_labels,
    reference_marks,
)
from layers.text.words import stems

_FEW_SENTENCES: Final = 2
_AROUND: Final = 60  # characters on either side of a figure in which the claim says what it counts
_HUNDRED: Final = Decimal(100)
_ABOUT: Final = re.compile(
    r"\b(?:about|around|nearly|almost|roughly|approximately|some|over|more than|up to|at least|close to)\s[^\d]{0,3}$",
    re.IGNORECASE,
)
_SHORT_YEAR: Final = re.compile(
    r"(?:['\u2019]|\b(?:in|of|back in|since|summer of|class of)\s)$", re.IGNORECASE
)
_FRACTIONS: Final[Mapping[str, str]] = MappingProxyType({
    "half": "50%", "one half": "50%", "a third": "33%", "one third": "33%", "two thirds": "67%", "a quarter": "25%",
    "one quarter": "25%", "three quarters": "75%", "a fifth": "20%", "one fifth": "20%", "a tenth": "10%", "one tenth": "10%",
})  # fmt: skip
_FRACTION: Final = re.compile(rf"\b(?:{'|'.join(_FRACTIONS)})\b".replace(" ", r"[\s-]"), re.IGNORECASE)
_PART_OF: Final = re.compile(
    r"\b(?P<part>\d[\d,]*)\s?(?:of|out of|in|/)\s(?:the\s|all\s|every\s)?(?P<whole>\d[\d,]*)\b", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"(?:\b(?:type|phase|stage|grade|level|version|chapter|part|class|no\.|number)|(?<=[a-z,] )(?-i:[A-Z][A-Za-z]*\d*[A-Z]*))"
    r"[\s/-]\d{1,3}$",
    re.IGNORECASE,
)
"""A number that belongs to a name ("Type 1", "BRCA 2"): the name is what the evidence must have."""
_COUNT: Final = re.compile(r"two|three|four|five|six|seven|eight|nine|ten", re.IGNORECASE)
"""Small numbers in words are often added in retelling ("two sides"): wrong only where the evidence counts otherwise."""
_TIMES: Final[Mapping[str, Decimal]] = MappingProxyType({
    "second": Decimal(1), "minute": Decimal(60), "hour": Decimal(3600), "day": Decimal(86_400), "week": Decimal(604_800),
})  # fmt: skip
_TIME: Final = re.compile(r"^[\s-]?(second|minute|hour|day|week)s?\b", re.IGNORECASE)


class EvidenceFigures:
    """The figures of a piece of evidence with the words around each."""

    def __init__(self, text: str, sentences: Sequence[str]) -> None:
        self._lower = text.lower()
        self._labels = reference_labels(text)
        self._single = len(sentences) <= _FEW_SENTENCES
        self._around: dict[str, set[str]] = {}
        self._seconds: set[Decimal] = set()
        self._counted: set[tuple[str, tuple[str, ...]]] = set()
        self._spaced = _spaced(text)
        for sentence in sentences:
            for start, end, figure in _told(sentence):
                self._around.setdefault(figure, set()).update(_near(sentence, start, end))
                self._counted.add((figure, tuple(stems(sentence[end : end + _AROUND])[:1])))
            self._seconds |= set(_durations(sentence).values())
        self._bare = {_digits(figure): figure for figure in self._around}

    def lacking(self, claim: str) -> tuple[str, ...]:
        """Figures and numbered names that the evidence lacks, each once.

        Reference marks are held against the numbers of the evidence's entries, where it numbers them.
        """
        missing = [
            figure for start, end, figure in figure_places(claim) if not self._has(figure, claim, start, end)
        ]
        missing += [code for code in codes(claim) if code.lower() not in self._lower]
        if self._labels:
            missing += [f"[{mark}]" for mark in reference_marks(claim) if mark not in self._labels]
        return tuple(dict.fromkeys(missing))

    def _has(self, figure: str, claim: str, start: int, end: int) -> bool:
        if named := _NAMED.search(claim[:end]):
            return _spaced(named[0]) in self._spaced
        if _COUNT.fullmatch(claim[start:end]):
            return figure in self._around or not self._counts_otherwise(figure, claim, end)
        found = [other for other in self._ways(figure, claim, start) if other in self._around]
        if found:
            return self._single or self._of_the_same(found, claim, start, end)
        return _durations(claim).get((start, figure)) in self._seconds

    def _counts_otherwise(self, figure: str, claim: str, end: int) -> bool:
        """Whether the evidence counts another number of what the claim counts: "five wheels" for "two wheels"."""
        counted = stems(claim[end : end + _AROUND])[:1]
        return any(figure != other and (*counted,) == thing for other, thing in self._counted)

    def _ways(self, figure: str, claim: str, start: int) -> Iterator[str]:
        """Every way in which the evidence may write the figure."""
        yield figure
        if figure.isdigit() and figure in self._bare:
            yield self._bare[figure]
        if figure.endswith("%"):
            yield f"{Decimal(_digits(figure)).scaleb(-2).normalize():f}"
        if figure.isdigit() and len(figure) == 2 and _SHORT_YEAR.search(claim[:start]):
            yield from (f"{century}{figure}" for century in ("19", "20"))
        about = _ABOUT.search(claim[:start]) is not None
        yield from (other for other in self._around if _rounds_to(other, figure, about=about))

    def _of_the_same(self, found: Sequence[str], claim: str, start: int, end: int) -> bool:
        """Whether a sentence with the figure shares a word with what the claim says around it."""
        wanted = _near(claim, start, end)
        return not wanted or any(wanted & self._around[other] for other in found)


def _spaced(text: str) -> str:
    """Lower-case words and numbers with one blank between them, so that "Type-1" is "type 1"."""
    return f" {' '.join(re.findall(r'[a-z]+|[0-9]+', text.lower()))} "


def _near(text: str, start: int, end: int) -> set[str]:
    """The stems of the words around a place, cut words left out."""
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    whole = f"{before.partition(' ')[2] if start > _AROUND else before} {after.rpartition(' ')[0] or after}"
    return {stem for stem in stems(whole) if not stem[0].isdigit()}


def _told(sentence: str) -> Iterator[tuple[int, int, str]]:
    """The figures of a sentence, written or said in words, and the shares that it gives as parts of a whole."""
    yield from figure_places(sentence)
    for found in _FRACTION.finditer(sentence):
        yield found.start(), found.end(), _FRACTIONS[re.sub(r"[\s-]+", " ", found[0].lower())]
    for found in _PART_OF.finditer(sentence):
        part, whole = (Decimal(found[name].replace(",", "")) for name in ("part", "whole"))
        if 0 < part <= whole:
            share = (part / whole * _HUNDRED).quantize(Decimal("0.1"))
            yield found.start(), found.end(), f"{share}%"


def _durations(text: str) -> dict[tuple[int, str], Decimal]:
    """Spans of time in seconds, by place and figure."""
    found = {}
    for start, end, figure in figure_places(text):
        unit = _TIME.match(text[end:])
        if unit and _digits(figure) == figure:
            found[start, figure] = Decimal(figure) * _TIMES[unit[1].lower()]
    return found


def _rounds_to(precise: str, rough: str, *, about: bool) -> bool:
    """Whether ``rough`` is ``precise`` to fewer digits: decimals always, whole numbers only where "about" says so."""
    mine, theirs = _digits(rough), _digits(precise)
    if rough.replace(mine, "#") != precise.replace(theirs, "#") or not mine or not theirs:
        return False
    value, other = Decimal(mine), Decimal(theirs)
    decimals = max(0, -_exponent(value))
    if _exponent(other) < -decimals:
        return other.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP) == value
    zeros = len(mine) - len(mine.rstrip("0")) if decimals == 0 else 0
    return about and zeros > 0 and abs(other - value) * 2 <= Decimal(1).scaleb(zeros)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _digits(figure: str) -> str:
    return re.sub(r"[^\d.]", "", figure)
