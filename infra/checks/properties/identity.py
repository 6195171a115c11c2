"""Properties 23 and 24: who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from infra.checks import code
from infra.checks.bicep.functions import guid
from infra.checks.bicep.values import Resource, filled
from infra.checks.cases import CASES
from infra.checks.context import Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

ASSIGNMENT: Final = "Microsoft.Authorization/roleAssignments"
ROLES: Final = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "090c5cfd-751d-490a-894a-3ce6f1109419": "Azure Service Bus Data Owner",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "12cf5a90-567b-43ae-8102-96cf46c7d9b4": "Web PubSub Service Owner",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
}
"""Roles that may be given, all of them about data: nobody is made Owner or Contributor of anything."""

_ACCOUNT: Final = "Microsoft.Storage/storageAccounts"
_NEEDS: Final = {
    "azure.data.tables": ("Storage Table Data Contributor", _ACCOUNT),
    "azure.servicebus": ("Azure Service Bus Data Owner", "Microsoft.ServiceBus/namespaces/queues"),
    "azure.messaging.webpubsubservice": ("Web PubSub Service Owner", "Microsoft.SignalRService/webPubSub"),
    "cognitiveservices.azure.com": ("Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts"),
    "azure.storage.blob": ("Storage Blob Data Contributor", _ACCOUNT),
    "azure.storage.queue": ("Storage Queue Data Contributor", _ACCOUNT),
    "azure.keyvault.secrets": ("Key Vault Secrets User", "Microsoft.KeyVault/vaults"),
}
"""What each client in the code needs, and on what."""
_NEEDS_NOTHING: Final = ("azure.core", "azure.identity", "azure.monitor", "azure.functions")
_HOST_SERVICES: Final = {
    "AzureWebJobsStorage__blobServiceUri": ("blob", "Storage Blob Data Owner"),
    "AzureWebJobsStorage__queueServiceUri": ("queue", "Storage Queue Data Contributor"),
    "AzureWebJobsStorage__tableServiceUri": ("table", "Storage Table Data Contributor"),
}


def role_of(assignment: Resource) -> str:
    """Name of the role that is given; its id where the role is not known."""
    identifier = str(assignment.properties.get("roleDefinitionId", "")).rpartition("/")[2]
    return ROLES.get(identifier, identifier)


@property_(
    23, "Roles are known, narrow and stable", cure="scope: <resource>, name: guid(scope.id, principal, role)"
)
def roles_are_known_narrow_and_stable(context: Context) -> Iterator[Problem]:
    """Known data roles on single resources, under names that a second deployment finds again."""
    for case, assignment in context.each(ASSIGNMENT):
        role, values = role_of(assignment), assignment.properties
        if role not in ROLES.values():
            yield problem(case, assignment, f"role {role} is not among those that may be given")
        if assignment.scope.rpartition("/providers/")[0] == "":
            yield problem(case, assignment, f"is given on {assignment.scope}, not on a resource")
        if values.get("principalType") not in ("Group", "ServicePrincipal", "User"):
            yield problem(case, assignment, f"principalType is {values.get('principalType')}")
        identifier = str(values.get("roleDefinitionId", "")).rpartition("/")[2]
        if assignment.name != guid(assignment.scope, values.get("principalId", ""), identifier):
            yield problem(case, assignment, "its name is not guid(scope, principal, role)")


@property_(
    24, "The app may do what its code does, and no more", cure="give the role in the module of the resource"
)
def the_app_may_do_what_its_code_does(context: Context) -> Iterator[Problem]:
    """Roles of the app's identity == clients in the code; others only where the profile lets developers in."""
    for case in context.resources:
        if context.profile(case).get("developerAccess") is True and CASES[case]["profile"] != "dev":
            yield Problem(where=f"infra/profiles/{case}.json", message="lets developers into production")
        needed = {*_needed_by_code(context, case), *_needed_by_the_host(context, case)}
        app = _identity(context, case)
        given = set()
        for assignment in context.of(case, ASSIGNMENT):
            if assignment.properties.get("principalId") == app:
                given.add((role_of(assignment), assignment.scope))
            elif context.profile(case).get("developerAccess") is not True:
                yield problem(case, assignment, "gives somebody else a role in a profile that forbids it")
        for role, scope in sorted(needed - given):
            yield Problem(where=case, message=f"the app lacks {role} on {scope.rpartition('/')[2]}")
        for role, scope in sorted(given - needed):
            yield Problem(
                where=case, message=f"the app has {role} on {scope.rpartition('/')[2]}, and no code uses it"
            )
    for package in sorted(code.clients(context.sources)):
        known = package in _NEEDS or package.startswith((*_NEEDS_NOTHING, *(f"{name}." for name in _NEEDS)))
        if not known:
            yield Problem(where="orchestration", message=f"{package} is used: which role does it need?")


def _identity(context: Context, case: str) -> str:
    found = context.of(case, "Microsoft.ManagedIdentity/userAssignedIdentities")
    return filled("{guid}", found[0], "properties.principalId") if found else ""


def _needed_by_code(context: Context, case: str) -> Iterator[tuple[str, str]]:
    used = code.clients(context.sources)
    data = context.settings(case).get("CONTENT_STORAGE__tableServiceUri", "")
    for package, (role, kind) in _NEEDS.items():
        if package in used:
            for resource in context.of(case, kind):
                if kind != _ACCOUNT or f"//{resource.name}." in data:
                    yield role, resource.id


def _needed_by_the_host(context: Context, case: str) -> Iterator[tuple[str, str]]:
    settings = context.settings(case)
    for setting, (service, role) in _HOST_SERVICES.items():
        for account in context.of(case, _ACCOUNT):
            if settings.get(setting) == f"https://{account.name}.{service}.core.windows.net/":
                yield role, account.id
    for insights in context.of(case, "Microsoft.Insights/components"):
        yield "Monitoring Metrics Publisher", insights.id
