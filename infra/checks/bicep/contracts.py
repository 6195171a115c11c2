"""Between a template and its modules: the file is there, parameters and outputs are those that it declares."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from infra.checks.bicep.symbols import expressions
from infra.checks.bicep.syntax import Declaration, Expression, Loop, Member, Name, Object, Template, When
from infra.checks.findings import Problem


def module_path(template: Template, declaration: Declaration) -> str:
    """Path of a module's file, from the root of the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(template.path), declaration.target))


def contract_problems(template: Template, templates: Mapping[str, Template]) -> Iterator[Problem]:
    """Modules that are not there, parameters that are missing or unknown, outputs that nobody declares."""
    for declaration in template.of("module"):
        where = f"{template.path}:{declaration.line}"
        module = templates.get(module_path(template, declaration))
        body = _body(declaration.value)
        if module is None:
            yield Problem(where=where, message=f"there is no module {declaration.target}")
            continue
        yield from _parameter_problems(where, module, body)
        yield from _output_problems(template, declaration, module)


def unread_outputs(templates: Mapping[str, Template], main: str) -> Iterator[Problem]:
    """Outputs of modules that no template reads."""
    read: set[tuple[str, str]] = set()
    for template in templates.values():
        for declaration in template.of("module"):
            names = {name for name, _ in _outputs_read(template, declaration)}
            read |= {(module_path(template, declaration), name) for name in names}
    for path, template in templates.items():
        for output in template.of("output") if path != main else ():
            if (path, output.name) not in read:
                yield Problem(where=f"{path}:{output.line}", message=f"nobody reads the output {output.name}")


def unused_modules(templates: Mapping[str, Template], main: str) -> Iterator[Problem]:
    """Files that no template deploys."""
    used = {module_path(t, d) for t in templates.values() for d in t.of("module")}
    for path in templates.keys() - used - {main}:
        yield Problem(where=path, message="no template uses this module")


def _parameter_problems(where: str, module: Template, body: Object | None) -> Iterator[Problem]:
    params = body.get("params") if body else None
    given = {key.plain or "" for key, _ in params.entries} if isinstance(params, Object) else set()
    declared = {d.name: d for d in module.of("param")}
    for name in sorted(given - declared.keys()):
        close = get_close_matches(name, declared, n=1)
        hint = f", but {close[0]}" if close else ""
        yield Problem(where=where, message=f"{module.path} has no parameter {name}{hint}")
    for name, declaration in declared.items():
        if name not in given and declaration.value is None:
            yield Problem(where=where, message=f"{module.path} needs the parameter {name}")


def _output_problems(template: Template, declaration: Declaration, module: Template) -> Iterator[Problem]:
    declared = {d.name for d in module.of("output")}
    for name, line in _outputs_read(template, declaration):
        if name not in declared:
            where = f"{template.path}:{line}"
            yield Problem(where=where, message=f"{module.path} has no output {name}")


def _outputs_read(template: Template, declaration: Declaration) -> Iterator[tuple[str, int]]:
    return ((name, line) for module, name, line in _all_outputs_read(template) if module == declaration.name)


@cache
def _all_outputs_read(template: Template) -> tuple[tuple[str, str, int], ...]:
    """Module, output and line of each ``module.outputs.name``."""
    found = []
    for node in expressions(template):
        if isinstance(node, Member) and isinstance(node.target, Member):
            inner = node.target
            if isinstance(inner.target, Name) and inner.name == "outputs":
                found.append((inner.target.name, node.name, node.line))
    return tuple(found)


def _body(value: Expression | None) -> Object | None:
    while isinstance(value, When | Loop):
        value = value.body
    return value if isinstance(value, Object) else None
