"""Retrieval on SciFact: nDCG@10 and milliseconds of CPU per query over all abstracts, and evidence sentences (hit@3).

Weights of the ranking were chosen on the training claims; the development claims are held out.

python -m benchmarks.content.retrieval [path of the data folder]
"""

from __future__ import annotations

import math
import re
import time

from benchmarks.content.scifact import load, marked_sentences, sentences_of
from benchmarks.report import report
from layers.bottom.passage_search import score_sentences
from layers.text.bm25 import Bm25
from layers.text.proximity import ProximityRanking
from layers.text.words import stems


def main() -> None:
    data, chosen_on = load(), load("train")
    if data is None or chosen_on is None:
        return
    index = ProximityRanking(
        [(stems(row["title"]), [stems(text) for text in sentences_of(row)]) for row in data[0]]
    )
    ids = [row["doc_id"] for row in data[0]]
    rank_abstracts("tuning", index, ids, chosen_on[1])
    rank_abstracts("held-out", index, ids, data[1])
    rank_sentences(*data)


def rank_abstracts(part: str, index: ProximityRanking, ids: list[str], claims: list[dict[str, str]]) -> None:
    """All claims of a part; relevant are the abstracts that it cites. Weighed as passages are."""
    cited = {row["claim"]: set(re.findall(r"\d+", row["cited_doc_ids"])) for row in claims}
    started = time.process_time()
    found = {claim: [ids[position] for position, _ in index.top(stems(claim), 10)] for claim in cited}
    spent = time.process_time() - started
    gains = [ndcg(found[claim], relevant) for claim, relevant in cited.items()]
    report(f"retrieval.scifact.{part}.ndcg@10", sum(gains) / len(gains), "ratio", floor=0.69, goal=0.70)
    report(f"retrieval.scifact.{part}.query", 1000 * spent / len(cited), "ms", goal=5)


def rank_sentences(corpus: list[dict[str, str]], claims: list[dict[str, str]]) -> None:
    """Is a sentence that annotators marked as evidence among the three best of its abstract."""
    abstracts = {row["doc_id"]: sentences_of(row) for row in corpus}
    weights = Bm25([stems(" ".join(sentences)) for sentences in abstracts.values()])
    evidence = marked_sentences(claims)
    hits = 0
    for (claim, doc), marked in evidence.items():
        wanted = {stem: weights.idf(stem) for stem in stems(claim)}
        scores = score_sentences(wanted, [abstracts[doc]])
        best = sorted(range(len(scores)), key=lambda position: -scores[position])[:3]
        hits += bool(marked & set(best))
    report("evidence.scifact.hit@3", hits / len(evidence), "ratio", floor=0.866, goal=0.87)


def ndcg(ranked: list[str], relevant: set[str]) -> float:
    gain = sum(1 / math.log2(rank + 2) for rank, doc in enumerate(ranked) if doc in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))


if __name__ == "__main__":
    main()
