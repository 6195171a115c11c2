"""Where sentences and paragraphs begin and end, as offsets into the text that was given.

Rules instead of a trained model: the offsets must be exact and the same on every machine, since quotes are
slices of the text.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re

from layers.text.words import STOP_WORDS, word_set

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
_LINE_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*•‣–·]|\(?\d{1,2}[.)]|\(?[a-z]\))[ \t]+)")
_LINE = re.compile(r"\n")
_ITEM_MARK = re.compile(r"(?:[-*•‣–·]|\(?\d{1,2}[.)]|\(?[a-z]\))[ \t]+")
_END = re.compile(
    r"(?P<stop>[.!?…]+)(?P<close>(?:[\"'”’»)\]]|\s?\[\d+(?:[,;–-]\s*\d+)*\])*+)(?P<gap>\s+)"
    r"|(?P<wide>[。！？]+[」』”’]*)\s*"
)  # fmt: skip
_LAST_WORD = re.compile(r"([^\W\d_](?:[^\W\d_]|\.(?=[^\W\d_]))*)$")
_NEXT_WORD = re.compile(r"[\"'“‘«(\[]*([^\W_]+(?:['’][^\W_]+)?)")
_IDENTIFIER = re.compile(r"[a-z]+_[a-z_]+\b")  # "pg_dump" opens a sentence as it is written
_OPENERS = frozenset("\"'“‘«([•-–*")

# Never the end of a sentence, whatever follows.
_HARD = word_set(
    "mr mrs ms dr prof rev hon gov sen rep gen col sgt capt lt cmdr adm messrs mx st mt fig figs eq eqs sec secs "
    "ch vs cf e.g i.e eg ie viz approx ca pp vol vols ed eds trans resp incl esp"
)
# The end of a sentence only when the next word looks like the start of one.
_SOFT = word_set(
    "inc ltd co corp bros llc plc al jr sr dept univ est no nos art assn intl natl ave blvd rd gmbh "
    "u.s u.k e.u u.n a.m p.m ph.d m.d b.a m.a b.sc m.sc d.c u.s.a"
)
_BEFORE_NUMBER = word_set("jan feb mar apr jun jul aug sep sept oct nov dec no nos art p al")


def paragraphs(text: str) -> list[tuple[int, int]]:
    """Spans of the paragraphs: what blank lines part, without the white space around it."""
    return _trimmed(text, _cuts(text, 0, len(text), _BLANK_LINE))


def split_sentences(text: str, *, lines: bool = False) -> list[tuple[int, int]]:
    """Spans of the sentences, in order, without the white space between them.

    With ``lines`` every line break ends a sentence, as in the text of a source, where only list items and
    table rows stand on lines of their own; otherwise a line break may be a mere wrap.

    A sentence never crosses a blank line or the start of a list item; an item's bullet or number is not part
    of its sentence, so that a quote reads as prose.
    """
    spans: list[tuple[int, int]] = []
    for start, end in paragraphs(text):
        for line_start, line_end in _trimmed(text, _cuts(text, start, end, _LINE if lines else _LINE_ITEM)):
            mark = _ITEM_MARK.match(text, line_start, line_end)
            spans += _sentences_of_block(text, mark.end() if mark else line_start, line_end)
    return spans


def _cuts(text: str, start: int, end: int, separator: re.Pattern[str]) -> list[tuple[int, int]]:
    spans = []
    for match in separator.finditer(text, start, end):
        spans.append((start, match.start()))
        start = match.end()
    return [*spans, (start, end)]


def _trimmed(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept = []
    for start, end in spans:
        part = text[start:end]
        first = start + len(part) - len(part.lstrip())
        last = start + len(part.rstrip())
        if first < last:
            kept.append((first, last))
    return kept


def _sentences_of_block(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    begin = start
    for match in _END.finditer(text, start, end):
        if match.group("wide"):
            spans.append((begin, match.end("wide")))
        elif _is_boundary(text, begin, match, end):
            spans.append((begin, match.end("close")))
        else:
            continue
        begin = match.end()
    if begin < end:
        spans.append((begin, end))
    return _trimmed(text, spans)


def _is_boundary(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    following = text[match.end() : min(match.end() + 40, end)]
    if _IDENTIFIER.match(following):
        return True
    if not following or not (following[0].isupper() or following[0].isdigit() or following[0] in _OPENERS):
        return False
    next_word = _NEXT_WORD.match(following)
    if next_word is not None and next_word.group(1)[0].islower():
        return False
    if match.group("stop") != "." or match.group("close"):
        return True
    last = _LAST_WORD.search(text, max(begin, match.start() - 24), match.start())
    if last is None:
        return True
    return _abbreviation_ends(last.group(1), next_word.group(1) if next_word else "")


def _abbreviation_ends(word: str, following: str) -> bool:
    """Whether a full stop after ``word`` ends the sentence, given the word after it."""
    lower = word.lower()
    if following[:1].isdigit():
        return lower not in _BEFORE_NUMBER and lower not in _HARD
    if lower in _HARD and (lower != "st" or following.lower() not in STOP_WORDS):
        return False
    looks_like_start = following.lower().replace("’", "'") in STOP_WORDS
    if len(word) == 1:
        return looks_like_start or not word.isupper()
    if lower in ("no", "nos", "art"):
        return True
    if lower in _SOFT or "." in word:
        return looks_like_start
    return True
