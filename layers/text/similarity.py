"""How alike two texts are, over their stems."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable

from layers.text.words import bag


def jaccard(a: str | Iterable[str], b: str | Iterable[str]) -> float:
    """Shared stems over all stems, 0..1, repetitions ignored. Takes texts or stems; two empty ones give 0."""
    left, right = set(bag(a)), set(bag(b))
    return len(left & right) / len(left | right) if left or right else 0.0


def cosine(
    a: str | Iterable[str], b: str | Iterable[str], idf: Callable[[str], float] | None = None
) -> float:
    """Cosine of the stem counts, 0..1, each count weighted by ``idf`` where given. Takes texts or stems."""
    left, right = _vector(a, idf), _vector(b, idf)
    if len(left) > len(right):
        left, right = right, left
    # fsum does not depend on the order of its terms: equal inputs give equal bits
    dot = math.fsum(weight * right[stem] for stem, weight in left.items() if stem in right)
    return dot / (_norm(left) * _norm(right)) if dot else 0.0


def _vector(value: str | Iterable[str], idf: Callable[[str], float] | None) -> dict[str, float]:
    counts = Counter(bag(value))
    return {stem: times * (idf(stem) if idf else 1.0) for stem, times in counts.items()}


def _norm(vector: dict[str, float]) -> float:
    return math.sqrt(math.fsum(weight * weight for weight in vector.values()))
