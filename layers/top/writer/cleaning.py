"""Light cleaning of a quoted sentence: what may be left out without a change of what it says.

Nothing is ever added but a capital letter at the start and a full stop at the end.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from typing import Final

_REFERENCE_MARK: Final = re.compile(
    r"\s?\[(?:\d+|[a-z]|citation needed|note \d+)(?:\s?[,;–-]\s?\d+)*\]|[¹²³⁰⁴-⁹]+(?=[\s.,;]|$)"
)
_PARENTHESIS: Final = re.compile(
    r"\s?\((?:see\s[^()]*|(?:Fig(?:ure|\.)|Table|Box|Appendix)\s[^()]*|[^()\d]*\bet al\.?,?\s?\d{4}[^()]*"
    r"|[A-Z][\w’'-]+(?:\s(?:and|&)\s[A-Z][\w’'-]+)?,?\s\d{4}[a-z]?(?:;[^()]*)?)\)"
)
_ABSTRACT_LABEL: Final = re.compile(
    r"^(?:BACKGROUND|RESULTS?|CONCLUSIONS?|FINDINGS|INTERPRETATION|IMPORTANCE|INTRODUCTION|Background|Results|Conclusions?|Findings|Interpretation)"
    r"(?::\s+|\s+(?=[A-Z0-9]))"
)
_CONNECTIVE: Final = re.compile(
    r"^(?:however|moreover|furthermore|additionally|in addition|also|therefore|thus|hence|consequently|as a result|"
    r"accordingly|nevertheless|nonetheless|meanwhile|indeed|in fact|of course|finally|first(?:ly)?|second(?:ly)?|"
    r"third(?:ly)?|fourth(?:ly)?|next|lastly|last|overall|in short|in summary|to summari[sz]e|in conclusion|still|"
    r"on the other hand|by contrast|in contrast|besides|in general|ultimately|importantly|notably|crucially|"
    r"first of all|to begin with|to start|interestingly|unfortunately|fortunately|similarly|likewise|obviously|basically|simply put|"
    r"conversely|at the same time|in other words|again|then|and|but|so),\s+",
    re.IGNORECASE,
)
_LOOSE_MARK: Final = re.compile(r"^\d{1,2}\s(?=[A-Z][a-z]+(?:,|\s[a-z]|\s[A-Z][a-z]+\s[a-z]))")
_LOOSE_MARKS_AT_END: Final = re.compile(r"(?<=[a-z)])\s\d{1,3}(?:\s?[,\u2013-]\s?\d{1,3})*(?=\.$)")
_MARKED_OFTEN: Final = 5
_OWN_TEST: Final = re.compile(
    r"^(?:in|during|throughout|for) our (?:own )?(?:tests?|testing|trials?|measurements?|review|experience|benchmarks?),?\s+",
    re.IGNORECASE,
)
_BARE_CONJUNCTION: Final = re.compile(r"^(?:and|but|so|yet)\s+(?=\w)", re.IGNORECASE)


def collapse(text: str) -> str:
    """``text`` on one line with single spaces."""
    return " ".join(text.split())


def marks_sentences(text: str) -> bool:
    """Whether a source ends many sentences with bare numbers of references ("... without sleep 38.")."""
    return len(re.findall(r"[a-z)]\s\d{1,3}(?:\s?[,\u2013-]\s?\d{1,3})*\.\s", text)) >= _MARKED_OFTEN


def without_loose_marks(text: str) -> str:
    """The sentence without the bare number of a reference at its end."""
    return _LOOSE_MARKS_AT_END.sub("", text)


def without_own_test(text: str) -> str:
    """The sentence without "In our test": the citation says whose test it was."""
    bare = _OWN_TEST.sub("", text)
    return bare[:1].upper() + bare[1:] if bare != text else text


def without_marks(text: str) -> str:
    """The sentence without reference marks, bracketed pointers and the label of an abstract, ending in a stop."""
    bare = without_own_test(_ABSTRACT_LABEL.sub("", _LOOSE_MARK.sub("", text)))
    cleaned = collapse(_PARENTHESIS.sub("", _REFERENCE_MARK.sub("", bare)))
    cleaned = re.sub(r"\s+([.,;:])", r"\1", cleaned)
    if cleaned and cleaned[0].islower() and cleaned.split()[0].isalpha() and cleaned.split()[0].islower():
        cleaned = cleaned[0].upper() + cleaned[1:]
    return cleaned if re.search(r"[.!?]['\"”’)]*$", cleaned) else f"{cleaned}."


def standing_alone(text: str) -> str:
    """The sentence without an opening connective that points back ("However, ...", "But ...")."""
    bare = _CONNECTIVE.sub("", text, count=1)
    if bare == text:
        bare = _BARE_CONJUNCTION.sub("", text, count=1)
    return bare[0].upper() + bare[1:] if bare != text and bare else text
