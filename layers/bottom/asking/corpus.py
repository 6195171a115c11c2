"""The passages of a job as a body of language: which hold a phrase, and how they write it."""

from __future__ import annotations

import re
from collections import Counter

from layers.bottom.asking.noun_phrases import NounPhrase, can_stand, noun_phrase
from layers.bottom.passage_search import PassageSearch
from layers.text.words import stems

_LONGEST = 200_000  # enough to tell how a phrase is used, and short enough for one search to be quick


class Corpus:
    """Built once per step; answers are kept, since questions ask for the same phrases again and again."""

    def __init__(self, search: PassageSearch) -> None:
        self.search = search
        self.texts = {passage.id: search.text_of(passage) for passage in search.passages}
        self._text = "\n\n".join(self.texts.values())[:_LONGEST]
        self._having: dict[str, set[str]] = {}
        for passage in search.passages:
            for each in stems(f"{passage.heading} {self.texts[passage.id]}"):
                self._having.setdefault(each, set()).add(passage.id)
        self._headed = {each for passage in search.passages for each in stems(passage.heading)}
        self._evidence: dict[str, tuple[str, ...]] = {}
        self._nouns: dict[str, NounPhrase | None] = {}

    def evidence(self, phrase: str) -> tuple[str, ...]:
        """Passages that hold every stem of the phrase, best first."""
        if phrase not in self._evidence:
            holders = [self._having.get(each, set()) for each in stems(phrase)]
            having = set.intersection(*holders) if holders else set()
            ranked = self.search.search(phrase, len(self.texts)) if having else []
            self._evidence[phrase] = tuple(passage.id for passage, _ in ranked if passage.id in having)
        return self._evidence[phrase]

    def best_passages(self, query: str, k: int) -> tuple[str, ...]:
        """The ``k`` best passages for a query."""
        return tuple(passage.id for passage, _ in self.search.search(query, k))

    def noun(self, phrase: str) -> NounPhrase | None:
        """The phrase as a noun phrase, or None if it cannot stand as one."""
        if phrase not in self._nouns:
            self._nouns[phrase] = noun_phrase(phrase, self._text)
        return self._nouns[phrase]

    def is_subject(self, phrase: str) -> bool:
        """Whether the sources treat the phrase as a subject: several words in several passages, or a heading's."""
        if not can_stand(phrase):
            return False
        parts = stems(phrase)
        return (
            len(self.evidence(phrase)) > 1
            if len(parts) > 1
            else phrase.isupper() or set(parts) <= self._headed
        )

    def as_written(self, phrase: str) -> str:
        """The phrase in the capitals that the sources give it inside sentences, or as it is."""
        found = re.compile(rf"(?<=[a-z,;]\s){re.escape(phrase)}\b", re.IGNORECASE).findall(self._text)
        forms = Counter(found)
        return min(forms, key=lambda form: (-forms[form], form)) if forms else phrase
