"""Key phrases of a text: runs of words between stop words, ranked by how their words keep company.

Candidates are cut at stop words, verbs, adverbs and punctuation (as in RAKE, Rose et al. 2010); words are
ranked by PageRank over their co-occurrence (as in SingleRank, Wan and Xiao 2008); a phrase gains from
frequency and from standing early.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from layers.text.words import STOP_WORDS, stem, word_set

_TOKEN = re.compile(r"[^\W_]+(?:['’.&/+-][^\W_]+)*\+*|[^\w\s]|\n\s*\n")
_WORDY = re.compile(r"[^\W\d_]")
_LONGEST = 4
_WINDOW = 10
_LONE = 0.7  # a lone word says less than a phrase

# Words that hold no subject on their own: they end a candidate as a stop word does.
_WEAK = word_set("""
    able according addition additionally allow allows allowed apply applied approach appear appears argue argued
    available based better best big bring brings call called came certain clear clearly come comes compared
    consider considered contain contains describe described describes develop developed discuss discussed due
    easily easy effect effective effectively enable enables et al etc evaluated examine examined example examples
    explain explore fact find finds found follow following full fully general generally good great help helps
    however illustrate important improve improved include included includes including increase increased
    increasing introduce introduced investigate investigated involve involves keep kind known large largely later
    lead leads less like likely little long look low main major means needed new number obtain obtained offer
    offers old order paper particular particularly perform performed possible potential present presented
    presents probably problem problems propose proposed proposes prove proved provide provided provides put
    recent recently reduce reduced related relative remain remains report reported require required requires
    respectively result results said say says scale second see seen show showed shown shows significant
    significantly similar simple small so-called specific studied study suggest suggests support supports
    thing things think today tried try turn two three four five six seven eight nine ten first third understand
    useful usual want wants whole work works year years
    """)
_ADVERB = re.compile(r".{3,}[^aeiou]ly$|.{3,}[aeiou]lly$")
_NOT_ADVERBS = word_set("family supply assembly anomaly monopoly early daily weekly monthly italy reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPhrase:
    """A phrase as the text writes it, its stems, its score (1 for the best) and how often it occurs."""

    phrase: str
    stems: tuple[str, ...]
    score: float
    count: int


@dataclass(slots=True)
class _Candidate:
    """What is known of one phrase while the text is read: its written forms and its first position."""

    first: int
    forms: Counter[str] = field(default_factory=Counter)


def key_phrases(text: str, limit: int = 20) -> list[KeyPhrase]:
    """The ``limit`` phrases of one to four words that the text is about, best first."""
    runs = _runs(text)
    ranks = _word_ranks(runs)
    candidates = _candidates(runs)
    length = max((run[-1][0] for run in runs), default=0) + 1
    scored = sorted(
        ((_score(stems, found, ranks, length), stems, found) for stems, found in candidates.items()),
        key=lambda item: (-item[0], item[2].first),
    )
    best = scored[0][0] if scored else 1.0
    return [
        KeyPhrase(
            phrase=_written_form(found), stems=stems, score=round(score / best, 4), count=found.forms.total()
        )
        for score, stems, found in scored[:limit]
    ]


_Run = list[tuple[int, str, bool]]


def _runs(text: str) -> list[_Run]:
    """Unbroken runs of content words: (position, word, whether it opens a sentence)."""
    runs: list[_Run] = []
    current: _Run = []
    opens = True
    for position, match in enumerate(_TOKEN.finditer(text)):
        token = match.group()
        if is_content_word(token):
            current.append((position, token, opens))
            opens = False
            continue
        if current:
            runs.append(current)
            current = []
        if token in set(".!?:•") or token.isspace():
            opens = True
        elif _WORDY.match(token):
            opens = False
    return [*runs, current] if current else runs


def is_content_word(token: str) -> bool:
    """Whether a token can be part of a phrase: no stop word, verb of reporting, adverb or number."""
    lower = token.lower()
    if not _WORDY.search(token) or len(token) == 1:
        return False
    if lower.replace("’", "'") in STOP_WORDS:
        return token.isupper() and len(token) == 2
    return lower not in _WEAK and (not _ADVERB.match(lower) or lower in _NOT_ADVERBS)


def _word_ranks(runs: list[_Run]) -> dict[str, float]:
    """PageRank (damping .85) over words that stand within ten words of each other."""
    sequence = [stem(word.lower()) for run in runs for _, word, _ in run]
    links: dict[str, Counter[str]] = {word: Counter() for word in sequence}
    for index, word in enumerate(sequence):
        for other in sequence[index + 1 : index + _WINDOW]:
            if other != word:
                links[word][other] += 1
                links[other][word] += 1
    totals = {word: others.total() for word, others in links.items()}
    # what a word hands on is the same for all that it stands beside equally often: worked out once per round
    gifts = {gift: place for place, gift in enumerate(sorted({g for o in links.values() for g in o.items()}))}
    taken = {word: [gifts[gift] for gift in others.items()] for word, others in links.items()}
    ranks = dict.fromkeys(links, 1.0)
    for _ in range(20):
        given = [ranks[word] * times / totals[word] for word, times in gifts]
        ranks = {
            word: 0.15 + 0.85 * math.fsum(map(given.__getitem__, places)) for word, places in taken.items()
        }
    return ranks


def _candidates(runs: list[_Run]) -> dict[tuple[str, ...], _Candidate]:
    found: dict[tuple[str, ...], _Candidate] = {}
    for run in runs:
        if len(run) > _LONGEST:
            continue
        stems = tuple(stem(word.lower()) for _, word, _ in run)
        position, _, opens = run[0]
        candidate = found.setdefault(stems, _Candidate(first=position))
        written = " ".join(word for _, word, _ in run)
        candidate.forms[_uncapitalised(written) if opens else written] += 1
    return found


def _uncapitalised(written: str) -> str:
    """The form inside a sentence of words that open one."""
    first, _, rest = written.partition(" ")
    if first[1:] != first[1:].lower() or (rest and rest[:1].isupper()):
        return written
    return first.lower() + (f" {rest}" if rest else "")


def _score(stems: tuple[str, ...], found: _Candidate, ranks: dict[str, float], length: int) -> float:
    company = math.fsum(ranks[word] for word in stems) * (1 if len(stems) > 1 else _LONE)
    frequency = 1 + 0.5 * math.log(found.forms.total())
    lead = 2 - found.first / length
    return company * frequency * lead


def _written_form(found: _Candidate) -> str:
    return max(found.forms.items(), key=lambda item: (item[1], item[0]))[0]
