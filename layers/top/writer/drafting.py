"""From chosen sentences to sentences of the article: the text they get, the evidence they carry, their joins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from layers.contract import ContentBrief
from layers.top.artifacts import Sentence
from layers.top.evidence import EvidenceTable
from layers.top.writer.candidates import Candidate, CandidatePool
from layers.top.writer.data_tables import TableRow
from layers.top.writer.figures import salient_figure
from layers.top.writer.ordering import follows, paragraph_breaks
from layers.top.writer.voice import Cue, is_caution, join


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sentence before it has an id: a quoted one with its candidate (or a row of a table), or an editorial one."""

    text: str
    candidate: Candidate | TableRow | None = None
    opens: bool = False


def quoted_lines(pool: CandidatePool, ordered: Sequence[Candidate], *, as_items: bool = False) -> list[Line]:
    """Sentences in reading order as a text, or as items of a list, steps or table, one run each."""
    breaks = paragraph_breaks(pool, ordered)
    lines: list[Line] = []
    previous: Candidate | None = None
    for candidate, opens in zip(ordered, breaks, strict=True):
        bound = follows(pool, previous, candidate)
        if candidate.alone is None or (bound and not opens and not as_items):
            lines.append(Line(text=candidate.text, candidate=candidate, opens=False))
        else:
            lines.append(Line(text=candidate.alone, candidate=candidate, opens=opens or as_items))
        previous = candidate
    return lines


def editorial(text: str, *, opens: bool = True) -> Line:
    """A line of the writer's own."""
    return Line(text=text, opens=opens)


def with_join(brief: ContentBrief, lines: list[Line], spent: set[Cue]) -> list[Line]:
    """At most one editorial join, before the first later paragraph that turns to figures or limits.

    ``spent`` are the cues already announced in this article; each is used once.
    """
    for place, line in enumerate(lines):
        if place == 0 or not line.opens or line.candidate is None:
            continue
        cue = _cue(line.text)
        if (
            cue is not None
            and cue not in spent
            and all(_cue(earlier.text) != cue for earlier in lines[:place])
        ):
            spent.add(cue)
            return [
                *lines[:place],
                editorial(join(brief, cue)),
                replace(line, opens=False),
                *lines[place + 1 :],
            ]
    return lines


def _cue(text: str) -> Cue | None:
    if is_caution(text):
        return "caution"
    return "figures" if salient_figure(text) else None


class Numbering:
    """Gives sentences their ids in reading order and enters their evidence into the table."""

    def __init__(self, table: EvidenceTable) -> None:
        self._table = table
        self._next = count(1)

    def sentences(self, lines: Iterable[Line]) -> tuple[Sentence, ...]:
        """The lines as sentences: ``quote`` where the source's words stand unchanged, else ``claim``."""
        return tuple(self._sentence(line) for line in lines)

    def _sentence(self, line: Line) -> Sentence:
        identity = f"c{next(self._next)}"
        found = line.candidate
        if found is None:
            return Sentence(id=identity, text=line.text, kind="editorial", opens_paragraph=line.opens)
        evidence = self._table.add(found.passage, found.start, found.end)
        return Sentence(
            id=identity,
            text=line.text,
            kind="quote" if evidence.quote in line.text else "claim",
            evidence=(evidence.id,),
            opens_paragraph=line.opens,
        )
