"""Runs all properties and says what came out."""

from __future__ import annotations

from collections.abc import Iterable

from infra.checks.cases import CASES
from infra.checks.context import load
from infra.checks.findings import Finding
from infra.checks.properties import PROPERTIES
from infra.checks.sources import Sources


def findings(sources: Sources) -> list[Finding]:
    """Everything that is wrong, property by property."""
    context = load(sources)
    return [found for number in sorted(PROPERTIES) for found in PROPERTIES[number].findings(context)]


def report(found: Iterable[Finding]) -> str:
    """One line a property, its problems below, and what they mean together."""
    lines, broken = [], 0
    by_number: dict[int, list[Finding]] = {}
    for each in found:
        by_number.setdefault(each.number, []).append(each)
    for number in sorted(PROPERTIES):
        problems = by_number.get(number, [])
        broken += bool(problems)
        lines.append(f"{'FAILED' if problems else 'ok':<7}{number:>2} {PROPERTIES[number].title}")
        lines += [f"          {line}" for line in _together(problems)]
        if problems:
            lines.append(f"          cure: {PROPERTIES[number].cure}")
    lines.append(f"{len(PROPERTIES) - broken} of {len(PROPERTIES)} properties hold.")
    return "\n".join(lines)


def _together(problems: list[Finding]) -> list[str]:
    """A line a problem; what is the same in several cases is said once."""
    cases: dict[str, list[str]] = {}
    for each in problems:
        case, found, rest = each.where.partition(": ")
        known = found and case in CASES
        cases.setdefault(f"{rest if known else each.where}: {each.message}", []).extend(
            [case] if known else []
        )
    return [f"{', '.join(names)}: {line}" if names else line for line, names in cases.items()]
