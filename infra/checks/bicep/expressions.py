"""From tree-sitter's nodes to expressions of the subset."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tree_sitter import Node

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
    When,
)
from infra.checks.findings import TemplateError

_ESCAPES: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\'": "'", "\\\\": "\\"}

_PRECEDENCE: Final[Mapping[str, int]] = {
    "??": 0,
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "=~", "!~"), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys("*/%", 6),
}
"""How tightly operators bind (Microsoft Learn, "Bicep operators")."""


def expression(path: str, node: Node) -> Expression:
    """The expression of a node. Raises :class:`TemplateError` for what the subset does not have."""
    reader = _READERS.get(node.type)
    if reader is None:
        raise TemplateError(f"{path}:{_line(node)}", f"{node.type} is not in the subset")
    return reader(path, node)


def text_of(path: str, node: Node) -> str:
    """The text of a string without insertions."""
    found = expression(path, node)
    plain = found.plain if isinstance(found, Text) else None
    if plain is None:
        raise TemplateError(f"{path}:{_line(node)}", "a plain string is needed here")
    return plain


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _source(node: Node) -> str:
    return (node.text or b"").decode()


def _parts(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]


def _field(path: str, node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    if found is None:
        raise TemplateError(f"{path}:{_line(node)}", f"{node.type} without its {name}")
    return found


def _string(path: str, node: Node) -> Expression:
    """A string. What lies between the grammar's pieces is text too: it passes over blanks."""
    source, quotes = node.text or b"", 3 if (node.text or b"").startswith(b"'''") else 1
    parts: list[str | Expression] = []
    end = quotes
    for child in node.named_children:
        start = child.start_byte - node.start_byte
        parts.append(_verbatim(source[end:start], quotes))
        end = child.end_byte - node.start_byte
        if child.type == "string_content":
            parts.append(_verbatim(child.text or b"", quotes))
        elif child.type == "escape_sequence":
            parts.append(_escape(path, child))
        else:
            parts.append(expression(path, _parts(child)[0]))
    parts.append(_verbatim(source[end : len(source) - quotes], quotes))
    if quotes > 1 and isinstance(first := next((part for part in parts if part), ""), str):
        parts = [first.removeprefix("\n"), *parts[parts.index(first) + 1 :]]
    return Text(line=_line(node), parts=tuple(part for part in parts if part != ""))


def _verbatim(text: bytes, quotes: int) -> str:
    """Text as it stands, but for an escaped dollar, which the grammar does not know."""
    return text.decode() if quotes > 1 else text.decode().replace("\\$", "$")


def _escape(path: str, node: Node) -> str:
    written = _source(node)
    unicode = re.fullmatch(r"\\u\{([0-9A-Fa-f]+)\}", written)
    if unicode:
        return chr(int(unicode[1], 16))
    if written not in _ESCAPES:
        raise TemplateError(f"{path}:{_line(node)}", f"{written} is no escape sequence")
    return _ESCAPES[written]


def _number(path: str, node: Node) -> Expression:
    del path  # every number is in the subset
    return Literal(line=_line(node), value=int(_source(node)))


def _word(path: str, node: Node) -> Expression:
    del path  # so are true, false and null
    return Literal(line=_line(node), value={"true": True, "false": False, "null": None}[_source(node)])


def _name(path: str, node: Node) -> Expression:
    del path  # and names
    return Name(line=_line(node), name=_source(node))


def _array(path: str, node: Node) -> Expression:
    return Array(line=_line(node), items=tuple(expression(path, child) for child in _parts(node)))


def _object(path: str, node: Node) -> Expression:
    entries = []
    for child in _parts(node):
        if child.type != "object_property" or len(_parts(child)) != 2:
            raise TemplateError(
                f"{path}:{_line(child)}",
                "an object has `key: value` entries; nested resources are not in the subset",
            )
        key, value = _parts(child)
        read = expression(path, key)
        name = read if isinstance(read, Text) else Text(line=_line(key), parts=(_source(key),))
        entries.append((name, expression(path, value)))
    return Object(line=_line(node), entries=tuple(entries))


def _member(path: str, node: Node) -> Expression:
    marks = [child.type for child in node.children if not child.is_named]
    if marks not in (["."], [".?"], [".", "?"]):
        raise TemplateError(f"{path}:{_line(node)}", f"the operator {''.join(marks)} is not in the subset")
    name, safe = _source(_field(path, node, "property")), marks != ["."]

    def of(target: Expression) -> Expression:
        return Member(line=_line(node), target=target, name=name, safe=safe)

    return _bound(expression(path, _field(path, node, "object")), of)


def _subscript(path: str, node: Node) -> Expression:
    index = expression(path, _field(path, node, "index"))

    def of(target: Expression) -> Expression:
        return Index(line=_line(node), target=target, index=index)

    return _bound(expression(path, _field(path, node, "object")), of)


def _bound(target: Expression, of: Callable[[Expression], Expression]) -> Expression:
    """Bind ``.name`` and ``[index]`` to the operand next to them: the grammar takes ``a ? b : c.d`` for ``(a ? b : c).d``."""
    match target:
        case Ternary():
            return replace(target, no=_bound(target.no, of))
        case Binary():
            return replace(target, right=_bound(target.right, of))
        case Unary():
            return replace(target, operand=_bound(target.operand, of))
        case _:
            return of(target)


def _call(path: str, node: Node) -> Expression:
    function, arguments = _field(path, node, "function"), _field(path, node, "arguments")
    if function.type != "identifier":
        raise TemplateError(f"{path}:{_line(node)}", "only functions by their plain name are in the subset")
    return Call(
        line=_line(node),
        function=_source(function),
        arguments=tuple(expression(path, child) for child in _parts(arguments)),
    )


def _unary(path: str, node: Node) -> Expression:
    return _applied(_line(node), node.children[0].type, expression(path, _field(path, node, "argument")))


def _applied(line: int, operator: str, operand: Expression) -> Expression:
    """``!`` and ``-`` belong to the operand next to them."""
    match operand:
        case Ternary():
            return replace(operand, condition=_applied(line, operator, operand.condition))
        case Binary():
            return replace(operand, left=_applied(line, operator, operand.left))
        case _:
            return Unary(line=line, operator=operator, operand=operand)


def _binary(path: str, node: Node) -> Expression:
    operator = next(child.type for child in node.children if not child.is_named)
    left, right = (expression(path, _field(path, node, side)) for side in ("left", "right"))
    return _joined(_line(node), operator, left, right)


def _joined(line: int, operator: str, left: Expression, right: Expression) -> Expression:
    """Two operands as Bicep's precedence has them; the grammar takes ``a == b - c`` for ``(a == b) - c``."""
    binds = _PRECEDENCE[operator]
    if isinstance(left, Ternary):
        return replace(left, no=_joined(line, operator, left.no, right))
    if isinstance(left, Binary) and _PRECEDENCE[left.operator] < binds:
        return replace(left, right=_joined(line, operator, left.right, right))
    if isinstance(right, Ternary):
        return replace(right, condition=_joined(line, operator, left, right.condition))
    if isinstance(right, Binary) and _PRECEDENCE[right.operator] <= binds:
        return replace(right, left=_joined(line, operator, left, right.left))
    return Binary(line=line, operator=operator, left=left, right=right)


def _ternary(path: str, node: Node) -> Expression:
    return Ternary(
        line=_line(node),
        condition=expression(path, _field(path, node, "condition")),
        yes=expression(path, _field(path, node, "consequence")),
        no=expression(path, _field(path, node, "alternative")),
    )


def _parenthesized(path: str, node: Node) -> Expression:
    return Group(line=_line(node), inner=expression(path, _parts(node)[0]))


def _for(path: str, node: Node) -> Expression:
    named = _parts(node)
    names = [_source(n) for n in (_parts(named[0]) if named[0].type == "for_loop_parameters" else named[:1])]
    return Loop(
        line=_line(node),
        item=names[0],
        index=names[1] if len(names) > 1 else None,
        source=expression(path, named[1]),
        body=expression(path, _field(path, node, "body")),
    )


def _if(path: str, node: Node) -> Expression:
    condition, body = _parts(node)
    return When(line=_line(node), condition=expression(path, condition), body=expression(path, body))


_READERS: Final[Mapping[str, Callable[[str, Node], Expression]]] = {
    "string": _string,
    "number": _number,
    "boolean": _word,
    "null": _word,
    "identifier": _name,
    "compatible_identifier": _name,
    "array": _array,
    "object": _object,
    "member_expression": _member,
    "subscript_expression": _subscript,
    "call_expression": _call,
    "unary_expression": _unary,
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "parenthesized_expression": _parenthesized,
    "for_statement": _for,
    "if_statement": _if,
}
