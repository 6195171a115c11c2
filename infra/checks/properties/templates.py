"""Properties 1 to 6: the templates as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from infra.checks import code
from infra.checks.bicep.contracts import contract_problems, unread_outputs, unused_modules
from infra.checks.bicep.reader import syntax_problems
from infra.checks.bicep.symbols import symbol_problems
from infra.checks.cases import MAIN
from infra.checks.context import Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

_PREVIEW = {"Microsoft.Insights/diagnosticSettings"}
_SECRETS = re.compile(
    r"AccountKey=|SharedAccessKey=|AccessKey=|list(Admin|Account)?Keys\(|listSecrets?\(|\.primaryKey|client[-_]secret|password",
    re.IGNORECASE,
)


@property_(1, "Every Bicep file parses", cure="write what the line should say; docs: infra/README.md, subset")
def every_file_parses(context: Context) -> Iterator[Problem]:
    """No ERROR and no MISSING node, and nothing outside the subset that the evaluator knows."""
    for path in context.sources.files("infra", "*.bicep"):
        yield from syntax_problems(path, context.sources.text(path))
    yield from context.unread


@property_(2, "Types and versions are known and pinned", cure="use the version of infra/checks/schema.yaml")
def types_are_pinned(context: Context) -> Iterator[Problem]:
    """Every ``type@version`` is one of the facts; preview only where there is nothing else."""
    for template in context.templates.values():
        for declaration in template.of("resource"):
            kind, _, version = declaration.target.partition("@")
            where = f"{template.path}:{declaration.line}"
            known = context.schema.types.get(kind)
            if known is None:
                yield Problem(where=where, message=f"{kind} is not among the known types")
            elif known.version != version:
                yield Problem(where=where, message=f"{kind} is pinned at {known.version}, not {version}")
            if "preview" in version and kind not in _PREVIEW:
                yield Problem(where=where, message=f"{declaration.target} is a preview")


@property_(3, "Bodies have known properties of the right type", cure="compare with infra/checks/schema.yaml")
def bodies_match_the_facts(context: Context) -> Iterator[Problem]:
    """In every case, each resource has what it needs and nothing unknown."""
    for case, resources in context.resources.items():
        for resource in resources:
            for message in context.schema.problems(resource):
                yield problem(case, resource, message)


@property_(4, "Modules keep their contracts", cure="make caller and module agree")
def modules_keep_their_contracts(context: Context) -> Iterator[Problem]:
    """Parameters and outputs by name, by type and by value; nothing fails to evaluate; no output is for nobody."""
    for template in context.templates.values():
        yield from contract_problems(template, context.templates)
    yield from unread_outputs(context.templates, MAIN)
    yield from unused_modules(context.templates, MAIN)
    yield from context.unevaluated


@property_(5, "Names are declared, used and described", cure="declare it, use it, describe it, or remove it")
def names_are_in_order(context: Context) -> Iterator[Problem]:
    """No unknown, double or unused name; known functions; loops where they may stand; descriptions."""
    for template in context.templates.values():
        yield from symbol_problems(template)


@property_(6, "No secret anywhere", cure="give a managed identity a role instead of handing out a key")
def no_secret_is_handed_around(context: Context) -> Iterator[Problem]:
    """No key is listed, written down, put out, or set as an app setting."""
    files = [
        *context.sources.files("infra", "infra/*.bicep"),
        *context.sources.files("infra", "infra/*.json"),
    ]
    for path in [*files, *context.sources.files(".github", "*.yml"), "azure.yaml"]:
        yield from _written_secrets(path, context.sources.text(path))
    for template in context.templates.values():
        for declaration in template.of("param", "output"):
            if declaration.decorator("secure"):
                where = f"{template.path}:{declaration.line}"
                yield Problem(where=where, message=f"{declaration.name} is a secret")
    secret = code.secret_settings(context.sources)
    for case in context.resources:
        for name, value in context.settings(case).items():
            refers = value == "" or value.startswith("@Microsoft.KeyVault(SecretUri=")
            if _SECRETS.search(value) or (name in secret and not refers):
                yield Problem(where=f"{case}: app setting {name}", message="holds a secret")


@cache
def _written_secrets(path: str, text: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            where=f"{path}:{text.count(chr(10), 0, match.start()) + 1}",
            message=f"{match[0]!r} is about a secret",
        )
        for match in _SECRETS.finditer(text)
    )
