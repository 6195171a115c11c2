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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from typing import Final, Literal

from layers.text.numbers import figures, names, without_reference_marks
from layers.text.sentences import split_sentences
from layers.text.words import stems
from layers.top.verification.figure_guard import EvidenceFigures

SUPPORTED_FROM: Final = 0.56
UNSUPPORTED_BELOW: Final = 0.13
EVEN_ODDS: Final = 0.38
_WINDOW: Final = 2
_PLACE, _PAIRS = 0.55, 0.45
_FIGURE_LOSS, _NAME_LOSS, _TURN_LOSS, _QUESTION_LOSS = 0.45, 0.1, 0.05, 0.1
_WHOLE_FIT, _PLACE_FIT = 0.4, 0.35
_ROOT: Final = 5  # letters that two stems of one family share at least
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


def _alike(one: str, other: str) -> float:
    """The part of the longer word that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))) / max(
        len(one), len(other)
    )


class _Bag:
    """Stems that a claim's stems are looked up in; one of the same family is found in part."""

    def __init__(self, found: Iterable[str]) -> None:
        self.stems = frozenset(found)

    @cached_property
    def _families(self) -> dict[str, list[str]]:
        families: dict[str, list[str]] = {}
        for stem in sorted(self.stems):
            families.setdefault(stem[:_ROOT], []).append(stem)
        return families

    def holds(self, stem: str) -> float:
        """1 for the stem itself, the shared part of the longer one for a relative ("methyl", "methylation"), else 0."""
        if stem in self.stems:
            return 1.0
        if len(stem) < _ROOT:
            return 0.0
        near = self._families.get(stem[:_ROOT], ())
        return max((_alike(stem, other) for other in near), default=0.0)

    def share(self, weights: Mapping[str, float]) -> float:
        """Which share of the weights it holds, 0..1."""
        total = math.fsum(weights.values())
        held = math.fsum(weight * self.holds(stem) for stem, weight in weights.items())
        return held / total if total else 0.0


class _Window(_Bag):
    """A few neighbouring sentences of the evidence."""

    def __init__(self, text: str, sentences: Sequence[Sequence[str]]) -> None:
        bag = [stem for sentence in sentences for stem in sentence]
        super().__init__(bag)
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
    """Evidence prepared once, to be held against any number of claims; ``title`` is what stands above it."""

    def __init__(self, text: str, title: str = "") -> None:
        spans = split_sentences(text)
        sentences = [stems(text[start:end]) for start, end in spans]
        self.windows = [
            _Window(text[spans[first][0] : spans[last][1]], sentences[first : last + 1])
            for first, last in _window_ends(len(spans))
        ]
        self.title = _Bag(stems(title)) if title else None
        self.whole = _Bag([*stems(text), *stems(title)])
        self.stems = self.whole.stems
        self.figures = EvidenceFigures(text, [text[start:end] for start, end in spans])
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
    missing_figures = evidence.figures.lacking(claim)
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
        fit=round(_fit(weights, place, evidence), 4),
        missing_figures=missing_figures,
        missing_names=missing_names,
    )


def _best_window(weights: dict[str, float], evidence: EvidenceText) -> tuple[float, _Window | None]:
    """The place that covers most of the claim, the first of equals."""
    covered = [(window.share(weights), window) for window in evidence.windows]
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


def _fit(weights: dict[str, float], place: float, evidence: EvidenceText) -> float:
    """How much the evidence is about the claim: as a whole, at its best place, and by its title where it has one."""
    body = _WHOLE_FIT * evidence.whole.share(weights) + _PLACE_FIT * place
    if evidence.title is None:
        return body / (_WHOLE_FIT + _PLACE_FIT)
    return body + (1 - _WHOLE_FIT - _PLACE_FIT) * evidence.title.share(weights)


def _share(part: Sequence[str], whole: Sequence[str]) -> float:
    return len(part) / max(len(part), len(whole)) if part else 0.0


def _has_name(name: str, evidence: EvidenceText) -> bool:
    """All of its words stand in the evidence, in whatever order and form."""
    return name.lower() in evidence.lower or all(stem in evidence.stems for stem in stems(name))
