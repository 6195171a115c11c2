"""Does the fit of a claim tell its own source from another one: AUC against random and against hard distractors.

Random: the evidence of another claim (held-out half of AttributionBench). Hard: on SciFact an abstract in which people
marked evidence against the abstract that BM25 ranks highest among those that the claim does not cite. The weights of the
fit were chosen on SciFact's training claims; its development claims are held out.

python -m benchmarks.content.right_source [path of the data folder]
"""

from __future__ import annotations

from benchmarks.content import attribution, scifact
from benchmarks.content.common import auc
from benchmarks.report import report
from layers.text.bm25 import Bm25
from layers.text.words import stems
from layers.top.verification.support import EvidenceText, rarity, support_score


def main() -> None:
    if cases := attribution.held_out(attribution.load()):
        report("right_source.random.auc", random_distractors(cases), "ratio", floor=0.99, goal=0.99)
    for part, name in (("validation", "held-out"), ("train", "tuning")):
        data = scifact.load(part)
        if data is not None:
            report(f"right_source.hard.{name}.auc", hard_distractors(*data), "ratio", floor=0.726, goal=0.75)


def random_distractors(cases: list[attribution.Case]) -> float:
    """Own evidence against that of the claim half a set away."""
    weight = rarity(Bm25([stems(case.evidence) for case in cases]).idf)
    prepared = [EvidenceText(case.evidence) for case in cases]
    own, other = [], []
    for place, case in enumerate(cases):
        if case.attributable:
            far = prepared[(place + len(cases) // 2) % len(cases)]
            own.append(support_score(case.claim, prepared[place], weight).fit)
            other.append(support_score(case.claim, far, weight).fit)
    return auc(own, other)


def hard_distractors(corpus: list[scifact.Row], claims: list[scifact.Row]) -> float:
    """The abstracts with marked sentences against the wrong abstract that BM25 ranks highest for the same claim."""
    texts = {row["doc_id"]: (" ".join(scifact.sentences_of(row)), row["title"]) for row in corpus}
    ids = list(texts)
    ranking = Bm25([stems(title) + stems(text) for text, title in texts.values()])
    cited: dict[str, set[str]] = {}
    for claim, document in scifact.marked_sentences(claims):
        cited.setdefault(claim, set()).add(document)
    own, other = [], []
    for claim, documents in cited.items():
        nearest = next(
            ids[place] for place, _ in ranking.top(stems(claim), 10) if ids[place] not in documents
        )
        own += [fit(claim, texts[document], ranking) for document in sorted(documents)]
        other += [fit(claim, texts[nearest], ranking)] * len(documents)
    return auc(own, other)


def fit(claim: str, abstract: tuple[str, str], ranking: Bm25) -> float:
    return support_score(claim, EvidenceText(*abstract), rarity(ranking.idf)).fit


if __name__ == "__main__":
    main()
