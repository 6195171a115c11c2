"""Properties 7 to 12 and 29: the plan and the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.checks.cases import CASES
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

_PLAN: Final = "Microsoft.Web/serverfarms"
_CONTAINER: Final = "Microsoft.Storage/storageAccounts/blobServices/containers"
_LEAST_INSTANCES, _MOST_INSTANCES = 40, 1000
_MEMORY: Final = {512, 2048, 4096}

NOT_ON_FLEX: Final = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
}
"""Settings of other plans: here the same is said in ``functionAppConfig``, or nothing reads it."""


def config(site: Any) -> Mapping[str, Any]:
    """The ``functionAppConfig`` of a site."""
    found: Mapping[str, Any] = site.get("properties", "functionAppConfig") or {}
    return found


def deep(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@property_(7, "The plan is Flex Consumption", cure="sku FC1/FlexConsumption, reserved: true")
def the_plan_is_flex_consumption(context: Context) -> Iterator[Problem]:
    """One plan, Linux, and the one site runs on it."""
    for case in context.resources:
        plans, sites = context.of(case, _PLAN), context.of(case, SITE)
        if len(plans) != 1 or len(sites) != 1:
            yield Problem(where=case, message=f"{len(plans)} plans and {len(sites)} sites, not one of each")
            continue
        plan, site = plans[0], sites[0]
        if plan.get("sku") != {"name": "FC1", "tier": "FlexConsumption"}:
            yield problem(case, plan, f"sku is {plan.get('sku')}")
        if plan.properties.get("reserved") is not True:
            yield problem(case, plan, "reserved is not true: the plan would be Windows")
        if site.properties.get("serverFarmId") != plan.id:
            yield problem(case, site, "runs on another plan")


@property_(
    8, "Python is the same version everywhere", cure="change runtime, pyproject.toml and workflow together"
)
def python_is_the_same_version_everywhere(context: Context) -> Iterator[Problem]:
    """What Azure runs is what is tested and type-checked."""
    project = context.sources.text("pyproject.toml")
    workflow = context.sources.text(".github/workflows/deploy.yml")
    for case, site in context.each(SITE):
        version = deep(config(site), "runtime", "version")
        if deep(config(site), "runtime", "name") != "python":
            yield problem(case, site, "the runtime is not python")
        if (
            f'python_version = "{version}"' not in project
            or f'requires-python = ">={version}"' not in project
        ):
            yield problem(case, site, f"runtime {version} is not the version of pyproject.toml")
        jobs = [line for line in workflow.splitlines() if "python-version" in line]
        if not jobs or any(f"'{version}'" not in line for line in jobs):
            yield problem(case, site, f"runtime {version} is not the version of deploy.yml")


@property_(
    9, "The package is fetched by the app's own identity", cure="UserAssignedIdentity, private container"
)
def the_package_is_fetched_by_identity(context: Context) -> Iterator[Problem]:
    """The deployment container exists, is private, and is read by the identity that the site has."""
    for case, site in context.each(SITE):
        storage = deep(config(site), "deployment", "storage") or {}
        wanted = {
            "type": "UserAssignedIdentity",
            "userAssignedIdentityResourceId": next(
                iter(site.get("identity", "userAssignedIdentities") or {}), None
            ),
        }
        if storage.get("authentication") != wanted:
            yield problem(case, site, f"the package is fetched with {storage.get('authentication')}")
        containers = context.of(case, _CONTAINER)
        if not any(storage.get("value") == _url(container.name) for container in containers):
            yield problem(case, site, f"no container is at {storage.get('value')}")
    for case, container in context.each(_CONTAINER):
        if container.properties.get("publicAccess") != "None":
            yield problem(case, container, "publicAccess is not None")


def _url(container: str) -> str:
    account, _, name = container.split("/")
    return f"https://{account}.blob.core.windows.net/{name}"


@property_(10, "Scale is bounded", cure="40-1000 instances, 512/2048/4096 MB, perInstanceConcurrency set")
def scale_is_bounded(context: Context) -> Iterator[Problem]:
    """Instances and memory are within what the plan takes; HTTP concurrency is not Python's default of 1."""
    for case, site in context.each(SITE):
        scale = deep(config(site), "scaleAndConcurrency") or {}
        count, memory = scale.get("maximumInstanceCount"), scale.get("instanceMemoryMB")
        if not isinstance(count, int) or not _LEAST_INSTANCES <= count <= _MOST_INSTANCES:
            yield problem(case, site, f"maximumInstanceCount is {count}")
        if memory not in _MEMORY:
            yield problem(case, site, f"instanceMemoryMB is {memory}")
        if (deep(scale, "triggers", "http", "perInstanceConcurrency") or 0) < 2:
            yield problem(case, site, "perInstanceConcurrency is not set: one HTTP call at a time")


@property_(
    11, "Instances are kept ready for HTTP alone, and none in dev", cure="set alwaysReadyHttp in the profile"
)
def ready_instances_are_for_http_alone(context: Context) -> Iterator[Problem]:
    """Idle costs are a decision: none in dev; the groups of functions have no documented names but ``http``."""
    for case, site in context.each(SITE):
        ready = deep(config(site), "scaleAndConcurrency", "alwaysReady") or []
        if any(group.get("name") != "http" for group in ready):
            yield problem(case, site, f"alwaysReady is {ready}")
        if CASES[case]["profile"] == "dev" and ready:
            yield problem(case, site, "dev pays for instances that are always ready")
        zones = any(plan.properties.get("zoneRedundant") for plan in context.of(case, _PLAN))
        if zones and any(group.get("instanceCount", 0) < 2 for group in ready):
            yield problem(case, site, "zone redundancy needs two ready instances, or none")


@property_(
    12, "No setting of another plan", cure="remove it; Flex says the same in functionAppConfig, or not at all"
)
def no_setting_of_another_plan(context: Context) -> Iterator[Problem]:
    """Flex refuses some of these at deployment and ignores the others."""
    for case in context.resources:
        for name in sorted(context.settings(case).keys() & NOT_ON_FLEX):
            yield Problem(where=f"{case}: app setting {name}", message="is not for Flex Consumption")


@property_(
    29,
    "The site is closed but for https",
    cure="httpsOnly, TLS 1.2, no FTP, no basic publishing, no debugging",
)
def the_site_is_closed_but_for_https(context: Context) -> Iterator[Problem]:
    """Encrypted, no second way in, no session affinity."""
    for case, site in context.each(SITE):
        web = site.properties.get("siteConfig", {})
        wanted = {
            "httpsOnly": (site.properties.get("httpsOnly"), True),
            "clientAffinityEnabled": (site.properties.get("clientAffinityEnabled"), False),
            "minTlsVersion": (web.get("minTlsVersion"), "1.2"),
            "scmMinTlsVersion": (web.get("scmMinTlsVersion"), "1.2"),
            "ftpsState": (web.get("ftpsState"), "Disabled"),
            "remoteDebuggingEnabled": (web.get("remoteDebuggingEnabled"), False),
            "http20Enabled": (web.get("http20Enabled"), True),
        }
        for name, (value, right) in wanted.items():
            if value is not right and value != right:
                yield problem(case, site, f"{name} is {value}, not {right}")
        policies = context.of(case, f"{SITE}/basicPublishingCredentialsPolicies")
        closed = {p.name.rpartition("/")[2] for p in policies if p.properties.get("allow") is False}
        for name in sorted({"ftp", "scm"} - closed):
            yield problem(case, site, f"basic publishing by {name} is not forbidden")
