"""Everything that the properties look at, made once: templates, and the resources of each case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.checks.bicep.deployment import Deployment
from infra.checks.bicep.functions import SUBSCRIPTION
from infra.checks.bicep.parameters import output_problems
from infra.checks.bicep.reader import read
from infra.checks.bicep.syntax import Template
from infra.checks.bicep.values import Resource
from infra.checks.cases import CASES, MAIN
from infra.checks.findings import Problem, TemplateError
from infra.checks.schema import Schema
from infra.checks.sources import Sources

SITE = "Microsoft.Web/sites"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is checked. ``unread`` and ``unevaluated`` say what could not even be looked at."""

    sources: Sources
    schema: Schema
    templates: Mapping[str, Template]
    unread: tuple[Problem, ...]
    resources: Mapping[str, tuple[Resource, ...]]
    unevaluated: tuple[Problem, ...]

    def each(self, resource_type: str) -> Iterator[tuple[str, Resource]]:
        """The resources of a type in all cases, with the name of the case."""
        for case, resources in self.resources.items():
            yield from ((case, found) for found in resources if found.type == resource_type)

    def of(self, case: str, resource_type: str) -> list[Resource]:
        """The resources of a type in a case."""
        return [found for found in self.resources[case] if found.type == resource_type]

    def profile(self, case: str) -> Mapping[str, Any]:
        """The figures of the profile of a case."""
        found: Mapping[str, Any] = self.sources.json(f"infra/profiles/{CASES[case]['profile']}.json")
        return found

    def settings(self, case: str) -> dict[str, str]:
        """The app settings of a case; empty where there is no app."""
        sites = self.of(case, SITE)
        listed = sites[0].get("properties", "siteConfig", "appSettings") if sites else None
        return {str(each["name"]): str(each["value"]) for each in listed or []}


def problem(case: str, resource: Resource, message: str) -> Problem:
    """A problem of a resource in a case."""
    return Problem(where=f"{case}: {resource.where}", message=message)


def load(sources: Sources) -> Context:
    """Read and evaluate everything. Raises :class:`TemplateError` only where the checks' own facts are broken."""
    templates, unread = {}, []
    for path in sources.files("infra", "*.bicep"):
        try:
            templates[path] = read(path, sources.text(path))
        except TemplateError as error:
            unread.append(error.problem)
    described = {path: text for path, text in sources.changed.items() if path.startswith("infra/")}
    resources, unevaluated = _deploy_all(
        sources.root, tuple(sorted(described.items(), key=lambda item: item[0]))
    )
    return Context(
        sources=sources,
        schema=Schema.load(sources),
        templates=templates,
        unread=tuple(unread),
        resources=resources,
        unevaluated=unevaluated,
    )


@cache
def _deploy_all(
    root: Path, changed: tuple[tuple[str, str | None], ...]
) -> tuple[Mapping[str, tuple[Resource, ...]], tuple[Problem, ...]]:
    """The resources of all cases. Templates see nothing outside of ``infra/``, so the rest need not be the same."""
    sources = Sources(root=root, changed=dict(changed))
    schema, problems = Schema.load(sources), []
    resources: dict[str, tuple[Resource, ...]] = {}
    for case in CASES:
        resources[case], found = _deploy(case, sources, schema)
        problems += found
    return resources, tuple(problems)


def _deploy(case: str, sources: Sources, schema: Schema) -> tuple[tuple[Resource, ...], list[Problem]]:
    problems: list[Problem] = []
    try:
        template = read(MAIN, sources.text(MAIN))
    except TemplateError:
        return (), problems  # said by those who read all templates
    deployment = Deployment(
        template=template,
        sources=sources,
        scope=f"/subscriptions/{SUBSCRIPTION}",
        given=CASES[case],
        reads_of=schema.reads,
        problems=problems,
    )
    resources = tuple(deployment.resources())
    problems += output_problems(deployment, deployment.template)
    return resources, [Problem(where=f"{case}: {p.where}", message=p.message) for p in problems]
