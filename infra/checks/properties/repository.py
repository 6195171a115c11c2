"""Properties 30 and 32 to 34: names and tags, and the files around the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from typing import Any, Final

from infra.checks import code
from infra.checks.cases import MAIN
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

WORKFLOW: Final = ".github/workflows/deploy.yml"
APP_ROLES: Final = "infra/hooks/app-roles.json"
GUIDE: Final = "docs/deploy.md"
PARAMETERS: Final = "infra/main.parameters.json"
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_DEPLOYED: Final = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "orchestration/engine.py",
    "layers/catalog.py",
    "layers/top/prompts/section.md",
    "samples/library/README.md",
)
_NOT_DEPLOYED: Final = (
    "infra/main.bicep",
    "infra/checks/code.py",
    "tests/test_rules.py",
    "localcloud/__init__.py",
    "docs/deploy.md",
    "devtools/cli.py",
    "benchmarks/report.py",
    "clients/python/client.py",
    "azure.yaml",
    "local.settings.json",
    "local.settings.sample.json",
    "requirements-dev.lock",
    ".github/workflows/deploy.yml",
    ".venv/bin/python",
    ".hypothesis/examples/a",
    ".mypy_cache/3.11/a.json",
    "orchestration/__pycache__/engine.pyc",
    "node_modules/azurite/package.json",
    "package.json",
    "pyproject.toml",
    "README.md",
)


@property_(
    30,
    "Tags, names and the workflow are in order",
    cure="tags: tags; take() for long names; pin actions to commits",
)
def tags_names_and_workflow_are_in_order(context: Context) -> Iterator[Problem]:
    """What was made is found by azd; no name is too long; the workflow has no secret and no floating action."""
    service = context.sources.yaml("azure.yaml")["services"]
    for case, resources in context.resources.items():
        named = [r for r in resources if r.get("tags", "azd-service-name")]
        if [(r.type, r.get("tags", "azd-service-name")) for r in named] != [(SITE, name) for name in service]:
            yield Problem(
                where=case,
                message=f"azd-service-name is on {[r.name for r in named]}, azure.yaml has {list(service)}",
            )
        for resource in resources:
            fact = context.schema.types.get(resource.type)
            if fact and fact.has_tags and not resource.get("tags", "azd-env-name"):
                yield problem(case, resource, "has no tag azd-env-name")
            short = resource.name.rpartition("/")[2]
            if fact and len(short) > fact.name:
                yield problem(
                    case, resource, f"its name has {len(short)} characters, {fact.name} are allowed"
                )
        same = [r.id.lower() for r in resources]
        for identifier in sorted({i for i in same if same.count(i) > 1}):
            yield Problem(where=case, message=f"made twice: {identifier}")
    yield from _workflow(context)


def _workflow(context: Context) -> Iterator[Problem]:
    text, workflow = context.sources.text(WORKFLOW), context.sources.yaml(WORKFLOW)
    for number, line in enumerate(text.splitlines(), 1):
        used = re.search(r"uses: (.*)$", line)
        if used and not _PINNED.fullmatch(used[1].strip()):
            yield Problem(
                where=f"{WORKFLOW}:{number}", message=f"{used[1]} is not pinned to a commit with its release"
            )
        if "secrets." in line:
            yield Problem(
                where=f"{WORKFLOW}:{number}", message="needs a secret; Azure trusts GitHub's tokens"
            )
    jobs: Mapping[str, Any] = workflow["jobs"]
    if workflow.get("permissions") != {"contents": "read"}:
        yield Problem(where=WORKFLOW, message=f"its own permissions are {workflow.get('permissions')}")
    before: list[str] = []
    for name, job in jobs.items():
        if before and job.get("needs") != before[-1]:
            yield Problem(where=WORKFLOW, message=f"job {name} does not wait for {before[-1]}")
        before.append(name)
        runs = " ".join(str(step.get("run", "")) for step in job["steps"])
        if "azd auth login" in runs:
            if (
                job.get("permissions", {}).get("id-token") != "write"
                or "--federated-credential-provider github" not in runs
            ):
                yield Problem(where=WORKFLOW, message=f"job {name} does not log in with GitHub's token")
            if job.get("environment") != "production" or "refs/heads/main" not in str(job.get("if")):
                yield Problem(where=WORKFLOW, message=f"job {name} deploys from anywhere")
    all_runs = " ".join(str(step.get("run", "")) for job in jobs.values() for step in job["steps"])
    for command in (
        "./dev test",
        "python -m infra.checks",
        "az bicep build",
        "azd provision --no-prompt",
        "azd deploy",
    ):
        if command not in all_runs:
            yield Problem(where=WORKFLOW, message=f"never runs {command}")


@property_(32, "Parameter file, azure.yaml and workflow name the same inputs", cure="name it in all three")
def inputs_are_the_same_everywhere(context: Context) -> Iterator[Problem]:
    """Every parameter of main.bicep can be set from azd's environment, and the pipeline passes it on."""
    main = context.templates.get(MAIN)
    declared = {d.name: d for d in main.of("param")} if main else {}
    given = context.sources.json(PARAMETERS)["parameters"]
    for name in sorted(given.keys() - declared.keys()):
        yield Problem(where=PARAMETERS, message=f"main.bicep has no parameter {name}")
    for name in sorted(declared.keys() - given.keys() - {"budgetStart"}):
        yield Problem(where=PARAMETERS, message=f"parameter {name} cannot be set with azd")
    variables = set()
    for name, each in given.items():
        match = re.fullmatch(r"\$\{([A-Z_]+)(=[^}]*)?\}", str(each.get("value")))
        if not match:
            yield Problem(where=PARAMETERS, message=f"{name} is {each.get('value')!r}, not a variable of azd")
            continue
        variables.add(match[1])
    azure = context.sources.yaml("azure.yaml")
    listed = set(azure["pipeline"]["variables"])
    standard = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE"}
    for name in sorted(listed ^ (variables - standard)):
        yield Problem(
            where="azure.yaml", message=f"pipeline.variables and main.parameters.json differ in {name}"
        )
    passed = set(context.sources.yaml(WORKFLOW)["jobs"].get("provision-and-deploy", {}).get("env", {}))
    for name in sorted(variables - {"AZURE_PRINCIPAL_ID"} - passed):
        yield Problem(where=WORKFLOW, message=f"does not pass {name} on")
    documented = set(re.findall(r"`([A-Z_]+)`", context.sources.text(GUIDE)))
    for name in sorted(variables - standard - documented):
        yield Problem(where=GUIDE, message=f"does not say what {name} is")
    if azure["infra"] != {"provider": "bicep", "path": "infra", "module": "main"}:
        yield Problem(where="azure.yaml", message=f"infra is {azure['infra']}")
    for name, hook in azure.get("hooks", {}).items():
        for system in ("posix", "windows"):
            run = hook.get(system, {}).get("run", "")
            if not context.sources.exists(run) or hook[system].get("continueOnError") is not False:
                yield Problem(where="azure.yaml", message=f"hook {name} for {system}: {run or 'none'}")


@property_(33, "The package holds the app and nothing else", cure="say so in .funcignore")
def the_package_holds_the_app_alone(context: Context) -> Iterator[Problem]:
    """What runs is in it; checks, tests, stand-ins, documents and settings of this machine are not."""
    lines = context.sources.text(".funcignore").splitlines()
    rules = tuple(line for line in lines if line and not line.startswith("#"))
    for path in _DEPLOYED:
        if _ignored(path, rules):
            yield Problem(where=".funcignore", message=f"leaves out {path}")
    for path in _NOT_DEPLOYED:
        if not _ignored(path, rules):
            yield Problem(where=".funcignore", message=f"packs {path}")


@cache
def _ignored(path: str, rules: tuple[str, ...]) -> bool:
    """As git does: the last rule that matches decides; ``!`` takes back; a folder takes all that is in it."""
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!").rstrip("/")
        parts = path.split("/")
        anchored = [path, *("/".join(parts[:n]) for n in range(1, len(parts)))]
        free = parts if "/" not in pattern else []
        if any(fnmatch(candidate, pattern) for candidate in [*anchored, *free]):
            ignored = not rule.startswith("!")
    return ignored


@property_(
    34, "The app registration has the roles of the code", cure="bring app-roles.json in line with Role"
)
def the_app_registration_has_the_roles_of_the_code(context: Context) -> Iterator[Problem]:
    """Values of the app roles == ``Role``; each has an id of its own and is open to people and programs."""
    given = context.sources.json(APP_ROLES)
    values, wanted = {role["value"] for role in given}, code.roles(context.sources)
    if values != wanted or len({role["id"] for role in given}) != len(wanted):
        yield Problem(where=APP_ROLES, message=f"roles are {sorted(values)}, the code has {sorted(wanted)}")
    for role in given:
        if role.get("isEnabled") is not True or set(role["allowedMemberTypes"]) != {"User", "Application"}:
            yield Problem(where=APP_ROLES, message=f"{role['value']} is not open to people and programs")
