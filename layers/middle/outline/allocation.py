"""Shares passages out among possible sections, so that every section is carried and none repeats another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layers.middle.outline.candidates import Candidate
from layers.middle.outline.material import Row

NEEDED_SENTENCES = 2
NEEDED_WORDS = 20
_TOO_LITTLE = (
    "its evidence carries other sections better",
    "only one evidence sentence of its own",
    f"fewer than {NEEDED_WORDS} words of evidence of its own",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A section that stands, with its passages, best first, and how many evidence sentences they hold."""

    candidate: Candidate
    passages: tuple[str, ...]
    sentences: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A candidate that did not become a section, and why."""

    candidate: Candidate
    reason: str


def share_out(
    candidates: Sequence[Candidate], rows: Sequence[Row], *, limit: int, words_needed: int
) -> tuple[list[Share], list[Refusal]]:
    """Give every passage to the candidate that it carries best; drop the weakest until ``limit`` stand.

    ``words_needed`` is how many words of evidence a section should have at hand. A candidate with fewer than two
    evidence sentences of its own is refused, its passages go to the others. Candidates of priority above 1 are
    the last to yield for room. Ties go to the earlier candidate, so the result depends on the order given alone.
    """
    by_id = {row.id: row for row in rows}
    standing = list(candidates)
    refused: list[Refusal] = []
    while True:
        shares = [_share(candidate, owned, by_id) for candidate, owned in _assign(standing)]
        weak = [share for share in shares if share.sentences < NEEDED_SENTENCES or share.words < NEEDED_WORDS]
        if weak:
            loser = min(weak, key=lambda share: (share.candidate.priority, share.sentences, share.words))
            reason = _TOO_LITTLE[min(loser.sentences, 2)]
        elif len(shares) > limit:
            loser = min(shares, key=lambda share: _strength(share, words_needed))
            reason = f"no room among {limit} sections at this length"
        else:
            return shares, refused
        refused.append(Refusal(candidate=loser.candidate, reason=reason))
        standing.remove(loser.candidate)


def _strength(share: Share, words_needed: int) -> float:
    """Saturating amount of evidence, times how good it is, times what the caller or template wants."""
    if not share.passages:
        return 0.0
    quality = sum(share.candidate.scores[row] for row in share.passages) / len(share.passages)
    return share.candidate.priority * min(1.0, share.words / words_needed) * quality


def _assign(candidates: Sequence[Candidate]) -> list[tuple[Candidate, list[str]]]:
    owned: dict[str, list[str]] = {candidate.key: [] for candidate in candidates}
    best: dict[str, tuple[float, str]] = {}
    for candidate in candidates:
        for row, score in candidate.scores.items():
            weighted = score * candidate.priority
            if row not in best or weighted > best[row][0]:
                best[row] = (weighted, candidate.key)
    for row, (_, key) in best.items():
        owned[key].append(row)
    return [(candidate, owned[candidate.key]) for candidate in candidates]


def _share(candidate: Candidate, owned: Sequence[str], rows: Mapping[str, Row]) -> Share:
    ordered = sorted(
        owned, key=lambda row: (-candidate.scores[row], rows[row].passage.source, rows[row].passage.start)
    )
    return Share(
        candidate=candidate,
        passages=tuple(ordered),
        sentences=sum(candidate.evidence[row] for row in ordered),
        words=sum(rows[row].words for row in ordered),
    )
