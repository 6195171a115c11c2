"""Property 13: one list of settings in code, Bicep, sample and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.checks import code
from infra.checks.bicep.values import filled
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

REASONS: Final = "infra/checks/settings.yaml"
SAMPLE: Final = "local.settings.sample.json"
DOCS: Final = "docs/configuration.md"


@property_(
    13,
    "Settings are the same in code, Bicep, sample and documents",
    cure=f"set it, or give a reason in {REASONS}",
)
def settings_are_the_same_everywhere(context: Context) -> Iterator[Problem]:
    """What the code reads is set or left out for a reason; what is set is read; all of it is documented."""
    reasons: Mapping[str, Any] = context.sources.yaml(REASONS)
    read = code.settings(context.sources).keys()
    for case in context.resources:
        yield from _azure(case, context.settings(case).keys(), read, reasons)
    yield from _connections(context)
    sample = set(context.sources.json(SAMPLE)["Values"])
    host = code.host_settings(context.sources)
    known = read | reasons["local_host"].keys() | host
    yield from _each(SAMPLE, "names a setting that nobody reads", sample - known)
    yield from _each(SAMPLE, "lacks a setting", (read | host) - sample - reasons["not_local"].keys())
    yield from _each(
        REASONS, "has a reason for a setting that is there (not_local)", sample & reasons["not_local"].keys()
    )
    yield from _documents(context.sources.text(DOCS), set(read), reasons, host)


def _azure(case: str, set_: Any, read: Any, reasons: Mapping[str, Any]) -> Iterator[Problem]:
    platform, left_out = (reasons[key].keys() for key in ("platform", "not_in_azure"))
    yield from _each(case, "sets what nobody reads", set_ - read - platform)
    yield from _each(case, "does not set", (read | platform) - set_ - left_out)
    yield from _each(case, "sets what is left out on purpose", set_ & left_out)
    yield from _each(REASONS, "has a reason for what nobody reads (not_in_azure)", left_out - read)


def _each(where: str, message: str, names: Any) -> Iterator[Problem]:
    for name in sorted(names):
        yield Problem(where=where, message=f"{message}: {name}")


def _connections(context: Context) -> Iterator[Problem]:
    """Every connection by identity says by which one, and the triggers' connection is one."""
    for case, site in context.each(SITE):
        settings = context.settings(case)
        identities = context.of(case, "Microsoft.ManagedIdentity/userAssignedIdentities")
        client = filled("{guid}", identities[0], "properties.clientId") if identities else None
        prefixes = {name.removesuffix("__credential") for name in settings if name.endswith("__credential")}
        for prefix in sorted(prefixes):
            if settings[f"{prefix}__credential"] != "managedidentity":
                yield problem(case, site, f"{prefix}__credential is not managedidentity")
            if settings.get(f"{prefix}__clientId") != client:
                yield problem(case, site, f"{prefix}__clientId is not the identity of the app")
        if settings.get("AZURE_CLIENT_ID") != client:
            yield problem(case, site, "AZURE_CLIENT_ID is not the identity of the app")
        for prefix in sorted(code.connections(context.sources) - prefixes):
            yield problem(case, site, f"the triggers' connection {prefix} is not set up by identity")
        spaces = context.of(case, "Microsoft.ServiceBus/namespaces")
        hosts = {f"{space.name}.servicebus.windows.net" for space in spaces}
        for prefix in sorted(code.connections(context.sources)):
            if settings.get(f"{prefix}__fullyQualifiedNamespace") not in hosts:
                yield problem(case, site, f"{prefix}__fullyQualifiedNamespace is not the namespace")


def _documents(page: str, read: set[str], reasons: Mapping[str, Any], host: set[str]) -> Iterator[Problem]:
    own, _, others = page.partition("Read by the host")
    documented = set(re.findall(r"^\| `([^`]+)` \|", own, re.MULTILINE))
    yield from _each(DOCS, "does not document", read - documented)
    yield from _each(DOCS, "documents what nobody reads", documented - read)
    named = set(re.findall(r"`(\w+)`", others))
    wanted = {*reasons["platform"], *reasons["local_host"], *host}
    yield from _each(DOCS, "does not document, below 'Read by the host'", wanted - named)
