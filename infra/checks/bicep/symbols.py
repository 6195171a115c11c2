"""Names: each is declared once, declared names are used, used names are declared, and everything says what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

from infra.checks.bicep.functions import takes
from infra.checks.bicep.syntax import (
    Array,
    Binary,
    Call,
    Declaration,
    Expression,
    Group,
    Index,
    Loop,
    Member,
    Name,
    Object,
    Template,
    Ternary,
    Text,
)
from infra.checks.findings import Problem


def name_problems(template: Template) -> Iterator[Problem]:
    """Names declared twice, used without being declared, and declared without being used."""
    declared = [d for d in template.declarations if d.kind != "output"]
    for name, count in Counter(d.name for d in declared).items():
        if count > 1:
            yield _at(template, declared[0].line, f"{name} is declared {count} times")
    known = {d.name for d in declared}
    used: set[str] = set()
    for declaration in template.declarations:
        for expression in _values(declaration):
            for node in _names(expression, frozenset()):
                used.add(node.name)
                if node.name not in known:
                    yield _at(template, node.line, f"nothing is called {node.name}")
    for declaration in declared:
        if declaration.kind in ("param", "var") and declaration.name not in used:
            yield _at(template, declaration.line, f"{declaration.kind} {declaration.name} is never used")


def call_problems(template: Template) -> Iterator[Problem]:
    """Unknown functions, and calls with too few or too many arguments."""
    for node in expressions(template):
        if isinstance(node, Call):
            fits = takes(node.function, len(node.arguments))
            if fits is None:
                yield _at(template, node.line, f"there is no function {node.function}, or not in the subset")
            elif not fits:
                yield _at(
                    template, node.line, f"{node.function} does not take {len(node.arguments)} arguments"
                )


def place_problems(template: Template) -> Iterator[Problem]:
    """Loops where Bicep takes none: inside calls, operators and arrays (its error BCP138)."""
    for node in expressions(template):
        if isinstance(node, Call | Binary | Ternary | Array | Member | Index | Group | Text):
            for child in node.children():
                if isinstance(child, Loop):
                    yield _at(template, child.line, "a loop may only be a whole value or a property")
    for declaration in template.of("var"):
        if isinstance(declaration.value, Object):
            for loop in _nested_loops(declaration.value):
                yield _at(
                    template, loop.line, "in a variable a loop is the whole value, or a property at the top"
                )


def _nested_loops(value: Object) -> Iterator[Loop]:
    for _, top in value.entries:
        inside = top.walk() if not isinstance(top, Loop) else top.body.walk()
        yield from (node for node in inside if isinstance(node, Loop))


def description_problems(template: Template) -> Iterator[Problem]:
    """Parameters and outputs without a description, and compared parameters without their allowed values."""
    for declaration in template.of("param", "output"):
        if not declaration.description:
            yield _at(
                template, declaration.line, f"{declaration.kind} {declaration.name} has no @description"
            )
    for node in expressions(template):
        if not (isinstance(node, Binary) and node.operator in ("==", "!=")):
            continue
        for name, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(name, Name) and isinstance(other, Text) and other.plain:
                found = template.find(name.name)
                if found and found.kind == "param" and _is_open_text(found):
                    yield _at(template, found.line, f"param {found.name} is compared, but has no @allowed")


def _is_open_text(declaration: Declaration) -> bool:
    kind = declaration.type.kind if declaration.type else ""
    return kind == "string" and not declaration.decorator("allowed")


@cache
def expressions(template: Template) -> tuple[Expression, ...]:
    """Every expression of a file."""
    values = (value for declaration in template.declarations for value in _values(declaration))
    return tuple(node for value in values for node in value.walk())


@cache
def symbol_problems(template: Template) -> tuple[Problem, ...]:
    """All of the above."""
    checks = (name_problems, call_problems, place_problems, description_problems)
    return tuple(problem for check in checks for problem in check(template))


def _values(declaration: Declaration) -> Iterator[Expression]:
    if declaration.value is not None:
        yield declaration.value
    for decorator in declaration.decorators:
        yield from decorator.arguments


def _names(node: Expression, local: frozenset[str]) -> Iterator[Name]:
    """Names that are not those of a loop around them."""
    if isinstance(node, Name):
        if node.name not in local:
            yield node
    elif isinstance(node, Loop):
        yield from _names(node.source, local)
        yield from _names(node.body, local | {node.item} | ({node.index} if node.index else set()))
    else:
        for child in node.children():
            yield from _names(child, local)


def _at(template: Template, line: int, message: str) -> Problem:
    return Problem(where=f"{template.path}:{line}", message=message)
