"""Words, stems and stop words: the one tokenisation that search, ranking and verification share."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import Lock
from typing import Any

_TOKEN = re.compile(r"(?:[^\W\d_]\.){2,}|\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")


def word_set(text: str) -> frozenset[str]:
    """A set written as a text: how the word lists of this package stay readable."""
    return frozenset(text.split())


# Function words only. Published lists also hold words such as "ai", "system" or "research", and a search that
# ignores those cannot tell one subject from another.
STOP_WORDS = word_set(
    """
    a about above across actually after afterwards again against ago all almost along already also although
    always am amid among amongst an and another any anybody anyone anything anyway anywhere are aren't around as
    at away be became because become becomes becoming been before beforehand behind being below beneath beside
    besides between beyond both but by can can't cannot could couldn't despite did didn't do does doesn't doing
    don't done down during each either else elsewhere enough especially etc even ever every everybody everyone
    everything everywhere except few fewer for from further furthermore get gets getting given gives go goes
    going gone got had hadn't has hasn't have haven't having he he'd he'll he's hence her here here's hers
    herself him himself his how however i i'd i'll i'm i've if in indeed inside instead into is isn't it it'd
    it'll it's its itself just last least less let let's lots made mainly make makes making many may maybe me
    meanwhile merely might mine more moreover most mostly much must mustn't my myself namely nearly neither
    never nevertheless next no nobody none nonetheless nor not nothing now nowhere of off often oh on once one
    one's ones only onto or other others otherwise ought our ours ourselves out outside over own per perhaps
    quite rather really regarding s same seem seemed seems several shall shan't she she'd she'll she's should
    shouldn't simply since so some somebody somehow someone something sometimes somewhat somewhere still such
    t take taken takes taking than that that's the their theirs them themselves then there there's thereby
    therefore therein these they they'd they'll they're they've this those though through throughout thus to
    together too toward towards under underneath unless unlike until up upon us use used uses using usually
    various very via was wasn't way we we'd we'll we're we've well were weren't what what's whatever when
    whenever where where's whereas whereby wherein wherever whether which whichever while whilst who who's
    whoever whole whom whose why will with within without won't would wouldn't yet you you'd you'll you're
    you've your yours yourself yourselves
    """
)

_LONGEST_KEPT = 800  # code points: a long sentence or a passage
_PACKAGE = "layers.text._snowball"
_stemming = Lock()  # the stemmer keeps its word in an attribute, and steps stem in worker threads


def words(text: str) -> list[str]:
    """Lower-case tokens in reading order: hyphens part, decimals and dotted acronyms stay, possessives go."""
    found = []
    for match in _TOKEN.finditer(text):
        token = match.group().lower().replace("’", "'")
        if token[0].isdigit():
            token = _THOUSANDS.sub("", token)
        elif token.endswith("."):
            token = token.replace(".", "")
            token = token if token not in STOP_WORDS else f"{token[0]}.{token[1:]}"
        elif token not in STOP_WORDS:
            token = _POSSESSIVE.sub("", token)
        found.append(token)
    return found


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The Snowball English stem of a lower-case word."""
    with _stemming:
        return str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    # The package's own __init__ imports the stemmers of all languages, which costs more than all of our modules:
    # under a name of its own it is found but not run, and only its English module is imported.
    package = find_spec("snowballstemmer")
    if package is None:
        raise ModuleNotFoundError("snowballstemmer")
    sys.modules[_PACKAGE] = module_from_spec(package)
    return import_module(f"{_PACKAGE}.english_stemmer").EnglishStemmer()


def is_stop_word(word: str) -> bool:
    """Whether the word, in any case, only holds a sentence together."""
    return word.lower().replace("’", "'") in STOP_WORDS


def stems(text: str, *, keep_stop_words: bool = False) -> list[str]:
    """Stems of the text's words in reading order, without stop words unless they are asked for."""
    if len(text) > _LONGEST_KEPT:
        return [stem(word) for word in words(text) if keep_stop_words or word not in STOP_WORDS]
    return list(_stems_of(text, keep_stop_words))


@lru_cache(maxsize=8192)
def _stems_of(text: str, keep_stop_words: bool) -> tuple[str, ...]:
    """Steps weigh the same sentences over and over: those of a job or two are kept."""
    return tuple(stem(word) for word in words(text) if keep_stop_words or word not in STOP_WORDS)


def bag(value: str | Iterable[str]) -> list[str]:
    """Stems of a text, or the given stems as they are: what the functions that compare texts take."""
    return stems(value) if isinstance(value, str) else list(value)
