"""Measured quantities in a sentence (value range and unit), to see where two sources give different figures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from layers.text.words import STOP_WORDS, stem

_WORDS = {
    "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0,
    "eleven": 11.0, "twelve": 12.0, "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0,
}  # fmt: skip
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?|\b(?:{'|'.join(_WORDS)})\b"
_QUANTITY = re.compile(
    rf"(?<![\w.,/-])(?P<money>[$\u20ac\u00a3]\s?)?(?P<low>{_NUMBER})(?:\s*(?:to|or|and|-|\u2013)\s*[$\u20ac\u00a3]?(?P<high>{_NUMBER}))?"
    r"\s*(?P<scale>hundred|thousand|million|billion|trillion)?[\s-]*(?P<unit>%|per ?cent\b|[^\W\d_][\w/]*)?",
    re.IGNORECASE,
)
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A range of values in one unit; ``unit`` is a stem, ``%``, or a currency sign; ``text`` as it was written."""

    low: float
    high: float
    unit: str
    text: str

    def conflicts(self, other: Quantity) -> bool:
        """Whether both measure in one unit and their ranges do not touch."""
        return self.unit == other.unit and (self.low > other.high or other.low > self.high)


def quantities(text: str) -> tuple[Quantity, ...]:
    """All quantities that have a unit; years and bare numbers have none."""
    found = (_quantity(match) for match in _QUANTITY.finditer(text))
    return tuple(quantity for quantity in found if quantity is not None)


def _quantity(match: re.Match[str]) -> Quantity | None:
    unit = _unit(match)
    if unit is None:
        return None
    scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
    low = _value(match["low"]) * scale
    high = _value(match["high"]) * scale if match["high"] else low
    return Quantity(low=min(low, high), high=max(low, high), unit=unit, text=" ".join(match[0].split()))


def _unit(match: re.Match[str]) -> str | None:
    if match["money"]:
        return match["money"].strip()
    unit = (match["unit"] or "").lower()
    if unit in {"%", "percent", "per cent"}:
        return "%"
    return stem(unit) if unit and unit not in STOP_WORDS else None


def _value(written: str) -> float:
    return _WORDS.get(written.lower()) or float(written.replace(",", "") or 0)
