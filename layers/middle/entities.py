"""Finds the nodes of the topic graph in the evidence: the topic, its keywords, and the names that sources write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from layers.bottom.artifacts import Keyword
from layers.middle.artifacts import NodeKind
from layers.middle.outline.material import Row
from layers.text.numbers import names

_CONCEPTS = 14
_NAMES = 14
_MENTIONS = 2  # a name that one sentence drops is no entity of the topic
_ORGANISATION = re.compile(
    r"\b(?:organi[sz]ation|universit(?:y|ies)|institut(?:e|es|ion)|agency|commission|association|ministry|department|council|hospital"
    r"|bank|cent(?:er|re)|foundation|administration|society|college|committee|authority|bureau|company|corporation|inc|ltd|gmbh|group"
    r"|laborator(?:y|ies)|union|network|office|board|service)\b",
    re.IGNORECASE,
)
_UNITS = frozenset(
    ("percent", "per cent", "year", "years", "number", "example", "study", "people", "us dollars")
)
_PERSON_BEFORE = (
    r"\b(?:Dr|Prof|Professor|Mr|Mrs|Ms|Sir|author|researcher|engineer|founder|president|director)\.?\s+"
)
_PLACES = frozenset((
    "united states", "united kingdom", "new york", "new zealand", "south africa", "south korea", "north america", "south america",
    "latin america", "middle east", "hong kong", "san francisco", "los angeles", "saudi arabia", "european union", "western europe",
    "great britain", "northern ireland", "sri lanka", "costa rica", "new delhi", "sub-saharan africa",
))  # fmt: skip
_PRODUCT = re.compile(r"\b(?:model|version|series|app|software|platform|tool)\s*$", re.IGNORECASE)


class Mentions:
    """Finds labels in a sentence, whatever their case and a plural ending; an alias counts as its label."""

    def __init__(self, labels: Iterable[str], aliases: Mapping[str, str]) -> None:
        self._by_key = {label.lower(): label for label in labels}
        self._by_key |= {alias.lower(): label for alias, label in aliases.items() if alias and label}
        ordered = sorted(self._by_key, key=lambda label: (-len(label), label))
        self._pattern = re.compile(
            rf"\b({'|'.join(re.escape(label) for label in ordered)})(?:e?s)?\b", re.IGNORECASE
        )
        self._empty = not ordered

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, label) of every mention, the longest label first where several fit."""
        if self._empty:
            return []
        return [(m.start(), m.end(), self._by_key[m[1].lower()]) for m in self._pattern.finditer(text)]


def concept_labels(topic_names: Iterable[str], keywords: Sequence[Keyword]) -> list[str]:
    """The topic's own names and the best keywords of more than a letter or two."""
    phrases = [keyword.phrase for keyword in keywords if keyword.phrase.lower() not in _UNITS]
    labels = {label.lower(): label for label in reversed([*topic_names, *phrases[:_CONCEPTS]]) if label}
    return list(reversed(labels.values()))


def name_labels(rows: Sequence[Row], concepts: Iterable[str]) -> list[str]:
    """The names that sources write most, in order of their first mention."""
    known = {label.lower() for label in concepts}
    counts: Counter[str] = Counter()
    for row in rows:
        for sentence in row.sentences:
            counts.update(name for name in names(sentence) if name.lower() not in known)
    often = {name for name, count in counts.most_common(_NAMES) if count >= _MENTIONS}
    return [name for name in counts if name in often]


def kind_of_label(label: str, texts: Sequence[str], *, known: bool) -> NodeKind:
    """The kind of a node; a ``known`` keyword that is no telling name is a concept."""
    kind = _kind_of_name(label, texts) if names(label) else "other"
    return "concept" if known and kind == "other" else kind


def _kind_of_name(name: str, texts: Sequence[str]) -> NodeKind:
    """What a name names, as far as its words or a title before it tell; otherwise ``other``."""
    if name.lower().removeprefix("the ") in _PLACES:
        return "place"
    if _ORGANISATION.search(name):
        return "organisation"
    if any(re.search(_PERSON_BEFORE + re.escape(name), text) for text in texts):
        return "person"
    return "product" if _PRODUCT.search(name) else "other"
