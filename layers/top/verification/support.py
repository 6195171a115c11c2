"""Does a passage support a claim: lexical support, and a guard over figures and names.

The score adds how much of the claim's weighted vocabulary one place of the evidence covers and how many of its
word pairs survive there, and takes off for figures and names that the evidence does not have, for another "not",
for a place that only asks, and for claims so short that a few common words cover them.
It cannot see contradiction, so it never says ``contradicted``. Weights and thresholds were chosen on one half of the
development part of AttributionBench and are reported on the other (``benchmarks/content/support.py``).
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
    without_reference_marks,
)
from layers.text.sentences import split_sentences
from layers.text.words import stems

SUPPORTED_FROM: Final = 0.56
UNSUPPORTED_BELOW: Final = 0.13
EVEN_ODDS: Final = 0.38
_WINDOW: Final = 2
_PLACE, _PAIRS = 0.55, 0.45
_FIGURE_LOSS, _NAME_LOSS, _TURN_LOSS, _QUESTION_LOSS = 0.45, 0.1, 0.05, 0.1
_SHORT_LOSS: Final = 0.2
_FULL_LENGTH: Final = 12  # stems from which a claim is long enough not to be covered by chance
_NEGATION: Final = re.compile(
    r"\b(?:no|not|never|none|nor|neither|nobody|nothing|without|cannot|unlikely)\b|n['\u2019]t\b",
    re.IGNORECASE,
)

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


class _Window:
    """A few neighbouring sentences of the evidence."""

    def __init__(self, text: str, sentences: Sequence[Sequence[str]]) -> None:
        bag = [stem for sentence in sentences for stem in sentence]
        self.stems = frozenset(bag)
        self.pairs = frozenset(pairwise(bag))
        self._text = text

    @property
    def asks(self) -> bool:
        """Whether it ends as a question, which states nothing."""
        return self._text.rstrip().endswith("?")

    @property
    def denies(self) -> bool:
        """Whether there is a "not" in it."""
        return _NEGATION.search(self._text) is not None


class EvidenceText:
    """Evidence prepared once, to be held against any number of claims."""

    def __init__(self, text: str) -> None:
        spans = split_sentences(text)
        sentences = [stems(text[start:end]) for start, end in spans]
        self.windows = [
            _Window(text[spans[first][0] : spans[last][1]], sentences[first : last + 1])
            for first, last in _window_ends(len(spans))
        ]
        self.stems = frozenset(stems(text))
        self.figures = frozenset(figures(text))
        self.bare_figures = frozenset(_digits(figure) for figure in self.figures)
        self.labels = reference_labels(text)
        self.lower = " ".join(text.lower().split())


def _window_ends(count: int) -> list[tuple[int, int]]:
    """First and last sentence of every window; one window where there are no more sentences than it holds."""
    return [
        (first, min(first + _WINDOW, count) - 1) for first in range(max(min(count, 1), count - _WINDOW + 1))
    ]


def even_weight(stem: str) -> float:
    """Every stem counts the same: the weight where no collection is at hand."""
    return 1.0 if stem else 0.0


def rarity(idf: Callable[[str], float]) -> Weight:
    """The weight of a stem by its idf. The constant keeps the subject of a small collection from weighing nothing."""
    return lambda stem: 1.0 + idf(stem)


def support_score(claim: str, evidence: EvidenceText, weight: Weight = even_weight) -> SupportScore:
    """How well ``evidence`` supports ``claim``; ``weight`` is the importance of a stem, see :func:`rarity`."""
    bag = stems(without_reference_marks(claim))
    missing_figures = _missing_figures(claim, evidence)
    missing_names = tuple(name for name in names(claim) if not _has_name(name, evidence))
    if not bag:
        return SupportScore(score=0.0, fit=0.0, missing_figures=missing_figures, missing_names=missing_names)
    weights = {stem: weight(stem) for stem in bag}
    place, window = _best_window(weights, evidence)
    score = _told(claim, bag, place, window)
    score -= _FIGURE_LOSS * _share(missing_figures, figures(claim)) + _NAME_LOSS * _share(
        missing_names, names(claim)
    )
    return SupportScore(
        score=round(min(1.0, max(0.0, score)), 4),
        fit=round((place + _covered(weights, evidence.stems)) / 2, 4),
        missing_figures=missing_figures,
        missing_names=missing_names,
    )


def _best_window(weights: dict[str, float], evidence: EvidenceText) -> tuple[float, _Window | None]:
    """The place that covers most of the claim, the first of equals."""
    covered = [(_covered(weights, window.stems), window) for window in evidence.windows]
    return max(covered, key=lambda found: found[0], default=(0.0, None))


def _told(claim: str, bag: Sequence[str], place: float, window: _Window | None) -> float:
    """How much of the claim that place tells, before figures and names."""
    if window is None:
        return 0.0
    pairs = list(pairwise(bag))
    kept = sum(pair in window.pairs for pair in pairs) / len(pairs) if pairs else place
    score = _PLACE * place + _PAIRS * kept
    score -= _TURN_LOSS * (window.denies != bool(_NEGATION.search(claim))) + _QUESTION_LOSS * window.asks
    return score - _SHORT_LOSS * max(0.0, math.log((1 + _FULL_LENGTH) / (1 + len(bag))))


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
