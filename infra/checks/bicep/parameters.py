"""Whether what a template is given fits what it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.checks.bicep.evaluator import Evaluator, Place
from infra.checks.bicep.syntax import Declaration, Literal, Template, Text
from infra.checks.bicep.values import type_problem
from infra.checks.findings import Problem, TemplateError


def argument_problems(template: Template, given: Mapping[str, Any]) -> list[Problem]:
    """Values of the wrong type, or outside ``@allowed``, ``@minValue``, ``@maxLength`` and the like."""
    found = []
    for declared in template.of("param"):
        if declared.name in given:
            for message in _misfits(template, declared, given[declared.name]):
                where = f"{template.path}:{declared.line}"
                found.append(Problem(where=where, message=f"parameter {declared.name}: {message}"))
    return found


def output_problems(place: Place, template: Template) -> list[Problem]:
    """Outputs whose value is not of their declared type."""
    found = []
    for declared in template.of("output"):
        try:
            value = Evaluator(place=place)(declared.value) if declared.value else None
        except TemplateError as error:
            found.append(error.problem)
            continue
        message = type_problem(value, declared.type) if declared.type else None
        if message:
            where = f"{template.path}:{declared.line}"
            found.append(Problem(where=where, message=f"output {declared.name}: {message}"))
    return found


def _misfits(template: Template, declared: Declaration, value: Any) -> Iterator[str]:
    message = type_problem(value, declared.type) if declared.type else None
    if message:
        yield message
        return
    size = value if isinstance(value, int) else len(value)
    for decorator in declared.decorators:
        limit = decorator.arguments[0] if decorator.arguments else None
        match decorator.name, limit:
            case "allowed", limit if limit is not None:
                if value not in _allowed(template, declared):
                    yield f"{value!r} is not allowed"
            case (("minValue" | "minLength"), Literal(value=int() as least)) if size < least:
                yield f"{value!r} is below {least}"
            case (("maxValue" | "maxLength"), Literal(value=int() as most)) if size > most:
                yield f"{value!r} is above {most}"


def _allowed(template: Template, declared: Declaration) -> list[Any]:
    decorator = declared.decorator("allowed")
    found = []
    for item in decorator.arguments[0].children() if decorator else ():
        if isinstance(item, Text | Literal):
            found.append(item.plain if isinstance(item, Text) else item.value)
        else:
            raise TemplateError(f"{template.path}:{item.line}", "@allowed lists plain values")
    return found
