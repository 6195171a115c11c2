"""Dates as documents write them. A date that is not complete stays unknown: none is ever made up."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 - reads as the year does
_NAMED = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        r"(?P<year>(?:19|20)\d{2})(?P<number>\d{2})(?P<day>\d{2})(?!\d)",
        rf"(?:\w+,\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_NAMED},?\s+(?P<year>\d{{4}})",
        rf"(?:\w+,\s+)?{_NAMED}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})",
    )
)


def parse_date(text: str | None) -> date | None:
    """The day that a text begins with: ISO 8601, ``20261122``, ``22 November 2026`` or ``Nov 22, 2026``."""
    for form in _FORMS:
        match = form.match((text or "").strip())
        if match:
            part = match.groupdict()
            month = (
                int(part["number"]) if part.get("number") else _MONTHS.index(part["month"].lower()[:3]) + 1
            )
            try:
                return date(int(part["year"]), month, int(part["day"]))
            except ValueError:
                return None
    return None
