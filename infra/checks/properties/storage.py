"""Properties 14 to 18: the storage accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from infra.checks import code
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.properties.app import config, deep
from infra.checks.registry import property_

ACCOUNT: Final = "Microsoft.Storage/storageAccounts"
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_SOFT_DELETE_DAYS = 7


@property_(
    14, "Storage takes identities over TLS alone", cure="see modules/storage.bicep: keys off, public off"
)
def storage_takes_identities_alone(context: Context) -> Iterator[Problem]:
    """No shared key, no public blob, TLS 1.2; deleted blobs and containers can be had back for a week."""
    wanted = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "defaultToOAuthAuthentication": True,
        "supportsHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
    }
    for case, account in context.each(ACCOUNT):
        for name, right in wanted.items():
            if account.properties.get(name) != right:
                yield problem(case, account, f"{name} is {account.properties.get(name)}, not {right}")
    for case, service in context.each(f"{ACCOUNT}/blobServices"):
        for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            policy = service.properties.get(name, {})
            if policy.get("enabled") is not True or policy.get("days", 0) < _SOFT_DELETE_DAYS:
                yield problem(case, service, f"{name} is {policy}: less than {_SOFT_DELETE_DAYS} days")


@property_(
    15, "In production storage and plan survive the loss of a zone", cure="ZRS or GZRS, zoneRedundant: true"
)
def production_survives_the_loss_of_a_zone(context: Context) -> Iterator[Problem]:
    """Both accounts and the plan."""
    for case in ("prod", "vnet"):
        for account in context.of(case, ACCOUNT):
            if account.get("sku", "name") not in ("Standard_ZRS", "Standard_GZRS"):
                yield problem(case, account, f"sku is {account.get('sku', 'name')}")
        for plan in context.of(case, "Microsoft.Web/serverfarms"):
            if plan.properties.get("zoneRedundant") is not True:
                yield problem(case, plan, "is not zone redundant")


@property_(
    16, "The network is closed exactly where private endpoints open it", cure="isPrivate: size.vnetEnabled"
)
def the_network_is_closed_only_behind_endpoints(context: Context) -> Iterator[Problem]:
    """Without endpoints ``Deny`` would lock the app out: Flex calls from addresses that no rule can name."""
    for case, account in context.each(ACCOUNT):
        private = context.profile(case).get("vnetEnabled") is True
        wanted = ("Disabled", "Deny") if private else ("Enabled", "Allow")
        found = (
            account.properties.get("publicNetworkAccess"),
            account.get("properties", "networkAcls", "defaultAction"),
        )
        if found != wanted:
            yield problem(case, account, f"network is {found}, not {wanted}")


@property_(17, "The tables are those of the code", cure="bring tableNames of main.bicep in line with TABLES")
def the_tables_are_those_of_the_code(context: Context) -> Iterator[Problem]:
    """Names of main.bicep == ``TABLES``; the app makes missing ones itself, but a name here is under review."""
    wanted = code.tables(context.sources)
    for case in context.resources:
        found = {t.name.rpartition("/")[2] for t in context.of(case, f"{ACCOUNT}/tableServices/tables")}
        for name in sorted(wanted - found):
            yield Problem(
                where=f"{case}: main.bicep", message=f"the code uses table {name}, which is not made"
            )
        for name in sorted(found - wanted):
            yield Problem(where=f"{case}: main.bicep", message=f"table {name} is made and no code uses it")
        for name in sorted(found):
            if not _TABLE_NAME.fullmatch(name):
                yield Problem(where=f"{case}: main.bicep", message=f"{name} cannot be the name of a table")


@property_(
    18, "Nothing is kept for ever", cure="set a retention; a container of artifacts needs a lifecycle policy"
)
def nothing_is_kept_for_ever(context: Context) -> Iterator[Problem]:
    """Jobs and audit rows end by the app's timers; blobs other than the package would need a lifecycle policy."""
    for case, site in context.each(SITE):
        for name in ("RETENTION_DAYS", "AUDIT_RETENTION_DAYS"):
            value = context.settings(case).get(name, "")
            if not value.isdigit() or not 1 <= int(value) <= 3650:
                yield problem(case, site, f"{name} is {value!r}, not a number of days up to 3650")
        package = deep(config(site), "deployment", "storage", "value") or ""
        policies = {
            p.id.partition("/managementPolicies/")[0]
            for p in context.of(case, f"{ACCOUNT}/managementPolicies")
        }
        for container in context.of(case, f"{ACCOUNT}/blobServices/containers"):
            account = container.id.partition("/blobServices/")[0]
            if not package.endswith("/" + container.name.rpartition("/")[2]) and account not in policies:
                yield problem(case, container, "holds blobs that no lifecycle policy removes")
