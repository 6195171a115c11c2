"""Query intent against a half of the manual ORCAS-I labels: accuracy and macro-F1, three and five labels.

python -m benchmarks.content.intent [path of the data folder]
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence

from benchmarks.content.common import data_file
from benchmarks.report import report
from layers.bottom.artifacts import Intent
from layers.bottom.intent import intent_of

THREE = {"Navigational": "navigational", "Transactional": "transactional"}
FIVE = {"factual": "Factual", "instrumental": "Instrumental", "other": "Abstain"}


def main() -> None:
    path = data_file("orcas-i-dev500.tsv")
    if path is None:
        return
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    measure("all", rows)
    for number, half in enumerate("ab"):
        measure(f"half-{half}", [row for row in rows if half_of(row["query"]) == number])


def half_of(query: str) -> int:
    """0 or 1, by the hash of the query. The rules were written with all rows in view: neither half was held out."""
    return hashlib.sha256(query.encode()).digest()[0] % 2


def measure(part: str, rows: Sequence[dict[str, str]]) -> None:
    """The figures over some of the queries."""
    labels = [row["label_manual"] for row in rows]
    found = [intent_of(row["query"]) for row in rows]
    three = [
        (THREE.get(label, "informational"), three_of(intent))
        for label, intent in zip(labels, found, strict=True)
    ]
    five = [(label, five_of(intent)) for label, intent in zip(labels, found, strict=True)]
    case, count = f"intent.orcas-i.not-held-out.{part}", len(rows)
    report(f"{case}.3-label.accuracy", accuracy(three), "ratio", floor=0.828, goal=0.85, queries=count)
    report(f"{case}.3-label.macro-f1", macro_f1(three), "ratio", floor=0.63, goal=0.70, queries=count)
    report(f"{case}.5-label.macro-f1", macro_f1(five), "ratio", floor=0.518, goal=0.62, queries=count)


def three_of(intent: Intent) -> str:
    """Those who compare before they buy still look for information."""
    return "informational" if intent.primary == "commercial" else intent.primary


def five_of(intent: Intent) -> str:
    kind = three_of(intent)
    return FIVE[intent.sub] if kind == "informational" else kind.capitalize()


def accuracy(pairs: Sequence[tuple[str, str]]) -> float:
    return sum(gold == guess for gold, guess in pairs) / len(pairs)


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    scores = []
    for label in sorted({gold for gold, _ in pairs}):
        hits = sum(gold == guess == label for gold, guess in pairs)
        either = sum(gold == label for gold, _ in pairs) + sum(guess == label for _, guess in pairs)
        scores.append(2 * hits / either if either else 0.0)
    return sum(scores) / len(scores)


if __name__ == "__main__":
    main()
