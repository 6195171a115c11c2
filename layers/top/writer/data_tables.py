"""A table of a source, row by row and verbatim: what a comparison or a data sheet cannot say in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layers.bottom.artifacts import Passage, PassageIndex, SourceSet
from layers.text.table_rows import cells_of
from layers.top.writer.subject import Subject
from layers.top.writer.suitability import addresses_a_model

_FEWEST_ROWS = 2
_MOST_ROWS = 12
_MOST_COLUMNS = 6
_ABOUT = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row as a span of its passage; ``text`` is the verbatim slice."""

    passage: Passage
    start: int
    end: int
    text: str


def source_table(sources: SourceSet, index: PassageIndex, subject: Subject) -> list[TableRow]:
    """The rows of the table that is most about the topic, the first of equals; empty where no source has one.

    What is about the topic says so in a row, or in the heading or title above.
    """
    texts = {source.id: source.text for source in sources.sources}
    titles = {source.id: source.title for source in sources.sources}
    tables: dict[tuple[str, str, tuple[str, ...]], list[TableRow]] = {}
    for passage in index.passages:
        for start, end in passage.sentences:
            text = texts[passage.source][start:end]
            columns = tuple(label for label, _ in cells_of(text) or ())
            if 0 < len(columns) <= _MOST_COLUMNS and not addresses_a_model(text):
                row = TableRow(passage=passage, start=start, end=end, text=text)
                tables.setdefault((passage.source, passage.heading, columns), []).append(row)
    ranked = [
        (max(subject.share(f"{titles[key[0]]} {key[1]}"), *(subject.share(row.text) for row in rows)), rows)
        for key, rows in tables.items()
        if len(rows) >= _FEWEST_ROWS
    ]
    best: tuple[float, Sequence[TableRow]] = max(ranked, key=lambda item: item[0], default=(0.0, ()))
    return list(best[1])[:_MOST_ROWS] if best[0] >= _ABOUT else []
