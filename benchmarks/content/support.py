"""The support score on the development part of AttributionBench, its held-out half.

``--tune`` (after the data folder) shows which thresholds the tuning half would choose.

python -m benchmarks.content.support [path of the data folder]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from benchmarks.content.attribution import Case, held_out, load, tuning
from benchmarks.content.common import auc
from benchmarks.report import report
from layers.text.bm25 import Bm25
from layers.text.words import stems
from layers.top.verification.support import EVEN_ODDS, EvidenceText, SupportScore, rarity, support_score


def scored(cases: Sequence[Case]) -> list[SupportScore]:
    """Each claim against its own evidence, stems weighted by their rarity in all evidence."""
    weight = rarity(Bm25([stems(case.evidence) for case in cases]).idf)
    return [support_score(case.claim, EvidenceText(case.evidence), weight) for case in cases]


def macro_f1(labels: Sequence[bool], found: Sequence[bool]) -> float:
    """Mean F1 of the two classes."""
    parts = []
    for side in (True, False):
        hits = sum(label == verdict == side for label, verdict in zip(labels, found, strict=True))
        parts.append(
            2
            * hits
            / max(1, sum(label == side for label in labels) + sum(verdict == side for verdict in found))
        )
    return sum(parts) / 2


def measure(cases: Sequence[Case]) -> None:
    """The figures of the gate over the held-out half."""
    scores = scored(cases)
    labels = [case.attributable for case in cases]
    verdicts = [score.score >= EVEN_ODDS for score in scores]
    supported = [label for label, score in zip(labels, scores, strict=True) if score.band == "supported"]
    good = [score.score for score, label in zip(scores, labels, strict=True) if label]
    bad = [score.score for score, label in zip(scores, labels, strict=True) if not label]
    precision, share = sum(supported) / max(1, len(supported)), len(supported) / len(cases)
    report("support.held-out.macro-f1", macro_f1(labels, verdicts), "ratio", floor=0.65, goal=0.68)
    report("support.held-out.auc", auc(good, bad), "ratio", floor=0.72, goal=0.75)
    report("support.held-out.supported-precision", precision, "ratio", floor=0.80, goal=0.85)
    report("support.held-out.supported-share", share, "ratio", floor=0.10, goal=0.25)


def tune(cases: Sequence[Case]) -> dict[str, float]:
    """The thresholds that the tuning half chooses: precision 0.85 of either verdict at the widest coverage."""
    scores = scored(cases)
    labels = [case.attributable for case in cases]
    steps = [step / 100 for step in range(5, 100)]
    upper = [
        t
        for t in steps
        if _precision(labels, [s.score >= t and not s.missing_figures for s in scores], True) >= 0.85
    ]
    lower = [t for t in steps if _precision(labels, [s.score < t for s in scores], False) >= 0.80]
    best = max(steps, key=lambda t: macro_f1(labels, [s.score >= t for s in scores]))
    return {
        "supported_from": min(upper, default=1.0),
        "unsupported_below": max(lower, default=0.0),
        "best_split": best,
    }


def _precision(labels: Sequence[bool], chosen: Sequence[bool], side: bool) -> float:
    found = [label for label, taken in zip(labels, chosen, strict=True) if taken]
    return sum(label == side for label in found) / len(found) if len(found) >= 20 else 0.0


def main(arguments: Sequence[str]) -> None:
    """Print the report, or what tuning chooses."""
    cases = load()
    if cases and "--tune" in arguments:
        print(json.dumps(tune(tuning(cases))))
    elif cases:
        measure(held_out(cases))


if __name__ == "__main__":
    main(sys.argv[1:])
