"""The evidence table: the only way by which text of a source may enter the result.

A piece of evidence is a span of a source, so its id is made from the span: two steps that quote the same
sentence give it the same id, and their tables can be merged without renumbering.
"""

from __future__ import annotations

from layers.bottom.artifacts import Passage, PassageIndex, Source, SourceSet
from layers.text.numbers import figures
from layers.top.artifacts import Evidence


def evidence_id(source_id: str, start: int, end: int) -> str:
    """The id of a span: ``E3-1204-1310`` for code points 1204 to 1310 of source ``S3``."""
    return f"E{source_id.removeprefix('S')}-{start}-{end}"


def references_of(source: Source, passage: Passage, start: int, end: int) -> tuple[int, ...]:
    """The numbers of the source's own references behind a span.

    A reference mark stands at the end of what it backs: marks inside the span count, else the next mark of the
    same passage. A source that lists references without marks gives those of the passage.
    """
    if not source.anchors:
        return passage.references
    inside = [anchor for anchor in source.anchors if start < anchor.offset <= end]
    after = [anchor for anchor in source.anchors if end < anchor.offset <= passage.end]
    chosen = inside or sorted(after, key=lambda anchor: anchor.offset)[:1]
    return tuple(dict.fromkeys(number for anchor in chosen for number in anchor.numbers))


class EvidenceTable:
    """Evidence in the order in which it was first quoted; the same span is never listed twice."""

    def __init__(self, sources: SourceSet, index: PassageIndex) -> None:
        self._sources = {source.id: source for source in sources.sources}
        self._passages = {passage.id: passage for passage in index.passages}
        self._rows: dict[str, Evidence] = {}

    def add(self, passage: Passage, start: int, end: int) -> Evidence:
        """Quote ``source.text[start:end]``, in code points; outer white space is left out.

        Raises ValueError for a passage that is not in the index and for a span that is blank or leaves it.
        """
        if self._passages.get(passage.id) != passage:
            raise ValueError(f"passage {passage.id} is not in the index")
        source = self._sources[passage.source]
        raw = source.text[start:end]
        start, end = start + len(raw) - len(raw.lstrip()), end - len(raw) + len(raw.rstrip())
        if not passage.start <= start < end <= passage.end:
            raise ValueError(f"span {start}-{end} is not a part of passage {passage.id}")
        identity = evidence_id(source.id, start, end)
        if identity not in self._rows:
            quote = source.text[start:end]
            self._rows[identity] = Evidence(
                id=identity,
                source=source.id,
                start=start,
                end=end,
                quote=quote,
                passage=passage.id,
                numbers=figures(quote),
                references=references_of(source, passage, start, end),
            )
        return self._rows[identity]

    def get(self, identity: str) -> Evidence:
        """The evidence with this id. Raises KeyError."""
        return self._rows[identity]

    def as_tuple(self) -> tuple[Evidence, ...]:
        """All evidence, first quoted first."""
        return tuple(self._rows.values())
