"""A document's own reference list, and the marks in its text that point into it."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from layers.bottom.artifacts import Reference

_HEADING = re.compile(
    r"(?:\d+[.)]?\s+)?(?:references?|bibliography|works\s+cited|literature(?:\s+cited)?|citations|sources?|end\s?notes"
    r"|footnotes|notes\s+and\s+references|references\s+and\s+notes|sources\s+and\s+references)(?:\s+\(\d+\))?:?",
    re.IGNORECASE,
)
_MARK = r"\[(?:\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*|(?:note|nb)\s\d+|citation needed|\^[\w-]{1,20})\]"
_MARKS = re.compile(rf"\s?(?:{_MARK}(?:\s?(?={_MARK})|[,;](?={_MARK}))?)+(?![\w(])", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d{1,3})(?:\s*[–-]\s*(\d{1,3}))?")
_STOPS = re.compile(r"[.!?…]+[\"'”’)]*|[,;:]")
_ENTRY = re.compile(r"^\s*(?:\[(?P<bracket>\d{1,3})\]|(?P<plain>\d{1,3})[.)])[:\s]\s*", re.MULTILINE)
_UP_LINK = re.compile(r"^[\s↑^]+(?:[a-z]\s)*|\s*[↩↑]\ufe0e?\s*$")
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>]+")
_URL = re.compile(r"https?://[^\s<>\"\]]+")
_YEAR = re.compile(r"(?<![\d./-])(?:19|20)\d{2}(?![\d/-])")
_YEAR_IN_PARENTHESES = re.compile(r"\(((?:19|20)\d{2})[a-z]?(?:,\s[A-Z][^)]{2,16})?\)")
_QUOTED = re.compile(r"[“\"]([^”\"]{8,300})[”\"]")
_PIECE = re.compile(r"(?<=[^\W\d_]{2}[.?!])\s+(?=#?[^\W_])|(?<=[\d)][.])\s+(?=#?[^\W\d_])")
_ORGANISATION = re.compile(
    r"\b(?:Administration|Agency|Association|Authority|Bureau|Cent(?:er|re)|Commission|Committee|Council|Department|Federation"
    r"|Foundation|Government|Group|Institutes?|Laborator(?:y|ies)|Ministry|Office|Organi[sz]ation|Service|Society|Union|University)$"
)
_AUTHORS_AND_INITIALS = re.compile(
    r"(?:(?:[^\W\d_]|['’ -])+?\s[A-Z]{1,3}(?:,\s+|\.\s+(?=[A-Z])))+(?:and\sothers\.\s+|et\sal\.\s+)?"
)
_INITIALS = re.compile(r"\b[A-Z]{1,3}\b\.?(?:[,;]|$)|\bet al\b|\band others\b")
_WIDEST_RANGE = 20


def is_reference_heading(heading: str) -> bool:
    """Whether what follows this heading is a list of references."""
    return _HEADING.fullmatch(heading) is not None


def take_marks(line: str) -> tuple[str, list[tuple[int, tuple[int, ...]]]]:
    """The line without its citation marks, and for each place the numbers cited for the text that ends there.

    A mark before the full stop counts for the sentence that the full stop ends.
    """
    parts: list[str] = []
    marks: list[tuple[int, tuple[int, ...]]] = []
    length = last = 0
    for match in _MARKS.finditer(line):
        parts.append(line[last : match.start()])
        length += match.start() - last
        last = match.end()
        stop = _STOPS.match(line, last)
        numbers = tuple(dict.fromkeys(_numbers(match.group())))
        if numbers:
            marks.append((length + (stop.end() - last if stop else 0), numbers))
    return "".join([*parts, line[last:]]).strip(), marks


def _numbers(mark: str) -> Iterator[int]:
    for low, high in _NUMBERS.findall(
        re.sub(r"\[(?:note|nb)[^\]]*\]|\[\^[^\]]*\]", "", mark, flags=re.IGNORECASE)
    ):
        last = int(high) if high and 0 < int(high) - int(low) <= _WIDEST_RANGE else int(low)
        yield from range(int(low), last + 1)


def parse_references(blocks: Sequence[str]) -> tuple[Reference, ...]:
    """References from the blocks of a list: numbered as they say, otherwise by their position."""
    found: dict[int, Reference] = {}
    for position, (number, citation) in enumerate(_entries(blocks), 1):
        reference = _reference(number or position, citation)
        found.setdefault(reference.number, reference)
    return tuple(found[number] for number in sorted(found))


def _entries(blocks: Sequence[str]) -> Iterator[tuple[int | None, str]]:
    """(number or None, citation): a block holds one entry, or several that begin on lines of their own."""
    for block in blocks:
        starts = list(_ENTRY.finditer(block))
        if not starts or block[: starts[0].start()].strip():
            cut = starts[0].start() if starts else len(block)
            lead = _tidy(block[:cut])
            if lead:
                yield None, lead
        for index, start in enumerate(starts):
            end = starts[index + 1].start() if index + 1 < len(starts) else len(block)
            citation = _tidy(block[start.end() : end])
            if citation:
                yield int(start.group("bracket") or start.group("plain")), citation


def _tidy(text: str) -> str:
    return " ".join(_UP_LINK.sub("", text).split())


def _reference(number: int, citation: str) -> Reference:
    url_match = _URL.search(citation)
    url = _unpunctuated(url_match.group()) if url_match else None
    doi_match = _DOI.search(citation)
    doi = _unpunctuated(doi_match.group()) if doi_match else None
    plain = _URL.sub("", citation)
    return Reference(
        number=number,
        citation=citation,
        title=_title(plain),
        year=_year(plain),
        url=url or (f"https://doi.org/{doi}" if doi else None),
        doi=doi,
    )


def _unpunctuated(address: str) -> str:
    """The address without the punctuation of the sentence around it; brackets stay where they are balanced."""
    while address and (
        address[-1] in ".,;:'\"" or (address[-1] == ")" and address.count(")") > address.count("("))
    ):
        address = address[:-1]
    return address


def _year(plain: str) -> int | None:
    in_parentheses = _YEAR_IN_PARENTHESES.search(plain)
    if in_parentheses:
        return int(in_parentheses.group(1))
    years = _YEAR.findall(_DOI.sub("", plain))
    return int(years[-1]) if years else None


def _title(plain: str) -> str | None:
    """The work's title: what is quoted, what follows the year in parentheses, or the piece after the authors."""
    quoted = _QUOTED.search(plain)
    if quoted:
        return quoted.group(1).strip(" ,.")
    authors = _AUTHORS_AND_INITIALS.match(plain)
    if authors and authors.group().rstrip().endswith("."):
        plain = plain[authors.end() :]
    dated = re.search(r"\((?:19|20)\d{2}[^)]{0,24}\)\.?\s+", plain)
    pieces = [piece.strip(" .,") for piece in _PIECE.split(plain[dated.end() :] if dated else plain)]
    pieces = [piece for piece in pieces if len(piece) > 1]
    if not pieces:
        return None
    names_first = not (dated or authors) and len(pieces) > 1 and _looks_like_authors(pieces[0])
    return pieces[1] if names_first else pieces[0]


def _looks_like_authors(piece: str) -> bool:
    """Initials, "and others", or a short name without any small word but a connecting one (an institution)."""
    if _INITIALS.search(piece) or _ORGANISATION.search(piece):
        return True
    small = {word for word in piece.split() if word[0].islower()}
    longest = max(len(part.split()) for part in piece.split(","))
    return longest <= 8 and small <= {"and", "of", "for", "the", "on", "de", "in"}
