"""Figures and names in a text, in one normal form, so that a claim can be held against its evidence."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from decimal import Decimal

from layers.text.words import is_stop_word, word_set

_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9, "b": 9, "trillion": 12}  # fmt: skip
_CURRENCIES = {"$": "$", "us$": "$", "usd": "$", "€": "€", "eur": "€", "£": "£", "gbp": "£", "¥": "¥", "jpy": "¥", "dollars": "$", "dollar": "$", "euros": "€", "euro": "€", "pounds": "£"}  # fmt: skip
_PER_CENT = r"\s?%|[\s-](?:percent|per\scent|pct)\b"
_SCALE = r"[\s-](?:hundred|thousand|million|billion|trillion)\b|\s?(?:bn|mn)\b|(?<=\d)[kKmMB]\b"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_FIGURE = re.compile(
    rf"(?:(?<![\w.])|(?<=[a-z]{{2}}\.))(?<![^\W\d_]-)(?P<sign>(?:[Uu][Ss])?\$|[€£¥]|\b(?:USD|EUR|GBP|JPY)\s)?\s?"
    rf"(?P<low>{_NUMBER})(?P<lowscale>{_SCALE})?"
    rf"(?:(?P<range>\s?[-–—]\s?|\sto\s)(?:[$€£¥])?(?P<high>{_NUMBER})(?P<highscale>{_SCALE})?(?![\d.]*\d))?"
    rf"(?:(?P<percent>{_PER_CENT})|(?P<times>-fold\b|\s?x\b|[\s-]times\b)|(?P<decade>s\b)"
    rf"|\s(?P<coin>dollars?|euros?|pounds|USD|EUR|GBP)\b|(?P<ordinal>st|nd|rd|th)\b"
    rf"|(?P<unit>[kmcµ]?[glm]|[kMGT]?[WB]h?|[kMG]?Hz|ms|hrs?|min|km/h|°?[CF]|mph)\b)?(?![^\W\d_])",
)  # fmt: skip
_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90
}  # fmt: skip
_ALONE = "|".join([*(w for w in _UNITS if w not in ("zero", "one")), *_TENS])
_WORD_NUMBER = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})[\s-](?P<unit>{'|'.join(list(_UNITS)[1:10])})|(?P<alone>{_ALONE})"
    rf"|(?P<one>a|one)(?=[\s-](?:hundred|thousand|million|billion|trillion)\b))"
    rf"(?P<scale>(?:[\s-](?:hundred|thousand|million|billion|trillion)\b)*)(?P<percent>{_PER_CENT})?(?P<fold>-?fold\b)?",
    re.IGNORECASE,
)  # fmt: skip
_MARK = re.compile(r"\[(\d{1,3}(?:\s?[,;–-]\s?\d{1,3})*)\]")
_LABEL = re.compile(r"^\[(\d{1,3})\]\s", re.MULTILINE)
_LIST_MARK = re.compile(r"(?m)^[ \t]*\(?\d{1,2}[.)](?=[ \t]+[^\W\d_])")
_IN_CODE = re.compile(r"[^\W\d_]\d*/$")  # "OCT3/" before the 4
_LONGEST_CODE = 12
_CODE = re.compile(r"(?<![\w.-])\d+[A-Z]{1,4}\b")
_NAME = re.compile(
    r"\b[A-Z][\w’'&.]*(?<![.])(?:(?:[\s-]+(?:of|the|for|and|de|van|von|der|la|le|on|du|di)){0,2}[\s-]+(?!(?:Dr|Mr|Mrs|Ms|Prof)\b)[A-Z0-9][\w’'&]*)+"
)  # fmt: skip

_NOT_NAMES = word_set(
    "January February March April May June July August September October November December "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Dr Mr Mrs Ms Prof"
)


def figures(text: str) -> tuple[str, ...]:
    """Every figure once, in order of appearance: ``42``, ``3.5%``, ``$3200000000``, ``1990s``, ``2x``.

    Number words count as their digits and scales are multiplied out, so that "twenty-five percent" is "25%".
    Digits inside names ("COVID-19", "5G", "B12") are not figures, nor is a lone "one", nor the mark of a
    reference ("[3]") or of a list item ("3. ").
    """
    return tuple(dict.fromkeys(figure for _, _, figure in figure_places(text)))


def figure_places(text: str) -> list[tuple[int, int, str]]:
    """Every occurrence of a figure as (start, end, figure), in order; both ends of a range have its place."""
    found: list[tuple[int, int, str]] = []
    text = _blank(_LIST_MARK, _blank(_MARK, text))
    for match in _FIGURE.finditer(text):
        if not _IN_CODE.search(text, max(0, match.start() - _LONGEST_CODE), match.start()):
            found += [(match.start(), match.end(), figure) for figure in _written(match)]
    for match in _WORD_NUMBER.finditer(text):
        found.append((match.start(), match.end(), _spoken(match)))
    return sorted(found, key=lambda place: place[0])


def codes(text: str) -> tuple[str, ...]:
    """Names that begin with a number, as they are written, each once: ``5G``, ``4IR``; no figure with its unit."""
    return tuple(dict.fromkeys(code for code in _CODE.findall(text) if not figures(code)))


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found[0]), text)


def _written(match: re.Match[str]) -> list[str]:
    part = match.groupdict()
    sign = (part["sign"] or part["coin"] or "").strip().lower()
    before = _CURRENCIES.get(sign, "")
    after = "%" if part["percent"] else "x" if part["times"] else "s" if part["decade"] else ""
    if not part["high"]:
        return [f"{before}{_scaled(part['low'], part['lowscale'])}{after}"]
    low = _scaled(part["low"], part["lowscale"] or part["highscale"])
    high = _scaled(part["high"], part["highscale"])
    return [f"{before}{low}{after}", f"{before}{high}{after}"]


def _scaled(digits: str, *scales: str | None) -> str:
    value = Decimal(digits.replace(",", ""))
    for scale in scales:
        if scale:
            value = value.scaleb(_SCALES[scale.strip().strip("-").lower()])
    return f"{value.normalize():f}"


def _spoken(match: re.Match[str]) -> str:
    part = match.groupdict()
    if part["one"]:
        value = 1
    elif part["tens"]:
        value = _TENS[part["tens"].lower()] + _UNITS[part["unit"].lower()]
    else:
        word = part["alone"].lower()
        value = _UNITS.get(word) or _TENS[word]
    scales = re.findall(r"[a-z]+", part["scale"].lower())
    return _scaled(str(value), *scales) + ("%" if part["percent"] else "x" if part["fold"] else "")


def reference_marks(text: str) -> tuple[str, ...]:
    """The numbers of the reference marks ``[3]`` and ``[4, 7]``, each once, in order; a range gives its ends."""
    return tuple(
        dict.fromkeys(number for mark in _MARK.finditer(text) for number in re.findall(r"\d+", mark[1]))
    )


def without_reference_marks(text: str) -> str:
    """The text with blanks in the place of its reference marks."""
    return _blank(_MARK, text)


def reference_labels(text: str) -> frozenset[str]:
    """The numbers under which a list of references files its entries: ``[3]`` at the start of a line."""
    return frozenset(_LABEL.findall(text))


def names(text: str) -> tuple[str, ...]:
    """Capitalised names of two words or more ("World Health Organization"), each once, in order.

    A stop word that opens the sentence, a month, a weekday or a form of address is not part of the name.
    """
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        parts = match.group().split()
        while parts and (is_stop_word(parts[0]) or parts[0] in _NOT_NAMES):
            parts = parts[1:]
        while parts and (parts[-1][0].islower() or parts[-1] in _NOT_NAMES):
            parts = parts[:-1]
        if len(parts) > 1:
            found[" ".join(parts).removesuffix("'s").removesuffix("’s")] = None
    return tuple(found)
