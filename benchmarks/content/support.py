"""Measure the support score on the development part of AttributionBench.

``python -m benchmarks.content.support DATA`` prints JSON lines with ``case``, ``value``, ``floor`` and ``goal``;
DATA is the folder with ``attributionbench-dev.jsonl.gz``. Even claims tune, odd ones are held out. ``--tune``
shows which thresholds the tuning half would choose.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layers.text.bm25 import Bm25
from layers.text.words import stems
from layers.top.support import EVEN_ODDS, EvidenceText, SupportScore, support_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One claim, its references as one text, and whether people found it attributable."""

    claim: str
    evidence: str
    attributable: bool


def load(folder: Path) -> list[Case]:
    """All claims of the development set, in its order."""
    with gzip.open(folder / "attributionbench-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Case(
            claim=row["claim"],
            evidence="\n\n".join(row["references"]),
            attributable=row["attribution_label"] == "attributable",
        )
        for row in rows
    ]


def scored(cases: Sequence[Case]) -> list[SupportScore]:
    """Each claim against its own evidence, stems weighted by their rarity in all evidence."""
    weight = Bm25([stems(case.evidence) for case in cases]).idf
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


def auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The chance that an attributable claim scores above one that is not; ties count half."""
    good = [score for score, label in zip(scores, labels, strict=True) if label]
    bad = [score for score, label in zip(scores, labels, strict=True) if not label]
    return sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))


def altered(claim: str) -> str | None:
    """The claim with its first figure changed, or None where it has none."""
    found = re.search(r"(?<![\w.-])\d+", claim)
    return claim[: found.start()] + str(int(found[0]) + 3) + claim[found.end() :] if found else None


def numbers_guard(cases: Sequence[Case]) -> tuple[float, float]:
    """Share of altered figures that are caught, and of attributable claims with a false alarm."""
    caught = changed = alarms = plain = 0
    for case in cases:
        wrong = altered(case.claim)
        if not case.attributable or wrong is None:
            continue
        evidence = EvidenceText(case.evidence)
        alarm = bool(support_score(case.claim, evidence).missing_figures)
        alarms, plain = alarms + alarm, plain + 1
        if not alarm:
            changed += 1
            caught += bool(support_score(wrong, evidence).missing_figures)
    return caught / changed, alarms / plain


def right_source(cases: Sequence[Case]) -> float:
    """AUC of a claim's own evidence against the evidence of another claim."""
    weight = Bm25([stems(case.evidence) for case in cases]).idf
    prepared = [EvidenceText(case.evidence) for case in cases]
    good = [(case, prepared[place]) for place, case in enumerate(cases) if case.attributable]
    wrong = [
        (case, prepared[(place + len(cases) // 2) % len(cases)])
        for place, case in enumerate(cases)
        if case.attributable
    ]
    scores = [support_score(case.claim, evidence, weight).fit for case, evidence in (*good, *wrong)]
    return auc([True] * len(good) + [False] * len(wrong), scores)


def report(cases: Sequence[Case]) -> list[dict[str, object]]:
    """The figures of the gate over the held-out half."""
    held = cases[1::2]
    scores = scored(held)
    labels = [case.attributable for case in held]
    supported = [label for label, score in zip(labels, scores, strict=True) if score.band == "supported"]
    caught, alarms = numbers_guard(held)
    return [
        _line(
            "support_macro_f1", macro_f1(labels, [score.score >= EVEN_ODDS for score in scores]), 0.65, 0.68
        ),
        _line("support_auc", auc(labels, [score.score for score in scores]), 0.72, 0.75),
        _line("supported_precision", sum(supported) / max(1, len(supported)), 0.80, 0.85),
        _line("supported_share", len(supported) / len(held), 0.10, 0.25),
        _line("right_source_auc", right_source(held), 0.99, 0.995),
        _line("altered_numbers_caught", caught, 0.92, 0.95),
        _line("numbers_false_alarms", alarms, 0.058, 0.06),
    ]


def _line(case: str, value: float, floor: float, goal: float) -> dict[str, object]:
    return {"case": case, "value": round(value, 4), "unit": "ratio", "floor": floor, "goal": goal}


def tune(cases: Sequence[Case]) -> dict[str, float]:
    """The thresholds that the tuning half chooses: precision 0.85 of either verdict at the widest coverage."""
    half = cases[::2]
    scores = scored(half)
    labels = [case.attributable for case in half]
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
    cases = load(Path(arguments[0]))
    if "--tune" in arguments:
        print(json.dumps(tune(cases)))
        return
    for line in report(cases):
        print(json.dumps(line))


if __name__ == "__main__":
    main(sys.argv[1:])
