"""Figures that a reader looks for: shares, sums of money, large counts, multiples. Years alone are none."""

from __future__ import annotations

import re

_SCALE = r"(?:thousand|million|billion|trillion)"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_FIGURE = re.compile(
    rf"""
      [$€£]\s?{_NUMBER}(?:\s?(?:{_SCALE}|bn|m|k)\b)?            # money
    | \b{_NUMBER}\s?(?:%|percent\b|per\scent\b)                  # shares
    | \b{_NUMBER}\s{_SCALE}\b(?:\s(?:dollars|euros|pounds|people|patients|users|customers)\b)?
    | \b\d{{1,3}}(?:,\d{{3}})+\b                                 # large counts
    | \b{_NUMBER}(?:-fold|\stimes)\b                             # multiples
    | \b(?:one|two|three|four|five|six|seven|eight|nine)\s(?:in|out\sof)\s(?:two|three|four|five|six|seven|eight|nine|ten|\d+)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def salient_figure(text: str) -> str | None:
    """The first figure of ``text`` as it stands there, or None."""
    found = _FIGURE.search(text)
    return found.group(0).strip() if found else None
