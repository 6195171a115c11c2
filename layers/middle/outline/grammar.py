"""The little English that headings need: number, gerunds, lists of names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_IRREGULAR_PLURALS = frozenset(
    ("people", "children", "men", "women", "mice", "feet", "teeth", "geese", "criteria", "bacteria")
)
_SINGULAR_IN_S = frozenset(
    (
        "news",
        "series",
        "species",
        "diabetes",
        "kubernetes",
        "measles",
        "rabies",
        "chess",
        "aws",
        "dns",
        "css",
        "sms",
    )
)
_SINGULAR_ENDINGS = ("ss", "us", "is", "ics")
_PREPOSITION = re.compile(
    r"\s(?:in|at|on|of|for|with|within|against|from|to|by|under|during|through|between|among)\s"
)
_DOUBLING = re.compile(r"^[^aeiou]*[aeiou][bdgklmnprt]$")


def is_plural(noun_phrase: str) -> bool:
    """True where the head of the phrase (before its first preposition) is plural or two things joined by "and"."""
    head = _PREPOSITION.split(noun_phrase, maxsplit=1)[0].strip().lower()
    if not head:
        return False
    last = head.split()[-1]
    if " and " in head or last in _IRREGULAR_PLURALS:
        return True
    return last.endswith("s") and last not in _SINGULAR_IN_S and not last.endswith(_SINGULAR_ENDINGS)


def gerund(verb_phrase: str) -> str:
    """``set up a hive`` -> ``setting up a hive``."""
    verb, _, rest = verb_phrase.partition(" ")
    return f"{_gerund(verb)} {rest}".strip()


def _gerund(verb: str) -> str:
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    if _DOUBLING.match(verb):
        return verb + verb[-1] + "ing"
    return verb + "ing"


def join_names(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def share_last_word(names: Sequence[str]) -> list[str]:
    """``red wine``, ``white wine`` -> ``red``, ``white wine``: a last word that all have is said once."""
    heads = {name.rsplit(" ", 1)[-1] for name in names}
    if len(heads) > 1 or any(" " not in name for name in names):
        return list(names)
    return [*(name.rsplit(" ", 1)[0] for name in names[:-1]), names[-1]]


def singular(word: str) -> str:
    """A rough singular, good enough to recognise another form of the same noun."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(_SINGULAR_ENDINGS):
        return word[:-1]
    return word
