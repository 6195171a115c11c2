"""Does a passage support a claim: lexical support, and a guard over figures and names.

The score adds how much of the claim's weighted vocabulary one place of the evidence covers and how many of its
word pairs survive, and takes off for figures and names that the evidence does not have.
It cannot see negation or contradiction, so it never says ``contradicted``. The two thresholds were tuned on the
development part of AttributionBench alone (``benchmarks/content/support.py``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal

from layers.text.numbers import (
    codes,
    figures,
    names,
    reference_labels,
    reference_marks,
)
from layers.text.sentences import split_sentences
from layers.text.words import stems

SUPPORTED_FROM: Final = 0.70
UNSUPPORTED_BELOW: Final = 0.20
EVEN_ODDS: Final = 0.44
_WINDOW: Final = 2
_PLACE, _PAIRS = 0.6, 0.4
_FIGURE_LOSS, _NAME_LOSS = 0.4, 0.07

Weight = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportScore:
    """``score`` is 0..1; ``missing_...`` are the figures and names of the claim that the evidence lacks.

    ``fit``, 0..1, is the part that tells sources apart: shared vocabulary alone, whatever its order.
    """

    score: float
    fit: float
    missing_figures: tuple[str, ...]
    missing_names: tuple[str, ...]

    @property
    def band(self) -> Literal["supported", "weak", "unsupported"]:
        """The verdict. A claim with a figure that is not in the evidence is never ``supported``."""
        if self.score >= SUPPORTED_FROM and not self.missing_figures:
            return "supported"
        return "unsupported" if self.score < UNSUPPORTED_BELOW else "weak"


class EvidenceText:
    """Evidence prepared once, to be held against any number of claims."""

    def __init__(self, text: str) -> None:
        sentences = [stems(text[start:end]) for start, end in split_sentences(text)]
        last = max(1, len(sentences) - _WINDOW + 1)
        self.windows = [
            frozenset(stem for sentence in sentences[place : place + _WINDOW] for stem in sentence)
            for place in range(last)
        ]
        bag = stems(text)
        self.stems = frozenset(bag)
        self.pairs = frozenset(pairwise(bag))
        self.figures = frozenset(figures(text))
        self.bare_figures = frozenset(_digits(figure) for figure in self.figures)
        self.labels = reference_labels(text)
        self.lower = " ".join(text.lower().split())


def even_weight(stem: str) -> float:
    """Every stem counts the same: the weight where no collection is at hand."""
    return 1.0 if stem else 0.0


def support_score(claim: str, evidence: EvidenceText, weight: Weight = even_weight) -> SupportScore:
    """How well ``evidence`` supports ``claim``; ``weight`` is the importance of a stem, for example its idf."""
    bag = stems(claim)
    missing_figures = _missing_figures(claim, evidence)
    missing_names = tuple(name for name in names(claim) if not _has_name(name, evidence))
    if not bag:
        return SupportScore(score=0.0, fit=0.0, missing_figures=missing_figures, missing_names=missing_names)
    weights = {stem: weight(stem) for stem in bag}
    place = max((_covered(weights, window) for window in evidence.windows), default=0.0)
    pairs = list(pairwise(bag))
    kept = sum(pair in evidence.pairs for pair in pairs) / len(pairs) if pairs else place
    score = _PLACE * place + _PAIRS * kept
    score -= _FIGURE_LOSS * _share(missing_figures, figures(claim)) + _NAME_LOSS * _share(
        missing_names, names(claim)
    )
    return SupportScore(
        score=round(min(1.0, max(0.0, score)), 4),
        fit=round((place + _covered(weights, evidence.stems)) / 2, 4),
        missing_figures=missing_figures,
        missing_names=missing_names,
    )


def _covered(weights: dict[str, float], found: frozenset[str]) -> float:
    total = math.fsum(weights.values())
    return math.fsum(weight for stem, weight in weights.items() if stem in found) / total if total else 0.0


def _share(part: Sequence[str], whole: Sequence[str]) -> float:
    return len(part) / max(len(part), len(whole)) if part else 0.0


def _missing_figures(claim: str, evidence: EvidenceText) -> tuple[str, ...]:
    """Figures and numbered names that the evidence lacks.

    Reference marks are held against the numbers of the evidence's entries, where it numbers them.
    """
    missing = [figure for figure in figures(claim) if not _has_figure(figure, evidence)]
    missing += [code for code in codes(claim) if code.lower() not in evidence.lower]
    if evidence.labels:
        missing += [f"[{mark}]" for mark in reference_marks(claim) if mark not in evidence.labels]
    return tuple(missing)


def _digits(figure: str) -> str:
    return re.sub(r"[^\d.]", "", figure)


def _has_figure(figure: str, evidence: EvidenceText) -> bool:
    """In the evidence as such, as a ratio, or without its unit (a table may head a column with %)."""
    if figure in evidence.figures or (figure.isdigit() and figure in evidence.bare_figures):
        return True
    return figure.endswith("%") and _as_ratio(figure) in evidence.figures


def _as_ratio(percentage: str) -> str:
    """The ratio that says the same: "0.5" for "50%"."""
    return f"{Decimal(_digits(percentage)).scaleb(-2).normalize():f}"


def _has_name(name: str, evidence: EvidenceText) -> bool:
    """All of its words stand in the evidence, in whatever order and form."""
    return name.lower() in evidence.lower or all(stem in evidence.stems for stem in stems(name))
