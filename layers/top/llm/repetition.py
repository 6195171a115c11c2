"""Notices that a draft says something again: in nearly the same words, or from the same evidence in similar ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from layers.text.words import stems

SAME_WORDS: Final = 0.8
_SAME_EVIDENCE: Final = 0.5


class Memory:
    """What is said so far: the other parts of the article, then the draft sentence by sentence."""

    def __init__(self, said: Iterable[str]) -> None:
        self._said: list[tuple[str, frozenset[str]]] = [(text, frozenset()) for text in said]

    def add(self, text: str, evidence: Iterable[str]) -> None:
        """Remember a sentence with the evidence it cites."""
        self._said.append((text, frozenset(evidence)))

    def repeats(self, text: str, evidence: Iterable[str]) -> bool:
        """Whether a sentence brings nothing new."""
        cited = frozenset(evidence)
        return any(
            alike(text, other) >= (_SAME_EVIDENCE if cited and cited == theirs else SAME_WORDS)
            for other, theirs in self._said
        )


def alike(one: str, other: str) -> float:
    """Cosine of the stem counts of two sentences; 1 for the same text."""
    if one.lower() == other.lower():
        return 1.0
    (mine, my_norm), (theirs, their_norm) = _counted(one), _counted(other)
    shared = sum(times * theirs[stem] for stem, times in mine.items() if stem in theirs)
    return shared / (my_norm * their_norm) if shared else 0.0


@lru_cache(maxsize=4096)
def _counted(text: str) -> tuple[Counter[str], float]:
    """Counted once, since each sentence of a draft is held against all others."""
    counts = Counter(stems(text))
    return counts, math.sqrt(sum(times * times for times in counts.values()))
