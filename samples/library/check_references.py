"""Checks the documents of the sample library: format, numbering of the references and shape of the identifiers.

Run ``python samples/library/check_references.py`` after a change to a document. With ``--online`` every reference
address is also asked for over HTTP HEAD; only that it answers is looked at, never what it says. Exit code 1 and one line
per finding if anything is wrong. Standard library only, so that a reader can run it without an environment.
"""

import argparse
import http.client
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LIBRARY: Final = Path(__file__).resolve().parent
LEDGER_NAME: Final = "README.md"
FIELDS: Final = ("title", "subject", "author", "published", "license")
REFERENCES_HEADING: Final = "## References"
MIN_REFERENCES: Final = 5
MIN_WORDS: Final = 600
MAX_WORDS: Final = 1000
HEAD_TIMEOUT_SECONDS: Final = 15.0

_FRONT_MATTER: Final = re.compile(r"\A---\n(?P<fields>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_REFERENCE: Final = re.compile(
    r"\A\[(?P<number>\d+)\] (?P<source>.+), (?P<year>\d{4})\. (?P<url>https://\S+)\Z"
)
_DOI_ADDRESS: Final = re.compile(r"\Ahttps://doi\.org/10\.\d{4,9}/[^\s\"<>]+\Z")
_MARK: Final = re.compile(r"\[(\d+)\]")
_MARKED_END: Final = re.compile(r"(?: ?\[\d+\])+\.\Z")
_SENTENCE_GAP: Final = re.compile(r"(?<=[.!?]) +(?=[A-Z0-9\"])")
_SOURCE_PART_GAP: Final = re.compile(r"(?<=[.?]) ")
_WORD: Final = re.compile(r"[^\W_]+(?:[-'.,/:][^\W_]+)*%?")

# Publishers answer a program with these although the page exists for a reader.
_REFUSES_PROGRAMS: Final = frozenset({401, 402, 403, 405, 406, 418, 429, 503})


class LibraryFormatError(ValueError):
    """A document does not have the format that the library promises; the message names the file and the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One numbered entry of a document's reference list."""

    number: int
    source: str
    year: int
    url: str

    @property
    def is_doi(self) -> bool:
        """Whether the address is a DOI and not a page of a publisher or an organisation."""
        return urlsplit(self.url).hostname == "doi.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One library document: its front matter, its text without the reference list, and its references."""

    path: Path
    fields: dict[str, str]
    body: str
    references: tuple[Reference, ...]


def parse_document(path: Path) -> Document:
    """Reads one document; raises LibraryFormatError where front matter or a reference line has the wrong shape."""
    matched = _FRONT_MATTER.match(path.read_text(encoding="utf-8"))
    if matched is None:
        raise LibraryFormatError(f"{path.name}: no front matter between two lines of ---")
    body, heading, listing = matched["body"].partition(f"\n{REFERENCES_HEADING}\n")
    if not heading:
        raise LibraryFormatError(f"{path.name}: no '{REFERENCES_HEADING}' section")
    return Document(
        path=path,
        fields=_parse_fields(path, matched["fields"]),
        body=body.strip(),
        references=tuple(_parse_reference(path, line) for line in listing.splitlines() if line.strip()),
    )


def load_library(folder: Path = LIBRARY) -> tuple[Document, ...]:
    """All documents of a folder in the order of their names; the ledger of checks is not a document."""
    return tuple(parse_document(path) for path in sorted(folder.glob("*.md")) if path.name != LEDGER_NAME)


def sentences(document: Document) -> tuple[str, ...]:
    """The sentences of a document in reading order, list items included, headings left out."""
    found: list[str] = []
    for line in document.body.splitlines():
        text = line.strip().removeprefix("- ")
        if text and not text.startswith("#"):
            found.extend(_SENTENCE_GAP.split(text))
    return tuple(found)


def words(text: str) -> tuple[str, ...]:
    """The words of a text without its reference marks."""
    return tuple(_WORD.findall(_MARK.sub("", text)))


def findings(document: Document) -> list[str]:
    """Everything that is wrong with one document, one line each; empty when it keeps the format."""
    problems = [
        *_field_findings(document.fields),
        *_reference_findings(document.references),
        *_mark_findings(document),
        *_length_findings(document),
    ]
    return [f"{document.path.name}: {problem}" for problem in problems]


def ledger_findings(documents: Iterable[Document], ledger: str) -> list[str]:
    """References whose check the ledger does not name: each address has to appear in its table."""
    return [
        f"{LEDGER_NAME}: no row for {reference.url} of {document.path.name}"
        for document in documents
        for reference in document.references
        if f"<{reference.url}>" not in ledger
    ]


def online_finding(reference: Reference) -> str | None:
    """Asks for one address over HTTP HEAD: None if it answers, otherwise what it said instead.

    A redirect counts as an answer and is not followed: for a DOI it is the proof that the identifier is registered.
    """
    parts = urlsplit(reference.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = http.client.HTTPSConnection(parts.netloc, timeout=HEAD_TIMEOUT_SECONDS)
    try:
        connection.request("HEAD", target, headers={"User-Agent": "content-architect-library-check"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{reference.url}: no answer ({error})"
    finally:
        connection.close()
    if status < http.client.BAD_REQUEST or status in _REFUSES_PROGRAMS:
        return None
    return f"{reference.url}: HTTP {status}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks every document of the library; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check the documents and references of the sample library.")
    parser.add_argument(
        "--online", action="store_true", help="also ask for every reference address over HTTP HEAD"
    )
    options = parser.parse_args(arguments)
    try:
        documents = load_library()
    except LibraryFormatError as error:
        print(error, file=sys.stderr)
        return 1
    problems = [problem for document in documents for problem in findings(document)]
    problems += ledger_findings(documents, (LIBRARY / LEDGER_NAME).read_text(encoding="utf-8"))
    references = {reference.url: reference for document in documents for reference in document.references}
    if options.online:
        problems += [problem for reference in references.values() if (problem := online_finding(reference))]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(documents)} documents, {len(references)} different references, {len(problems)} findings")
    return 1 if problems else 0


def _parse_fields(path: Path, block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in block.splitlines():
        name, separator, value = line.partition(": ")
        if not separator or not value.strip():
            raise LibraryFormatError(f"{path.name}: front matter line is not 'name: value': {line!r}")
        fields[name] = value.strip()
    return fields


def _parse_reference(path: Path, line: str) -> Reference:
    matched = _REFERENCE.match(line.strip())
    if matched is None:
        raise LibraryFormatError(
            f"{path.name}: not '[n] Authors. Title. Publisher, year. https://...': {line!r}"
        )
    return Reference(
        number=int(matched["number"]), source=matched["source"], year=int(matched["year"]), url=matched["url"]
    )


def _field_findings(fields: dict[str, str]) -> Iterable[str]:
    if tuple(fields) != FIELDS:
        yield f"front matter has {', '.join(fields)} instead of {', '.join(FIELDS)}"
    try:
        date.fromisoformat(fields.get("published", ""))
    except ValueError:
        yield "published is not a date of the form 2026-01-31"


def _reference_findings(references: tuple[Reference, ...]) -> Iterable[str]:
    if len(references) < MIN_REFERENCES:
        yield f"{len(references)} references, at least {MIN_REFERENCES} are needed"
    if [reference.number for reference in references] != list(range(1, len(references) + 1)):
        yield "references are not numbered 1, 2, 3 and so on"
    for reference in references:
        if len(_SOURCE_PART_GAP.split(reference.source)) < 3:
            yield f"reference [{reference.number}] does not name authors, title and publisher"
        if reference.is_doi and not _DOI_ADDRESS.match(reference.url):
            yield f"reference [{reference.number}] has a malformed DOI: {reference.url}"


def _mark_findings(document: Document) -> Iterable[str]:
    known = {reference.number for reference in document.references}
    used = {int(number) for number in _MARK.findall(document.body)}
    yield from (f"mark [{number}] has no reference" for number in sorted(used - known))
    yield from (f"reference [{number}] is never used" for number in sorted(known - used))
    for sentence in sentences(document):
        if not _MARKED_END.search(sentence):
            yield f"sentence does not end with its reference mark and a full stop: {sentence!r}"


def _length_findings(document: Document) -> Iterable[str]:
    length = sum(len(words(sentence)) for sentence in sentences(document))
    if not MIN_WORDS <= length <= MAX_WORDS:
        yield f"{length} words, between {MIN_WORDS} and {MAX_WORDS} are wanted"


if __name__ == "__main__":
    sys.exit(main())
