"""Which language a text is in, by the share of its words that are stop words of each language."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from layers.text.words import STOP_WORDS, words

_OTHERS = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl", "fi", "cs", "tr", "ru", "uk", "ar", "el")
_SAMPLE = 2_000
_LEAST_SHARE = 0.15
UNKNOWN = "und"


def detect_language(text: str, default: str = "en") -> str:
    """The ISO 639-1 code of the language whose stop words the text holds most.

    Where no language has enough of them (a table, a list of names) the answer is ``default``, or ``und`` if
    most letters are not Latin.
    """
    start = text[: 12 * _SAMPLE]
    sample = Counter(words(start)[:_SAMPLE])
    total = sample.total() or 1
    shares = {
        code: sum(times for word, times in sample.items() if word in stop_words) / total
        for code, stop_words in _stop_words().items()
    }
    best = max(shares, key=lambda code: shares[code])
    if shares[best] >= _LEAST_SHARE:
        return best
    letters = sum(map(str.isalpha, start))
    return (
        default
        if sum(character < "\u0250" for character in start if character.isalpha()) * 2 >= letters
        else UNKNOWN
    )


@lru_cache(maxsize=1)
def _stop_words() -> dict[str, frozenset[str]]:
    from stop_words import get_stop_words

    return {"en": STOP_WORDS} | {code: frozenset(get_stop_words(code)) for code in _OTHERS}
