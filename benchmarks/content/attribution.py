"""The development set of AttributionBench: claims, their references, and whether people found them attributable.

Claims at even places tune, those at odd places are held out: figures are reported for the latter.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

from benchmarks.content.common import data_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One claim with its references as one text."""

    claim: str
    evidence: str
    attributable: bool


def load() -> list[Case]:
    """All claims in their order; none, and said so, where the data is absent."""
    path = data_file("attributionbench-dev.jsonl.gz")
    if path is None:
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Case(
            claim=row["claim"],
            evidence="\n\n".join(row["references"]),
            attributable=row["attribution_label"] == "attributable",
        )
        for row in rows
    ]


def tuning(cases: list[Case]) -> list[Case]:
    """The half that thresholds may be chosen on."""
    return cases[::2]


def held_out(cases: list[Case]) -> list[Case]:
    """The half that nothing was chosen on."""
    return cases[1::2]
