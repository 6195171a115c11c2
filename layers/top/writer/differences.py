"""Where sources differ: sentences of two sources with nearly the same words, one of them with a "not".

Words cannot show a contradiction, but they can show the reader two sentences that should be read together; what a
language model or the figures found in the research brief is shown in the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from layers.contract import ContentWarning
from layers.top.artifacts import ResearchBrief
from layers.top.writer.candidates import Candidate, CandidatePool

DIFFERENCES = "differences"
"""Id of the section."""

HEADING = "Where the sources differ"
LEAD = "Read these together: the sources do not say the same."
_MOST_PAIRS = 3

Pair = tuple[Candidate, Candidate]


def differing(
    pool: CandidatePool, opposed: Iterable[Pair], research: ResearchBrief | None
) -> tuple[Pair, ...]:
    """Pairs that can both stand alone, those of the research brief first, each once."""
    found: dict[frozenset[int], Pair] = {}
    for one, other in (*_researched(pool, research), *opposed):
        if one.alone is not None and other.alone is not None:
            found.setdefault(frozenset((one.place, other.place)), (one, other))
    return tuple(found.values())[:_MOST_PAIRS]


def warnings_of(pairs: Iterable[Pair], research: ResearchBrief | None) -> tuple[ContentWarning, ...]:
    """One warning for each pair that the research brief does not report itself."""
    known = {frozenset(found.evidence) for found in research.disagreements} if research else set()
    return tuple(
        ContentWarning(
            severity="warning",
            code="sources_disagree",
            where=f"{one.source} and {other.source} say nearly the same, one of them with a 'not'",
            fix="Read both passages and decide which one applies; neither is preferred here.",
        )
        for one, other in pairs
        if frozenset((_evidence(one), _evidence(other))) not in known
    )


def _researched(pool: CandidatePool, research: ResearchBrief | None) -> Iterator[Pair]:
    by_id = {_evidence(found): found for found in pool.candidates}
    for found in research.disagreements if research else ():
        one, other = (by_id.get(name) for name in found.evidence)
        if one is not None and other is not None:
            yield one, other


def _evidence(candidate: Candidate) -> str:
    return f"E{candidate.source.removeprefix('S')}-{candidate.start}-{candidate.end}"
