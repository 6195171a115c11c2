"""The sample library is quoted word for word: its form, its references and its sentences are held to account here."""

import http.client
import re
from pathlib import Path
from typing import ClassVar

import pytest

from samples.library import check_references
from samples.library.check_references import (
    Document,
    LibraryFormatError,
    Reference,
    findings,
    ledger_findings,
    load_library,
    main,
    online_finding,
    parse_document,
    sentences,
    words,
)

ORPHAN = re.compile(r"(?:It|They|This|These|Those|That|He|She|Its|Their)\b(?! [a-z]+ (?:is|are|was|were)\b)")
REFERENCE = Reference(
    number=1, source="Author A. A title. A journal", year=2020, url="https://doi.org/10.1000/x1"
)

GOOD = """---
title: A title
subject: A subject
author: An author
published: 2026-11-22
license: MIT
---
{body}

## References
{references}
"""
LINE = "[{n}] Author A. A title of a work. A journal, 2020. https://doi.org/10.1000/{n}"


@pytest.fixture(scope="module")
def library() -> tuple[Document, ...]:
    return load_library()


def write(folder: Path, *, body: str | None = None, references: str | None = None) -> Path:
    """A document that keeps the form, except for what the test replaces."""
    path = folder / "document.md"
    sentence = "Every one of these twelve words stands here only to be counted [{n}]."
    path.write_text(
        GOOD.format(
            body=body or "\n".join(sentence.format(n=1 + index % 5) for index in range(55)),
            references=references or "\n".join(LINE.format(n=n) for n in range(1, 6)),
        )
    )
    return path


def test_the_library_has_enough_documents_on_enough_subjects(library: tuple[Document, ...]) -> None:
    subjects = {document.fields["subject"] for document in library}
    healthcare = [document for document in library if document.fields["subject"] == "AI in healthcare"]

    assert len(library) >= 12
    assert len(subjects) >= 4
    assert len(healthcare) >= 5


def test_every_document_keeps_the_form_and_uses_every_reference(library: tuple[Document, ...]) -> None:
    assert [problem for document in library for problem in findings(document)] == []


def test_the_ledger_says_how_each_reference_was_checked(library: tuple[Document, ...]) -> None:
    ledger = (check_references.LIBRARY / check_references.LEDGER_NAME).read_text(encoding="utf-8")

    assert ledger_findings(library, ledger) == []


def test_the_same_work_is_cited_with_the_same_words_everywhere(library: tuple[Document, ...]) -> None:
    wordings: dict[str, set[tuple[str, int]]] = {}
    for document in library:
        for reference in document.references:
            wordings.setdefault(reference.url, set()).add((reference.source, reference.year))

    assert {url: texts for url, texts in wordings.items() if len(texts) > 1} == {}


def test_sentences_are_neither_fragments_nor_too_long_to_quote(library: tuple[Document, ...]) -> None:
    lengths = [len(words(sentence)) for document in library for sentence in sentences(document)]

    assert sum(6 <= length <= 45 for length in lengths) >= 0.95 * len(lengths)


def test_sentences_name_their_subject_so_that_a_quote_stands_alone(library: tuple[Document, ...]) -> None:
    texts = [sentence for document in library for sentence in sentences(document)]

    assert sum(not ORPHAN.match(text) for text in texts) >= 0.90 * len(texts)


def test_no_sentence_occurs_twice_in_the_library(library: tuple[Document, ...]) -> None:
    texts = [sentence for document in library for sentence in sentences(document)]

    assert len(texts) == len(set(texts))


def test_a_document_in_the_promised_form_has_no_findings(tmp_path: Path) -> None:
    assert findings(parse_document(write(tmp_path))) == []


@pytest.mark.parametrize(
    ("body", "references", "message"),
    [
        ("A sentence with a mark that leads nowhere at all [9].", None, "mark [9] has no reference"),
        ("A sentence that uses only the first of five works [1].", None, "reference [5] is never used"),
        ("A sentence without any mark at its end.", None, "does not end with its reference mark"),
        (None, LINE.format(n=2), "not numbered 1, 2, 3"),
        (None, LINE.format(n=1), "1 references, at least 5"),
        (None, "[1] Author A. A title, 2020. https://example.org/a", "authors, title and publisher"),
        (None, "[1] Author A. A title. A journal, 2020. https://doi.org/11.1/a", "malformed DOI"),
    ],
)
def test_a_departure_from_the_form_is_named(
    tmp_path: Path, body: str | None, references: str | None, message: str
) -> None:
    assert message in "\n".join(findings(parse_document(write(tmp_path, body=body, references=references))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("No front matter at all [1].", "no front matter"),
        ("---\ntitle A title\n---\nText.\n\n## References\n", "front matter line"),
        ("---\ntitle: A title\n---\nText.\n", "no '## References' section"),
        ("---\ntitle: A title\n---\nText.\n\n## References\n[1] Somebody, somewhere\n", "not '[n] Authors."),
    ],
)
def test_a_file_that_cannot_be_read_says_which_line_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.md"
    path.write_text(text)

    with pytest.raises(LibraryFormatError, match=re.escape(message)):
        parse_document(path)


def test_a_reference_without_a_row_in_the_ledger_is_named(tmp_path: Path) -> None:
    problems = ledger_findings([parse_document(write(tmp_path))], "| a work | <https://doi.org/10.1000/1> |")

    assert len(problems) == 4


class FakeConnection:
    """Answers HEAD with one status, or fails like a network that is not there."""

    status: ClassVar[int | OSError]

    def __init__(self, host: str, timeout: float) -> None:
        self.closed = False

    def request(self, method: str, target: str, headers: dict[str, str]) -> None:
        if isinstance(self.status, OSError):
            raise self.status

    def getresponse(self) -> "FakeConnection":
        return self

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (302, None),
        (403, None),
        (404, "https://doi.org/10.1000/x1: HTTP 404"),
        (OSError("unreachable"), "https://doi.org/10.1000/x1: no answer (unreachable)"),
    ],
)
def test_online_an_address_fails_only_when_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, status: int | OSError, expected: str | None
) -> None:
    monkeypatch.setattr(FakeConnection, "status", status, raising=False)
    monkeypatch.setattr(http.client, "HTTPSConnection", FakeConnection)

    assert expected == online_finding(REFERENCE)


def test_the_command_ends_with_zero_for_the_library_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "0 findings" in capsys.readouterr().out
