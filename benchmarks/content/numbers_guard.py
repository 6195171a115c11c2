"""The guard over figures: altered figures that it catches, and its false alarms on claims that people found attributable.

The first number of a claim, a reference mark ("[2]") included, is raised by three, on claims that raise no alarm as
they are. Since three of four first numbers are such marks, the same is shown for claims freed of them: there the
sample is small.

python -m benchmarks.content.numbers_guard [path of the data folder]
"""

from __future__ import annotations

import re
from dataclasses import replace

from benchmarks.content import attribution
from benchmarks.report import report
from layers.top.verification.support import EvidenceText, support_score

_NUMBER = re.compile(r"(?<![\w.-])\d+")
_MARK = re.compile(r"\s?\[\d+\]")


def main() -> None:
    cases = attribution.load()
    if not cases:
        return
    halves = {"held-out": attribution.held_out(cases), "tuning": attribution.tuning(cases)}
    for name, half in halves.items():
        caught, alarms, claims = guard(half)
        case = f"numbers_guard.{name}"
        report(f"{case}.caught", caught, "ratio", floor=0.924, goal=0.95, claims=claims)
        report(f"{case}.false-alarms", alarms, "ratio", floor=0.058, goal=0.06, claims=claims)
        bare = [replace(case, claim=_MARK.sub("", case.claim)) for case in half]
        caught, alarms, claims = guard(bare)
        report(f"{case}.without-marks.caught", caught, "ratio", claims=claims)
        report(f"{case}.without-marks.false-alarms", alarms, "ratio", claims=claims)


def guard(cases: list[attribution.Case]) -> tuple[float, float, int]:
    """Share of altered figures caught, share of attributable claims with a false alarm, claims with a number."""
    caught = changed = alarms = claims = 0
    for case in cases:
        wrong = altered(case.claim)
        if not case.attributable or wrong is None:
            continue
        claims += 1
        evidence = EvidenceText(case.evidence)
        if support_score(case.claim, evidence).missing_figures:
            alarms += 1
        else:
            changed += 1
            caught += bool(support_score(wrong, evidence).missing_figures)
    return caught / changed, alarms / claims, claims


def altered(claim: str) -> str | None:
    """The claim with its first number changed, or None where it has none."""
    found = _NUMBER.search(claim)
    return claim[: found.start()] + str(int(found[0]) + 3) + claim[found.end() :] if found else None


if __name__ == "__main__":
    main()
