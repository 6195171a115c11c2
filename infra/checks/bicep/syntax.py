"""The syntax tree of a Bicep file, as far as the subset goes. ``line`` counts from 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Anything that has a value."""

    line: int

    def children(self) -> Iterator[Expression]:
        """The expressions directly inside."""
        for each in fields(self):
            yield from _expressions(getattr(self, each.name))

    def walk(self) -> Iterator[Expression]:
        """This expression and all inside it."""
        yield self
        for child in self.children():
            yield from child.walk()


def _expressions(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Expression):
    """A number, a truth value or null."""

    value: int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Expression):
    """A string; its parts are texts and expressions. ``plain`` is the text where nothing is inserted into it."""

    parts: tuple[str | Expression, ...]
    plain: str | None = field(init=False)

    def __post_init__(self) -> None:
        """Join the parts once."""
        texts = [part for part in self.parts if isinstance(part, str)]
        object.__setattr__(self, "plain", "".join(texts) if len(texts) == len(self.parts) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Array(Expression):
    """``[a, b]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Expression):
    """``{ key: value }``; keys are strings, which may have expressions in them."""

    entries: tuple[tuple[Text, Expression], ...]

    def get(self, key: str) -> Expression | None:
        """The value of a plain key."""
        return next((value for name, value in self.entries if name.plain == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Expression):
    """A name of a parameter, variable, resource, module or loop item."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Expression):
    """``target.name``; ``safe`` for ``.?``."""

    target: Expression
    name: str
    safe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Expression):
    """``target[index]``."""

    target: Expression
    index: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Expression):
    """``function(arguments)``."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Expression):
    """``!a`` or ``-a``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Expression):
    """``a operator b``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Ternary(Expression):
    """``condition ? a : b``."""

    condition: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Expression):
    """``(inner)``."""

    inner: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop(Expression):
    """``[for (item, index) in source: body]``."""

    item: str
    index: str | None
    source: Expression
    body: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class When(Expression):
    """``if (condition) body``, of a resource or module."""

    condition: Expression
    body: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName:
    """``string``, ``int``, ``bool``, ``object``, ``array``, an array, an object or a union of literals."""

    kind: str
    item: TypeName | None = None
    members: tuple[tuple[str, TypeName], ...] = ()
    literals: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "array of":
            return f"{self.item}[]"
        return " | ".join(map(repr, self.literals)) if self.kind == "union" else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorator:
    """``@name(arguments)``."""

    name: str
    arguments: tuple[Expression, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """``param``, ``var``, ``output``, ``resource`` or ``module``.

    ``type`` is set for params and outputs; ``target`` is the type and version of a resource, the path of a module.
    """

    kind: str
    name: str
    line: int
    value: Expression | None = None
    type: TypeName | None = None
    target: str = ""
    existing: bool = False
    decorators: tuple[Decorator, ...] = ()

    def decorator(self, name: str) -> Decorator | None:
        """The decorator of that name."""
        return next((d for d in self.decorators if d.name == name), None)

    @property
    def description(self) -> str | None:
        """What ``@description`` says."""
        found = self.decorator("description")
        text = found.arguments[0] if found and found.arguments else None
        return text.plain if isinstance(text, Text) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """One Bicep file. Compared by identity: the reader gives the same one for the same text."""

    path: str
    scope: str
    declarations: tuple[Declaration, ...]

    def of(self, *kinds: str) -> list[Declaration]:
        """Declarations of some kinds, in order."""
        return [d for d in self.declarations if d.kind in kinds]

    def find(self, name: str) -> Declaration | None:
        """The parameter, variable, resource or module of a name."""
        return _by_name(self).get((name, False))

    def output(self, name: str) -> Declaration | None:
        """The output of a name. Outputs have names of their own, which nothing else sees."""
        return _by_name(self).get((name, True))


@cache
def _by_name(template: Template) -> dict[tuple[str, bool], Declaration]:
    """The first declaration of each name, outputs apart."""
    return {(d.name, d.kind == "output"): d for d in reversed(template.declarations)}
