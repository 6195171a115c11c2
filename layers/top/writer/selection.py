"""Which sentences to quote: relevance to a question, no repetition within the article, company for dependents.

Maximal marginal relevance (Carbonell and Goldstein 1998) over runs: a run is a sentence with the antecedents
that it leans on, so that a pronoun never appears without what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from layers.text.words import stems
from layers.top.writer.candidates import Candidate, CandidatePool, Vector, similarity

NEAR_DUPLICATE: Final = 0.62
_OPPOSED: Final = 0.5
_SAME_FIGURE: Final = 0.35
_RELEVANCE_WEIGHT: Final = 0.75
_TOO_LONG: Final = 0.008
_NEIGHBOUR: Final = 0.10
_ABOUT: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What a tone likes: sentences up to ``comfortable`` words, and how much a figure adds to relevance.

    ``brevity`` is what each word beyond the comfortable ones takes off, ``plain`` what a sentence of long words would.
    """

    comfortable: int = 28
    figures: float = 0.04
    definitions: float = 0.04
    brevity: float = 0.0
    plain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a part has to answer: its vector, and the places of its passages, best first (0 is best).

    ``headings`` are headings of the sources that ask the same: what stands under them belongs here.
    """

    vector: Vector
    ranks: Mapping[str, int]
    floor: float
    headings: frozenset[str] = frozenset()
    taste: Taste = field(default_factory=Taste)


@dataclass(slots=True)
class Ledger:
    """What the article has said so far. A sentence is used once, and nothing is said twice in other words.

    ``opposed`` are pairs of a sentence that was said and one of another source that differs by a "not".
    """

    pool: CandidatePool
    chosen: list[Candidate] = field(default_factory=list)
    opposed: list[tuple[Candidate, Candidate]] = field(default_factory=list)
    _places: set[int] = field(default_factory=set)
    _compared: dict[int, tuple[int, float]] = field(default_factory=dict)

    def take(self, run: Iterable[Candidate]) -> None:
        """Mark sentences as used."""
        for candidate in run:
            self.chosen.append(candidate)
            self._places.add(candidate.place)

    def branch(self) -> Ledger:
        """A copy to try something out."""
        return Ledger(
            self.pool, list(self.chosen), list(self.opposed), set(self._places), dict(self._compared)
        )

    def uses(self, candidate: Candidate) -> bool:
        """Whether this very sentence stands in the article."""
        return candidate.place in self._places

    def closeness(self, candidate: Candidate) -> float:
        """The highest similarity to anything said so far; 1 where a figure would be told again."""
        compared, highest = self._compared.get(candidate.place, (0, 0.0))
        for said in self.chosen[compared:]:
            alike = similarity(candidate.vector, said.vector)
            if alike >= _OPPOSED and _differ(said, candidate):
                self.opposed.append((said, candidate))
            if alike > _SAME_FIGURE and _telling_figures(candidate) & _telling_figures(said):
                alike = 1.0
            highest = max(highest, alike)
        self._compared[candidate.place] = (len(self.chosen), highest)
        return highest

    def refuses(self, candidate: Candidate) -> bool:
        """Whether it would repeat a sentence or a fact."""
        return self.uses(candidate) or self.closeness(candidate) > NEAR_DUPLICATE


def opposes(one: Candidate, other: Candidate) -> bool:
    """Whether two sources say nearly the same, one of them with a "not"."""
    return _differ(one, other) and similarity(one.vector, other.vector) >= _OPPOSED


def _differ(one: Candidate, other: Candidate) -> bool:
    return one.source != other.source and one.denies != other.denies


def ask(
    pool: CandidatePool, *texts: str, passages: Sequence[str] = (), floor: float, taste: Taste
) -> Question:
    """The question that these texts put, with the passages that are known to answer it."""
    bag = [stem for text in texts for stem in stems(text)]
    ranks = {passage: rank for rank, passage in reversed(list(enumerate(passages)))}
    return Question(
        vector=pool.vector(bag), ranks=ranks, floor=floor, headings=pool.headings_like(texts), taste=taste
    )


def relevance(pool: CandidatePool, question: Question, candidate: Candidate) -> float:
    """How well a sentence answers, about 0..1.2, with the reader's taste counted in."""
    score = 0.45 * similarity(question.vector, candidate.vector)
    score += 0.45 * pool.coverage(question.vector, candidate.vector)
    rank = question.ranks.get(candidate.passage.id)
    if rank is not None:
        score += 0.12 * (1 - rank / (len(question.ranks) + 1))
    if candidate.passage.heading in question.headings:
        score += 0.15
    score += question.taste.figures * bool(_telling_figures(candidate))
    score += question.taste.definitions * defines(question, candidate) + 0.03 * candidate.lead
    score -= _TOO_LONG * max(0, candidate.words - question.taste.comfortable)
    return score - 0.1 * candidate.aside - 0.08 * candidate.procedure - 0.03 * (candidate.words < 9)


def style(taste: Taste, candidate: Candidate) -> float:
    """What a tone holds against a sentence. It tells between sentences that answer, never whether one does."""
    long = max(0, candidate.words - taste.comfortable)
    return taste.brevity * long + taste.plain * candidate.long_words


def defines(question: Question, candidate: Candidate) -> bool:
    """Whether the sentence defines what the question is about, not something beside it."""
    return similarity(question.vector, candidate.defined) >= _ABOUT


def run_of(
    pool: CandidatePool, candidate: Candidate, here: Iterable[Candidate], ledger: Ledger
) -> list[Candidate]:
    """The sentence with the antecedents it needs, in order; empty where it cannot be made to stand.

    ``here`` are the sentences already chosen for the same part: an antecedent among them need not be repeated.
    """
    placed = {chosen.place for chosen in here}
    missing = [found for found in pool.company(candidate) if found.place not in placed]
    return [] if any(map(ledger.refuses, missing)) else [*missing, candidate]


def select(
    pool: CandidatePool, question: Question, candidates: Sequence[Candidate], ledger: Ledger, words: int
) -> list[Candidate]:
    """Up to about ``words`` words of sentences for one part, marked as used, in order of choice."""
    scored = [(relevance(pool, question, found), found) for found in candidates if not ledger.refuses(found)]
    open_ones = {found.place: (score, found) for score, found in scored if score >= question.floor}
    chosen: list[Candidate] = []
    while open_ones and (room := words - sum(found.words for found in chosen)) >= 8:
        best: tuple[float, int, list[Candidate]] | None = None
        for score, found in open_ones.values():
            if found.words > room + 12 or ledger.refuses(found):
                continue
            value = _RELEVANCE_WEIGHT * (score - style(question.taste, found)) - (
                1 - _RELEVANCE_WEIGHT
            ) * ledger.closeness(found)
            value += _NEIGHBOUR * _beside(pool, found, chosen)
            if best is not None and (value, -found.place) <= (best[0], best[1]):
                continue
            run = run_of(pool, found, chosen, ledger)
            if run and sum(part.words for part in run) <= room + 12:
                best = (value, -found.place, run)
        if best is None:
            break
        chosen += best[2]
        ledger.take(best[2])
        for part in best[2]:
            open_ones.pop(part.place, None)
    return chosen


def _beside(pool: CandidatePool, candidate: Candidate, chosen: Sequence[Candidate]) -> bool:
    """Whether a sentence chosen already stands next to it in its source."""
    return any(pool.before(candidate) is found or pool.before(found) is candidate for found in chosen)


def _telling_figures(candidate: Candidate) -> frozenset[str]:
    """Figures that tell something: no years, no small counts."""
    return frozenset(
        figure
        for figure in candidate.figures
        if len(figure) > 1 and not (figure.isdigit() and len(figure) == 4)
    )
