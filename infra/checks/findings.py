"""What is wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong at a place: a file with a line, or a resource in a case."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem, with the property that it breaks and the cure."""

    number: int
    check: str
    where: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.number:>2} {self.check}: {self.where}: {self.message} -> {self.cure}"


class TemplateError(Exception):
    """A Bicep file cannot be read or evaluated; ``where`` is its place."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message

    @property
    def problem(self) -> Problem:
        """The same as a problem of a check."""
        return Problem(where=self.where, message=self.message)
