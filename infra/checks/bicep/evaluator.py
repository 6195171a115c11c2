"""Expressions to values, in a place that knows what names mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from infra.checks.bicep.functions import FUNCTIONS, WrongArguments
from infra.checks.bicep.syntax import (
    Array,
    Binary,
    Call,
    Expression,
    Group,
    Index,
    Literal,
    Loop,
    Member,
    Name,
    Object,
    Ternary,
    Text,
    Unary,
)
from infra.checks.bicep.values import Module, Resource, filled
from infra.checks.findings import TemplateError

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": lambda a, b: a == b and isinstance(a, bool) == isinstance(b, bool),
    "!=": lambda a, b: a != b,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: int(a / b),
    "%": lambda a, b: a - b * int(a / b),
}


class Place(Protocol):
    """A template that is being deployed."""

    @property
    def path(self) -> str:
        """Path of the file."""
        ...

    def value_of(self, name: str, line: int) -> Any:
        """The value of a parameter or variable, or the resource or module of a name."""
        ...

    def call(self, function: str, arguments: list[Any], line: int) -> Any:
        """The value of a function that depends on the place."""
        ...

    def reads(self, resource_type: str) -> Mapping[str, str]:
        """What can be read of a deployed resource: path to a pattern of its value."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Evaluates in a place; ``local`` has the names of the loops around."""

    place: Place
    local: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, node: Expression) -> Any:
        """The value. Raises :class:`TemplateError` with the line of what has none."""
        evaluate = _EVALUATE.get(type(node))
        if evaluate is None:
            raise self.error(node, f"{type(node).__name__} has no value here")
        return evaluate(self, node)

    def error(self, node: Expression, message: str) -> TemplateError:
        """An error at an expression."""
        return TemplateError(f"{self.place.path}:{node.line}", message)

    def loop(self, node: Loop) -> list[tuple[Evaluator, Expression]]:
        """The body of a loop with an evaluator for each item."""
        source = self(node.source)
        if not isinstance(source, list):
            raise self.error(node, "a loop goes over an array")
        inner = []
        for position, item in enumerate(source):
            names = {**self.local, node.item: item, **({node.index: position} if node.index else {})}
            inner.append((Evaluator(place=self.place, local=names), node.body))
        return inner


def _literal(_: Evaluator, node: Literal) -> Any:
    return node.value


def _text(e: Evaluator, node: Text) -> str:
    if node.plain is not None:
        return node.plain
    return "".join(part if isinstance(part, str) else _inserted(e, part) for part in node.parts)


def _inserted(e: Evaluator, node: Expression) -> str:
    value = e(node)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise e.error(node, f"only strings and numbers are inserted into strings, not {value!r}")
    return str(value)


def _array(e: Evaluator, node: Array) -> list[Any]:
    return [e(item) for item in node.items]


def _object(e: Evaluator, node: Object) -> dict[str, Any]:
    return {_text(e, key): e(value) for key, value in node.entries}


def _name(e: Evaluator, node: Name) -> Any:
    return e.local[node.name] if node.name in e.local else e.place.value_of(node.name, node.line)


def _member(e: Evaluator, node: Member) -> Any:
    path: list[Member] = []
    target: Expression = node
    while isinstance(target, Member):
        path.insert(0, target)
        target = target.target
    value = e(target)
    if isinstance(value, Resource):
        return _read(e, node, value, ".".join(step.name for step in path))
    if isinstance(value, Module):
        return _output(e, node, value, [step.name for step in path])
    for step in path:
        if isinstance(value, Mapping) and step.name in value:
            value = value[step.name]
        elif step.safe:
            value = None
        else:
            raise e.error(step, f"there is no {step.name}")
    return value


def _read(e: Evaluator, node: Expression, resource: Resource, path: str) -> Any:
    known = {"id": resource.id, "name": resource.name.rpartition("/")[2], "type": resource.type}
    if path in known:
        return known[path]
    written = resource.get(*path.split("."))
    if written is not None:
        return written
    pattern = e.place.reads(resource.type).get(path)
    if pattern is None:
        raise e.error(node, f"{resource.type} has no {path} to read")
    return filled(pattern, resource, path)


def _output(e: Evaluator, node: Expression, module: Module, path: list[str]) -> Any:
    if path[0] != "outputs" or len(path) < 2:
        raise e.error(node, f"of a module only .outputs.<name> can be read, not {'.'.join(path)}")
    if module.outputs is None:
        raise e.error(node, f"module {module.symbol} is not deployed in this case, so it has no outputs")
    return module.outputs.output(path[1])


def _index(e: Evaluator, node: Index) -> Any:
    target, index = e(node.target), e(node.index)
    try:
        return target[index]
    except (KeyError, IndexError, TypeError) as error:
        raise e.error(node, f"there is no [{index!r}]") from error


def _call(e: Evaluator, node: Call) -> Any:
    arguments = [e(argument) for argument in node.arguments]
    try:
        if node.function in FUNCTIONS:
            return FUNCTIONS[node.function].apply(*arguments)
        return e.place.call(node.function, arguments, node.line)
    except (WrongArguments, TypeError, AttributeError) as error:
        raise e.error(node, f"{node.function}: {error}") from error


def _unary(e: Evaluator, node: Unary) -> Any:
    value = e(node.operand)
    if node.operator == "!" and isinstance(value, bool):
        return not value
    if node.operator == "-" and isinstance(value, int):
        return -value
    raise e.error(node, f"{node.operator} does not go with {value!r}")


def _binary(e: Evaluator, node: Binary) -> Any:
    left = e(node.left)
    if node.operator in ("&&", "||"):
        if not isinstance(left, bool):
            raise e.error(node, f"{node.operator} needs truth values, not {left!r}")
        return e(node.right) if left == (node.operator == "&&") else left
    if node.operator == "??":
        return e(node.right) if left is None else left
    try:
        return _OPERATORS[node.operator](left, e(node.right))
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise e.error(node, f"{node.operator} fails: {error}") from error


def _ternary(e: Evaluator, node: Ternary) -> Any:
    condition = e(node.condition)
    if not isinstance(condition, bool):
        raise e.error(node, f"a condition is true or false, not {condition!r}")
    return e(node.yes if condition else node.no)


def _group(e: Evaluator, node: Group) -> Any:
    return e(node.inner)


def _loop(e: Evaluator, node: Loop) -> list[Any]:
    return [inner(body) for inner, body in e.loop(node)]


_EVALUATE: Final[Mapping[type[Expression], Callable[[Evaluator, Any], Any]]] = {
    Literal: _literal,
    Text: _text,
    Array: _array,
    Object: _object,
    Name: _name,
    Member: _member,
    Index: _index,
    Call: _call,
    Unary: _unary,
    Binary: _binary,
    Ternary: _ternary,
    Group: _group,
    Loop: _loop,
}
