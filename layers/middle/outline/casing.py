"""How words are written in the middle of a sentence: learned from the sources, so that names keep their capitals."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_MID_SENTENCE = re.compile(r"(?<=[a-z,;] )[A-Za-z][\w'\u2019-]*")
_TOKEN = re.compile(r"[^\W_][\w'\u2019-]*")
_SMALL_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "as",
        "at",
        "but",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "on",
        "or",
        "the",
        "to",
        "vs",
        "with",
    )
)


class Casing:
    """Answers how a word is written inside a sentence, by majority over the running text of the sources."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for word in _MID_SENTENCE.findall(text):
                self._forms[word.lower()][word] += 1

    def word(self, written: str, *, first: bool = False) -> str:
        """The mid-sentence form of one word.

        ``first`` says that it stood first where it was written, so that its capital means nothing. A word that
        the sources do not know stays as it was written, but for such a capital.
        """
        if written.lower() in _SMALL_WORDS:
            return written.lower()
        forms = self._forms.get(written.lower())
        if forms and forms.total() > 1:
            best, count = min(forms.items(), key=lambda item: (-item[1], item[0]))
            return best if 2 * count > forms.total() else written.lower()
        plain_capital = written[:1].isupper() and written[1:].islower()
        return written.lower() if first and plain_capital else written

    def inside(self, phrase: str, *, title_case: bool = False) -> str:
        """The phrase as it stands inside a sentence; with ``title_case`` no capital of it means anything."""
        seen = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal seen
            seen += 1
            return self.word(match[0], first=title_case or seen == 1)

        return _TOKEN.sub(replace, phrase)

    def heading(self, phrase: str) -> str:
        """The phrase in sentence case, whatever capitals it came with."""
        return capitalise(self.inside(phrase, title_case=is_title_case(phrase)))


def is_title_case(phrase: str) -> bool:
    """True where every word of weight has a capital, so that capitals do not mark names."""
    weighty = [word for word in _TOKEN.findall(phrase) if word.lower() not in _SMALL_WORDS]
    return len(weighty) > 1 and all(word[0].isupper() or word[0].isdigit() for word in weighty)


def capitalise(phrase: str) -> str:
    """The phrase with a capital at its start; mixed-case names such as iPhone stay."""
    first = phrase.split(" ", 1)[0]
    return phrase if first != first.lower() else phrase[:1].upper() + phrase[1:]
