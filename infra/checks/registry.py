"""The list of properties: each is a function with a number, a title and a cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from infra.checks.context import Context
from infra.checks.findings import Finding, Problem, TemplateError

Check = Callable[[Context], Iterator[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One thing that must hold."""

    number: int
    name: str
    title: str
    cure: str
    check: Check

    def findings(self, context: Context) -> list[Finding]:
        """What breaks it. A file that it needs and that cannot be read breaks it too."""
        try:
            problems = list(self.check(context))
        except TemplateError as error:
            problems = [error.problem]
        return [
            Finding(number=self.number, check=self.name, where=p.where, message=p.message, cure=self.cure)
            for p in dict.fromkeys(problems)
        ]


PROPERTIES: Final[dict[int, Property]] = {}
"""By number; filled by the modules of :mod:`infra.checks.properties`."""


def property_(number: int, title: str, *, cure: str) -> Callable[[Check], Check]:
    """Enter a function in the list, under its own name."""

    def enter(check: Check) -> Check:
        if number in PROPERTIES:
            raise ValueError(f"property {number} is there twice: {PROPERTIES[number].name}, {check.__name__}")
        PROPERTIES[number] = Property(number=number, name=check.__name__, title=title, cure=cure, check=check)
        return check

    return enter
