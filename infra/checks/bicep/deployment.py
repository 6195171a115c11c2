"""Deploys a template on paper: parameters in, plain resources out, modules and all."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.checks.bicep.evaluator import Evaluator
from infra.checks.bicep.functions import resource_id
from infra.checks.bicep.parameters import argument_problems
from infra.checks.bicep.reader import read
from infra.checks.bicep.syntax import Declaration, Expression, Loop, Object, Template, When
from infra.checks.bicep.values import Module, Resource, without_nulls
from infra.checks.findings import Problem, TemplateError
from infra.checks.sources import Sources

_NOT_SENT: Final = {"name", "parent", "scope", "dependsOn"}
_WORKING: Final = object()
"""Stands for a name whose value is being worked out: meeting it again is a circle."""

Reads = Mapping[str, Mapping[str, str]]


@dataclass(slots=True, kw_only=True)
class Deployment:
    """One template with its parameters, at a scope. Names are evaluated when they are first needed."""

    template: Template
    sources: Sources
    scope: str
    given: Mapping[str, Any]
    reads_of: Reads
    problems: list[Problem]
    _known: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path of the file."""
        return self.template.path

    def resources(self) -> list[Resource]:
        """All resources, those of modules too. What cannot be evaluated is in ``problems`` and left out."""
        self.problems += argument_problems(self.template, self.given)
        found: list[Resource] = []
        for declaration in self.template.of("resource", "module"):
            try:
                value = self.value_of(declaration.name, declaration.line)
            except TemplateError as error:
                self.problems.append(error.problem)
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Resource):
                    found.append(item)
                elif isinstance(item, Module) and isinstance(item.outputs, Deployment):
                    found += item.outputs.resources()
        return found

    def output(self, name: str) -> Any:
        """The value of an output. Raises :class:`TemplateError` for one that is not declared."""
        declared = self.template.output(name)
        if declared is None or declared.value is None:
            raise TemplateError(self.path, f"there is no output {name}")
        return Evaluator(place=self)(declared.value)

    def reads(self, resource_type: str) -> Mapping[str, str]:
        """What can be read of a deployed resource of a type."""
        return self.reads_of.get(resource_type, {})

    def value_of(self, name: str, line: int) -> Any:
        """The value of a name, worked out once."""
        declaration = self.template.find(name)
        if declaration is None:
            raise TemplateError(f"{self.path}:{line}", f"nothing is called {name}")
        if self._known.get(name) is _WORKING:
            raise TemplateError(f"{self.path}:{line}", f"{name} depends on itself")
        if name not in self._known:
            self._known[name] = _WORKING
            try:
                self._known[name] = self._evaluate(declaration)
            finally:
                if self._known[name] is _WORKING:
                    del self._known[name]
        return self._known[name]

    def call(self, function: str, arguments: list[Any], line: int) -> Any:
        """The functions that depend on the file or the scope."""
        match function, arguments:
            case "loadTextContent", [str() as file]:
                return self._load(file, line)
            case "loadJsonContent", [str() as file]:
                return self._json(file, line)
            case "resourceGroup", []:
                return {"id": self.scope, "name": self.scope.rpartition("/")[2]}
            case "resourceId", [str() as resource_type, *names]:
                return resource_id(self.scope, resource_type, *names)
            case _:
                raise TemplateError(
                    f"{self.path}:{line}", f"there is no function {function} for these arguments"
                )

    def _load(self, file: str, line: int) -> str:
        try:
            return self.sources.text(posixpath.normpath(posixpath.join(posixpath.dirname(self.path), file)))
        except TemplateError as error:
            raise TemplateError(f"{self.path}:{line}", error.message) from error

    def _json(self, file: str, line: int) -> Any:
        try:
            return json.loads(self._load(file, line))
        except json.JSONDecodeError as error:
            raise TemplateError(f"{self.path}:{line}", f"{file} is not JSON: {error}") from error

    def _evaluate(self, declaration: Declaration) -> Any:
        if declaration.kind == "param" and declaration.name in self.given:
            return self.given[declaration.name]
        if declaration.value is None:
            raise TemplateError(f"{self.path}:{declaration.line}", f"{declaration.name} was given no value")
        if declaration.kind in ("param", "var"):
            return Evaluator(place=self)(declaration.value)
        return self._each(declaration, Evaluator(place=self), declaration.value)

    def _each(self, declaration: Declaration, evaluator: Evaluator, value: Expression) -> Any:
        """The resource or module, or a list of them for a loop; None where the condition is false."""
        if isinstance(value, Loop):
            return [self._each(declaration, inner, body) for inner, body in evaluator.loop(value)]
        if isinstance(value, When):
            if evaluator(value.condition) is not True:
                return Module(symbol=declaration.name, outputs=None) if declaration.kind == "module" else None
            value = value.body
        if not isinstance(value, Object):
            raise TemplateError(f"{self.path}:{declaration.line}", f"{declaration.name} is not an object")
        if declaration.kind == "module":
            return self._module(declaration, evaluator, value)
        return self._resource(declaration, evaluator, value)

    def _resource(self, declaration: Declaration, evaluator: Evaluator, value: Object) -> Resource:
        kind, _, version = declaration.target.partition("@")
        body = {
            key.plain or evaluator(key): evaluator(item)
            for key, item in value.entries
            if key.plain not in _NOT_SENT
        }
        written, parent, scope = value.get("name"), value.get("parent"), value.get("scope")
        name = evaluator(written) if written else ""
        if parent is not None:
            above = evaluator(parent)
            identifier, full = f"{above.id}/{kind.rpartition('/')[2]}/{name}", f"{above.name}/{name}"
        elif kind == "Microsoft.Resources/resourceGroups":
            identifier, full = f"{self.scope}/resourceGroups/{name}", name
        else:
            root = evaluator(scope).id if scope else self.scope
            identifier, full = resource_id(root, kind, *name.split("/")), name
        return Resource(
            type=kind,
            version=version,
            name=full,
            id=identifier,
            scope=evaluator(scope).id if scope else self.scope,
            body=without_nulls(body),
            template=self.path,
            symbol=declaration.name,
            line=declaration.line,
            in_loop=bool(evaluator.local),
        )

    def _module(self, declaration: Declaration, evaluator: Evaluator, value: Object) -> Module:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), declaration.target))
        params, scope = value.get("params"), value.get("scope")
        inner = Deployment(
            template=read(path, self.sources.text(path)),
            sources=self.sources,
            scope=evaluator(scope).id if scope else self.scope,
            given=evaluator(params) if params else {},
            reads_of=self.reads_of,
            problems=self.problems,
        )
        return Module(symbol=declaration.name, outputs=inner)
