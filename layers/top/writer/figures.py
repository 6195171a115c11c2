"""Figures that a reader looks for: shares, ratios, sums of money, multiples; large counts come second.

Years are no figures.
"""

from __future__ import annotations

import re

_SCALE = r"(?:thousand|million|billion|trillion)"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_WORD = r"(?:one|two|three|four|five|six|seven|eight|nine|ten)"
_TELLING = re.compile(
    rf"""
      [$€£]\s?{_NUMBER}(?:\s?(?:{_SCALE}|bn|m|k)\b)?                            # money
    | \b{_NUMBER}(?:\s{_SCALE})?\s(?:US\s)?(?:dollars|euros|pounds)\b           # money in words
    | \b(?:{_NUMBER}\s?(?:to|and|-|–)\s?)?{_NUMBER}\s?(?:%|percent\b|per\scent\b)    # shares and their ranges
    | \b{_NUMBER}\sper\s(?:{_NUMBER}|cent)\b                                    # rates
    | \b{_NUMBER}\s{_SCALE}\b                                                   # large numbers
    | \b{_NUMBER}(?:-fold|\stimes)\b                                            # multiples
    | \b{_WORD}\s(?:in|out\sof)\s(?:{_WORD}|\d+)\b                              # proportions
    """,  # noqa: RUF001 - ranges are written with a dash
    re.VERBOSE | re.IGNORECASE,
)
_COUNT = re.compile(r"\b\d{1,3}(?:,\d{3})+\b")


def telling_figure(text: str) -> str | None:
    """The first share, ratio, sum of money or multiple of ``text`` as it stands there, or None."""
    found = _TELLING.search(text)
    return found.group(0).strip() if found else None


def salient_figure(text: str) -> str | None:
    """The first telling figure, else the first large count, or None."""
    count = _COUNT.search(text)
    return telling_figure(text) or (count.group(0) if count else None)
