"""The guard over figures: altered figures that it catches, and its false alarms on claims that people found supported.

Every number of a claim is raised, by one and by three, on claims that raise no alarm as they are. Reference marks and
list labels are taken off first: ``with-marks`` shows the easier figure of before, where only the first number was
raised and three of four such numbers were marks ("[2]"). Sets: AttributionBench in two halves, and the supported claims
of SciFact, training part and development part; rules were written with the tuning sets in view alone. Not all alarms are
false: people call a claim supported that has a figure which the evidence does not have.

python -m benchmarks.content.numbers_guard [path of the data folder]
"""

from __future__ import annotations

import re

from benchmarks.content import attribution, scifact
from benchmarks.report import report
from layers.text.numbers import figures
from layers.top.verification.support import EvidenceText, support_score

_NUMBER = re.compile(r"(?<![\w.-])\d+")
_MARK = re.compile(r"\s?\[\d+\]")
_LIST_LABEL = re.compile(r"^\W*\d{1,2}[.)]\s+(?=\D)")
_STEPS = (1, 3)

Pair = tuple[str, str]
"""A claim and its evidence."""


def main() -> None:
    cases = attribution.load()
    if cases:
        for name, half in (("held-out", attribution.held_out(cases)), ("tuning", attribution.tuning(cases))):
            show(f"numbers_guard.{name}", [(_bare(claim), text) for claim, text in attributable(half)])
            with_marks(f"numbers_guard.{name}.with-marks", attributable(half))
    for name, part in (("held-out", "validation"), ("tuning", "train")):
        if data := scifact.load(part):
            show(f"numbers_guard.scifact.{name}", supported(*data))


def attributable(cases: list[attribution.Case]) -> list[Pair]:
    """The claims that people found attributable."""
    return [(case.claim, case.evidence) for case in cases if case.attributable]


def supported(corpus: list[scifact.Row], claims: list[scifact.Row]) -> list[Pair]:
    """Each claim with each abstract in which people found support for it."""
    texts = {row["doc_id"]: f"{row['title']}. {' '.join(scifact.sentences_of(row))}" for row in corpus}
    pairs = {
        (row["claim"], texts[row["evidence_doc_id"]]) for row in claims if row["evidence_label"] == "SUPPORT"
    }
    return sorted(pairs)


def show(case: str, pairs: list[Pair]) -> None:
    """Every figure of every claim, raised by one and by three."""
    told = [(claim, EvidenceText(text)) for claim, text in pairs if figures(claim)]
    silent = [(claim, evidence) for claim, evidence in told if not evidence.figures.lacking(claim)]
    wrong = [(changed, evidence) for claim, evidence in silent for changed in every_alteration(claim)]
    caught = sum(bool(evidence.figures.lacking(changed)) for changed, evidence in wrong)
    report(f"{case}.caught", caught / len(wrong), "ratio", floor=0.924, goal=0.95, alterations=len(wrong))
    report(
        f"{case}.false-alarms", 1 - len(silent) / len(told), "ratio", floor=0.058, goal=0.06, claims=len(told)
    )


def every_alteration(claim: str) -> list[str]:
    """The claim with one number raised, for every number and step; what reads as the same figures is left out."""
    changed = [
        f"{claim[: found.start()]}{int(found[0]) + step}{claim[found.end() :]}"
        for found in _NUMBER.finditer(claim)
        for step in _STEPS
    ]
    return [other for other in changed if figures(other) != figures(claim)]


def with_marks(case: str, pairs: list[Pair]) -> None:
    """The first number, reference marks included, raised by three."""
    caught = changed = alarms = claims = 0
    for claim, text in pairs:
        wrong = altered(claim)
        if wrong is None:
            continue
        claims += 1
        evidence = EvidenceText(text)
        if support_score(claim, evidence).missing_figures:
            alarms += 1
        else:
            changed += 1
            caught += bool(support_score(wrong, evidence).missing_figures)
    report(f"{case}.caught", caught / changed, "ratio", claims=claims)
    report(f"{case}.false-alarms", alarms / claims, "ratio", claims=claims)


def _bare(claim: str) -> str:
    return _LIST_LABEL.sub("", _MARK.sub("", claim))


def altered(claim: str) -> str | None:
    """The claim with its first number changed, or None where it has none."""
    found = _NUMBER.search(claim)
    return claim[: found.start()] + str(int(found[0]) + 3) + claim[found.end() :] if found else None


if __name__ == "__main__":
    main()
