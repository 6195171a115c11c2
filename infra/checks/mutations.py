"""The self-test of the checks: defects that are laid over the files one at a time, and whether each is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from infra.checks.context import load
from infra.checks.findings import TemplateError
from infra.checks.properties import PROPERTIES
from infra.checks.sources import Sources

PATH: Final = "infra/checks/mutations.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What somebody does by accident. ``find`` None: the file goes away."""

    does: str
    file: str
    breaks: int
    find: str | None = None
    put: str = ""

    def over(self, sources: Sources) -> Sources:
        """The files with the defect. Raises :class:`TemplateError` where it cannot be made any more."""
        text = sources.text(self.file)
        if self.find is None:
            return Sources(root=sources.root, changed={self.file: None})
        count = text.count(self.find)
        if count != 1:
            raise TemplateError(
                PATH, f"{self.does!r}: its text stands {count} times in {self.file}, not once"
            )
        return Sources(root=sources.root, changed={self.file: text.replace(self.find, self.put)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A defect, and whether the property that it breaks noticed."""

    defect: Defect
    caught: bool


def defects(sources: Sources) -> list[Defect]:
    """The list."""
    return [Defect(**each) for each in sources.yaml(PATH)]


def run(sources: Sources) -> Iterator[Outcome]:
    """Make each defect and ask the property that it breaks. One that cannot be made any more counts as missed."""
    for defect in defects(sources):
        try:
            changed = defect.over(sources)
        except TemplateError:
            yield Outcome(defect=defect, caught=False)
            continue
        yield Outcome(defect=defect, caught=bool(PROPERTIES[defect.breaks].findings(load(changed))))
