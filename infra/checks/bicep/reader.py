"""From text to syntax tree: tree-sitter reads, and what the subset does not have is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

from infra.checks.bicep.expressions import expression, text_of
from infra.checks.bicep.syntax import Declaration, Decorator, Template, Text, TypeName
from infra.checks.findings import Problem, TemplateError

_LANGUAGE: Final = tree_sitter.Language(tree_sitter_bicep.language())
_KINDS: Final = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "output_declaration": "output",
    "resource_declaration": "resource",
    "module_declaration": "module",
}
_IGNORED: Final = {"comment", "diagnostic_comment", "metadata_declaration"}


@cache
def _parse(text: str) -> Node:
    return tree_sitter.Parser(_LANGUAGE).parse(text.encode()).root_node


def syntax_problems(path: str, text: str) -> list[Problem]:
    """Every place that the grammar could not make sense of (ERROR) or had to guess (MISSING)."""
    return [
        Problem(
            where=f"{path}:{node.start_point.row + 1}",
            message=f"a missing {node.type}" if node.is_missing else f"unexpected {_shown(node)}",
        )
        for node in _all(_parse(text))
        if node.is_error or node.is_missing
    ]


def _all(node: Node) -> Iterator[Node]:
    yield node
    if node.has_error:  # a sound subtree has nothing to report
        for child in node.children:
            yield from _all(child)


def _shown(node: Node) -> str:
    lines = (node.text or b"").decode().strip().splitlines()
    return repr(lines[0][:40]) if lines else "end of file"


@cache
def read(path: str, text: str) -> Template:
    """The syntax tree of a file. Raises :class:`TemplateError` where it does not parse or leaves the subset."""
    for problem in syntax_problems(path, text):
        raise TemplateError(problem.where, problem.message)
    scope = "resourceGroup"
    declarations: list[Declaration] = []
    decorators: tuple[Decorator, ...] = ()
    for node in _parse(text).named_children:
        if node.type == "decorators":
            decorators = tuple(_decorator(path, child) for child in node.named_children)
        elif node.type == "target_scope_assignment":
            scope = text_of(path, node.named_children[0])
        elif node.type in _KINDS:
            declarations.append(_declaration(path, node, decorators))
            decorators = ()
        elif node.type not in _IGNORED:
            raise TemplateError(f"{path}:{node.start_point.row + 1}", f"{node.type} is not in the subset")
    return Template(path=path, scope=scope, declarations=tuple(declarations))


def _decorator(path: str, node: Node) -> Decorator:
    call = node.named_children[0]
    name = call.child_by_field_name("function")
    arguments = call.child_by_field_name("arguments")
    if name is None or arguments is None:
        raise TemplateError(f"{path}:{node.start_point.row + 1}", "a decorator is a call, such as @secure()")
    return Decorator(
        name=(name.text or b"").decode(),
        arguments=tuple(expression(path, child) for child in arguments.named_children),
        line=node.start_point.row + 1,
    )


def _declaration(path: str, node: Node, decorators: tuple[Decorator, ...]) -> Declaration:
    parts = [child for child in node.named_children if child.type != "comment"]
    kind, name, rest = _KINDS[node.type], (parts[0].text or b"").decode(), parts[1:]
    declared = _type(path, rest.pop(0)) if rest and rest[0].type == "type" else None
    target = text_of(path, rest.pop(0)) if kind in ("resource", "module") else ""
    return Declaration(
        kind=kind,
        name=name,
        line=node.start_point.row + 1,
        value=expression(path, rest[0]) if rest else None,
        type=declared,
        target=target,
        existing=any(child.type == "existing" for child in node.children),
        decorators=decorators,
    )


def _type(path: str, node: Node) -> TypeName:
    if node.type == "type":
        return _type(path, node.named_children[0])
    if node.type == "primitive_type":
        return TypeName(kind=(node.text or b"").decode())
    if node.type == "array_type":
        return TypeName(kind="array of", item=_type(path, node.named_children[0]))
    if node.type == "object":
        members = (child.named_children for child in node.named_children if child.type == "object_property")
        return TypeName(
            kind="object of", members=tuple(((k.text or b"").decode(), _type(path, v)) for k, v in members)
        )
    if node.type == "union_type":
        literals = [expression(path, child) for child in node.named_children]
        return TypeName(kind="union", literals=tuple(t.plain or "" for t in literals if isinstance(t, Text)))
    raise TemplateError(f"{path}:{node.start_point.row + 1}", f"the type {node.type} is not in the subset")
