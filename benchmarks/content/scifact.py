"""SciFact: claims with the abstracts and the sentences that people marked as evidence."""

from __future__ import annotations

import ast
import csv
import io
import re
import zipfile

from benchmarks.content.common import data_file

Row = dict[str, str]


def load(part: str = "validation") -> tuple[list[Row], list[Row]] | None:
    """The abstracts and the claims of ``validation`` or ``train``; None, and said so, where the data is absent."""
    path = data_file("scifact-csv.zip")
    if path is None:
        return None
    csv.field_size_limit(10_000_000)
    with zipfile.ZipFile(path) as archive:
        return _rows(archive, "corpus_train.csv"), _rows(archive, f"claims_{part}.csv")


def sentences_of(row: Row) -> list[str]:
    """The abstract's sentences: the export prints them as a numpy array of strings."""
    return [
        str(ast.literal_eval(part))
        for part in re.findall(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", row["abstract"])
    ]


def marked_sentences(claims: list[Row]) -> dict[tuple[str, str], set[int]]:
    """The places of the evidence sentences, by claim and abstract."""
    evidence: dict[tuple[str, str], set[int]] = {}
    for row in claims:
        if row["evidence_label"]:
            marked = evidence.setdefault((row["claim"], row["evidence_doc_id"]), set())
            marked.update(int(number) for number in re.findall(r"\d+", row["evidence_sentences"]))
    return evidence


def _rows(archive: zipfile.ZipFile, name: str) -> list[Row]:
    with archive.open(name) as stream:
        return list(csv.DictReader(io.TextIOWrapper(stream, "utf-8")))
