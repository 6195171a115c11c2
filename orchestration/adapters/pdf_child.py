"""The program that reads one PDF: bytes from standard input, one JSON object to standard output.

It runs alone (:mod:`orchestration.adapters.pdf_text` starts it), so that a hostile file can only exhaust what this
process may use. It imports nothing of ours.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

MOST_PAGES = 100
MOST_CHARACTERS = 150_000
MOST_SECONDS = 20
MOST_MEMORY = 1024 * 1024 * 1024
_EDGE = 2  # lines at the top and bottom of a page that may be a running head
_REPEATED = 3
_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[a-z])")
_NUMBER_ONLY = re.compile(r"^\W*(?:page\s)?\d{1,4}(?:\s?(?:/|of)\s?\d{1,4})?\W*$", re.IGNORECASE)
_ENDS = re.compile(r"[.!?:]['\")\]\u201d\u2019]?$")


def main() -> None:
    """Read, extract, answer; whatever goes wrong ends the process with another exit code than 0."""
    _limit()
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
    if reader.is_encrypted and not reader.decrypt(""):
        _answer({"problem": "it is encrypted"})
        return
    pages = list(_pages(reader.pages))
    known = reader.metadata
    _answer(
        {
            "text": joined(pages),
            "title": str(known.title) if known and known.title else None,
            "author": str(known.author) if known and known.author else None,
            "published": _day(known.creation_date) if known else None,
            "problem": None if any(page.strip() for page in pages) else "it has no text, only images",
        }
    )


def _limit() -> None:
    """Bound memory and processor time, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def _pages(pages: Sequence[object]) -> Iterator[str]:
    left = MOST_CHARACTERS
    for number in range(min(len(pages), MOST_PAGES)):
        text = str(getattr(pages[number], "extract_text")())[:left]  # noqa: B009 - its type is pypdf's, imported late
        left -= len(text)
        yield text
        if left <= 0:
            return


def joined(pages: Sequence[str]) -> str:
    """The pages as one text: without running heads and page numbers, words and sentences whole across line and page."""
    rows = [[line.strip() for line in page.splitlines() if line.strip()] for page in pages]
    edges = Counter(_shape(line) for page in rows for line in {*page[:_EDGE], *page[-_EDGE:]})
    heads = {shape for shape, times in edges.items() if times >= _REPEATED}
    text = ""
    for page in rows:
        kept = [
            line
            for place, line in enumerate(page)
            if not _NUMBER_ONLY.match(line)
            and not (_shape(line) in heads and (place < _EDGE or place >= len(page) - _EDGE))
        ]
        between = "\n\n" if _ENDS.search(text) else "\n"
        text += (between if text and kept else "") + "\n".join(kept)
    return _HYPHEN.sub("", text)


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line)


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def _answer(value: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(value).encode())


if __name__ == "__main__":
    main()
