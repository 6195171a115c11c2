"""Property 31: the private network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

_ENDPOINT: Final = "Microsoft.Network/privateEndpoints"
_ZONES: Final = {
    "account": "privatelink.openai.azure.com",
    "blob": "privatelink.blob.core.windows.net",
    "namespace": "privatelink.servicebus.windows.net",
    "queue": "privatelink.queue.core.windows.net",
    "table": "privatelink.table.core.windows.net",
    "webpubsub": "privatelink.webpubsub.azure.com",
}
_DELEGATED: Final = "Microsoft.App/environments"


@property_(
    31,
    "Behind private endpoints everything that the app calls can be reached",
    cure="see modules/network.bicep",
)
def everything_private_can_be_reached(context: Context) -> Iterator[Problem]:
    """An endpoint for each closed service and each of its parts in use, in its zone, linked; the app has a subnet."""
    for case in context.resources:
        if context.profile(case).get("vnetEnabled") is not True:
            for kind in (_ENDPOINT, "Microsoft.Network/virtualNetworks"):
                for resource in context.of(case, kind):
                    yield problem(case, resource, "is made in a profile without a network")
            continue
        yield from _endpoints(context, case)
        yield from _subnets(context, case)


def _endpoints(context: Context, case: str) -> Iterator[Problem]:
    reached: set[tuple[str, str]] = set()
    zones = {
        z.properties["virtualNetwork"]["id"] and z.id.rpartition("/virtualNetworkLinks/")[0]
        for z in context.of(case, "Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    }
    groups = {
        g.id.rpartition("/privateDnsZoneGroups/")[0]: g
        for g in context.of(case, f"{_ENDPOINT}/privateDnsZoneGroups")
    }
    for endpoint in context.of(case, _ENDPOINT):
        for link in endpoint.properties.get("privateLinkServiceConnections", []):
            target, part = link["properties"]["privateLinkServiceId"], link["properties"]["groupIds"][0]
            reached.add((target, part))
            named = groups.get(endpoint.id)
            configs = named.properties.get("privateDnsZoneConfigs", []) if named else []
            zone = configs[0]["properties"]["privateDnsZoneId"] if configs else ""
            if zone.rpartition("/")[2] != _ZONES.get(part):
                yield problem(case, endpoint, f"{part} is named in {zone.rpartition('/')[2] or 'no zone'}")
            elif zone not in zones:
                yield problem(
                    case, endpoint, f"the zone {zone.rpartition('/')[2]} is not linked to the network"
                )
    for target, part in sorted(_needed(context, case) - reached):
        yield Problem(
            where=case, message=f"no private endpoint leads to {part} of {target.rpartition('/')[2]}"
        )


def _needed(context: Context, case: str) -> set[tuple[str, str]]:
    settings = context.settings(case)
    needed = {(r.id, "namespace") for r in context.of(case, "Microsoft.ServiceBus/namespaces")}
    needed |= {(r.id, "webpubsub") for r in context.of(case, "Microsoft.SignalRService/webPubSub")}
    needed |= {(r.id, "account") for r in context.of(case, "Microsoft.CognitiveServices/accounts")}
    for account in context.of(case, "Microsoft.Storage/storageAccounts"):
        for part in ("blob", "queue", "table"):
            if f"https://{account.name}.{part}.core.windows.net/" in settings.values():
                needed.add((account.id, part))
    return needed


def _subnets(context: Context, case: str) -> Iterator[Problem]:
    for network in context.of(case, "Microsoft.Network/virtualNetworks"):
        subnets = {s["name"]: s["properties"] for s in network.properties.get("subnets", [])}
        for name, subnet in subnets.items():
            if not subnet.get("networkSecurityGroup", {}).get("id"):
                yield problem(case, network, f"subnet {name} has no security group")
        for site in context.of(case, SITE):
            own = str(site.properties.get("virtualNetworkSubnetId", "")).removeprefix(
                f"{network.id}/subnets/"
            )
            subnet = subnets.get(own, {})
            delegated = [d["properties"]["serviceName"] for d in subnet.get("delegations", [])]
            if delegated != [_DELEGATED]:
                yield problem(case, site, f"its subnet is delegated to {delegated}, not to {_DELEGATED}")
            if not subnet.get("natGateway"):
                yield problem(case, site, "its subnet has no way out: callbacks and web sources would fail")
            if int(str(subnet.get("addressPrefix", "/32")).rpartition("/")[2]) > 26:
                yield problem(case, site, f"its subnet {subnet.get('addressPrefix')} is smaller than /26")
