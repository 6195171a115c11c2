"""How hard a text is to read: Flesch reading ease and Flesch-Kincaid grade, with rule-based syllables."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from layers.text.sentences import split_sentences

_WORD = re.compile(r"[^\W_]+(?:['’.,][^\W_]+)*")
_VOWELS = re.compile(r"[aeiouyáéíóúàèìòùâêîôûäëïöüåæøœ]+")
_ACRONYM = re.compile(r"[A-Z]{2,3}|[B-DF-HJ-NP-TV-Z]{4,5}")

# Neighbouring vowels that are spoken apart, and syllables without a written vowel.
_SPOKEN = re.compile(
    r"(?<![tcs])ia(?!ge)|iate|(?<![tscxgnv])(?<!ll)io|vio(?!r)|iu|(?<![tc])ien[ct]|scien|iet"
    r"|(?<=.[rslpdvnb])ie(?:rs?|st)\b|(?<=ar)eas?\b|(?<=id)eas?\b|(?<![qgb])ui[dn]\b|creat|react|theat|realit|pean"
    r"|(?<!g)eou|eo(?![pnu])|(?<![qg])ua(?!de)|(?<![qg])ue[ln]|(?<!q)uou|oe[mt]|coop|coord"
    r"|(?<=[aeiou])ings?\b|(?<=[^aeiou]y)ings?\b|(?<!\be)(?<=[aeou])y(?=[aeiou])(?!e[ds]\b)(?!es?\b)"
    r"|ism|thm|(?<=[ds])n['’]t"
)
# Written vowels that are not spoken.
_SILENT = re.compile(
    r"^(?:some|there|where|home|life|time|side|fire|wide|care|base|use|like|price|space)"
    r"(?=[bcdfghjklmnpqrstvwxz]\w*[aeiouy])"
    r"|(?<=[^aeiouyl])e(?=(?:ly|ful|less|ness|ments?|ty)\b)|[qg]ue\b"
    r"|(?<=[^aeiouyl])e\b|(?<=[aeiouyrl]l)e\b|(?<=[^aeiouytdl])ed\b|(?<=[aeiouyrl]l)ed\b"
    r"|(?<=[^aeiouyscxzghl])es\b|(?<=th)es\b|(?<=[aeiouyrl]l)es\b"
)
_IRREGULAR = {
    "business": 2, "businesses": 3, "cement": 2, "evening": 2, "every": 2, "everyone": 3, "everything": 3,
    "giant": 2, "lion": 2, "nineteen": 2, "recipe": 3, "rely": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Readability:
    """``flesch``: 0 (hard) to 100 (easy), may lie outside; ``grade``: years of school (US)."""

    flesch: float
    grade: float
    sentences: int
    words: int
    words_per_sentence: float
    syllables: int


def readability(text: str) -> Readability:
    """Measure a text (no markup). An empty one scores zero throughout."""
    spoken = _WORD.findall(text)
    sentences = len(split_sentences(text))
    if not spoken:
        return Readability(flesch=0.0, grade=0.0, sentences=0, words=0, words_per_sentence=0.0, syllables=0)
    syllables = sum(count_syllables(word) for word in spoken)
    per_sentence = len(spoken) / sentences
    per_word = syllables / len(spoken)
    return Readability(
        flesch=round(206.835 - 1.015 * per_sentence - 84.6 * per_word, 2),
        grade=round(0.39 * per_sentence + 11.8 * per_word - 15.59, 2),
        sentences=sentences,
        words=len(spoken),
        words_per_sentence=round(per_sentence, 2),
        syllables=syllables,
    )


@lru_cache(maxsize=20_000)
def count_syllables(word: str) -> int:
    """Syllables of one English word; an acronym counts its letters, a number counts one."""
    if _ACRONYM.fullmatch(word):
        return len(word)
    lower = word.lower()
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    groups = len(_VOWELS.findall(lower))
    return max(1, groups + len(_SPOKEN.findall(lower)) - len(_SILENT.findall(lower)))
