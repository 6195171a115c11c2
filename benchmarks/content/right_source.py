"""Does the fit of a claim tell its own source from another one: AUC against random and against hard distractors.

Random: the evidence of another claim (held-out half of AttributionBench). Hard: on SciFact the sentence that people
marked as evidence against the best sentence of the abstract that BM25 ranks highest among those not cited.

python -m benchmarks.content.right_source [path of the data folder]
"""

from __future__ import annotations

from benchmarks.content import attribution, scifact
from benchmarks.content.common import auc
from benchmarks.report import report
from layers.text.bm25 import Bm25
from layers.text.words import stems
from layers.top.support import EvidenceText, support_score


def main() -> None:
    if cases := attribution.held_out(attribution.load()):
        report("right_source.random.auc", random_distractors(cases), "ratio", floor=0.99, goal=0.99)
    data = scifact.load()
    if data is not None:
        report("right_source.hard.auc", hard_distractors(*data), "ratio", floor=0.726, goal=0.75)


def random_distractors(cases: list[attribution.Case]) -> float:
    """Own evidence against that of the claim half a set away."""
    weight = Bm25([stems(case.evidence) for case in cases]).idf
    prepared = [EvidenceText(case.evidence) for case in cases]
    own, other = [], []
    for place, case in enumerate(cases):
        if case.attributable:
            far = prepared[(place + len(cases) // 2) % len(cases)]
            own.append(support_score(case.claim, prepared[place], weight).fit)
            other.append(support_score(case.claim, far, weight).fit)
    return auc(own, other)


def hard_distractors(corpus: list[scifact.Row], claims: list[scifact.Row]) -> float:
    """The marked sentences of a claim's abstract against the best sentence of the wrong abstract nearest to it."""
    abstracts = {row["doc_id"]: scifact.sentences_of(row) for row in corpus}
    ids = list(abstracts)
    ranking = Bm25([stems(" ".join(abstracts[name])) for name in ids])
    marked = scifact.marked_sentences(claims)
    cited: dict[str, set[str]] = {}
    for claim, document in marked:
        cited.setdefault(claim, set()).add(document)
    own, other = [], []
    for (claim, document), places in marked.items():
        nearest = next(
            ids[place] for place, _ in ranking.top(stems(claim), 10) if ids[place] not in cited[claim]
        )
        own.append(max(fit(claim, abstracts[document][place], ranking) for place in sorted(places)))
        other.append(max(fit(claim, sentence, ranking) for sentence in abstracts[nearest]))
    return auc(own, other)


def fit(claim: str, sentence: str, ranking: Bm25) -> float:
    return support_score(claim, EvidenceText(sentence), ranking.idf).fit


if __name__ == "__main__":
    main()
