"""In which order chosen sentences read as a text, and where its paragraphs break.

The definition comes first, sentences of one source stay together in their own order, figures come after what
they quantify, and a sentence that leans on another stays right behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from layers.top.writer.candidates import Candidate, CandidatePool
from layers.top.writer.figures import salient_figure

_FULL_PARAGRAPH: Final = 55


def reading_order(chosen: Sequence[Candidate]) -> list[Candidate]:
    """``chosen`` (in order of choice) as they are to be read."""
    by_source: dict[str, list[Candidate]] = {}
    for candidate in chosen:
        by_source.setdefault(candidate.source, []).append(candidate)
    groups = sorted(by_source.values(), key=lambda group: _group_rank(group, chosen))
    return [candidate for group in groups for candidate in sorted(group, key=lambda found: found.place)]


def _group_rank(group: Sequence[Candidate], chosen: Sequence[Candidate]) -> tuple[bool, bool, int]:
    first = min(group, key=lambda found: found.place)
    only_figures = all(salient_figure(found.text) for found in group)
    return not first.defined, only_figures, chosen.index(group[0])


def follows(pool: CandidatePool, previous: Candidate | None, candidate: Candidate) -> bool:
    """Whether ``candidate`` stands right behind the sentence that it follows in its source."""
    return previous is not None and pool.before(candidate) is previous


def paragraph_breaks(pool: CandidatePool, ordered: Sequence[Candidate]) -> list[bool]:
    """For each sentence, whether it opens a paragraph."""
    breaks: list[bool] = []
    words = sentences = 0
    previous: Candidate | None = None
    for candidate in ordered:
        bound = follows(pool, previous, candidate)
        new_source = previous is not None and previous.source != candidate.source
        opens = previous is None or (
            not bound and (words >= _FULL_PARAGRAPH or (new_source and sentences >= 2))
        ) or (words + candidate.words > 2 * _FULL_PARAGRAPH and candidate.alone is not None)  # fmt: skip
        breaks.append(opens)
        words, sentences = (candidate.words, 1) if opens else (words + candidate.words, sentences + 1)
        previous = candidate
    return breaks
