"""Properties 19 to 22: Service Bus, host.json and Web PubSub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from infra.checks import code
from infra.checks.bicep.values import filled
from infra.checks.cases import CASES
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.properties.app import config, deep
from infra.checks.registry import property_

NAMESPACE: Final = "Microsoft.ServiceBus/namespaces"
PUBSUB: Final = "Microsoft.SignalRService/webPubSub"
UPSTREAM: Final = "/content-architect/realtime/upstream"
TOKENS_PER_JOB = 38_000
"""30,000 read and 8,000 written by a job with a language model: the estimate of docs/operations/capacity-and-cost.md."""
SECONDS_PER_JOB = 600
_HEADROOM = 1.5
_SAME_AS_LOCAL: Final = {
    "DeadLetteringOnMessageExpiration": "deadLetteringOnMessageExpiration",
    "DefaultMessageTimeToLive": "defaultMessageTimeToLive",
    "DuplicateDetectionHistoryTimeWindow": "duplicateDetectionHistoryTimeWindow",
    "MaxDeliveryCount": "maxDeliveryCount",
    "RequiresDuplicateDetection": "requiresDuplicateDetection",
    "RequiresSession": "requiresSession",
}
"""All but the lock: short locally, so that tests of lost workers do not wait; the longest there is in Azure."""


@property_(
    19,
    "Service Bus takes identities alone",
    cure="disableLocalAuth, TLS 1.2, not Basic; Premium with endpoints",
)
def service_bus_takes_identities_alone(context: Context) -> Iterator[Problem]:
    """No connection strings; a tier with duplicate detection, and with private endpoints where those are."""
    for case in context.resources:
        spaces = context.of(case, NAMESPACE)
        if len(spaces) != 1:
            yield Problem(where=case, message=f"{len(spaces)} namespaces, not one")
        private = context.profile(case).get("vnetEnabled") is True
        for space in spaces:
            sku, capacity = space.get("sku", "name"), space.get("sku", "capacity")
            if space.properties.get("disableLocalAuth") is not True:
                yield problem(case, space, "disableLocalAuth is not true")
            if space.properties.get("minimumTlsVersion") != "1.2":
                yield problem(case, space, "minimumTlsVersion is not 1.2")
            if sku != ("Premium" if private else "Standard") or space.get("sku", "tier") != sku:
                yield problem(
                    case, space, f"sku is {space.get('sku')} {'with' if private else 'without'} endpoints"
                )
            if (sku == "Premium") != (capacity in (1, 2, 4, 8, 16)):
                yield problem(case, space, f"capacity is {capacity} for {sku}")
            if space.properties.get("publicNetworkAccess") != ("Disabled" if private else "Enabled"):
                yield problem(case, space, "publicNetworkAccess does not fit the profile")


@property_(
    20, "The queues are those of the code", cure="bring queueNames, queues.json and the triggers in line"
)
def the_queues_are_those_of_the_code(context: Context) -> Iterator[Problem]:
    """Names of the triggers == Bicep == the local broker, with the same properties but for the lock."""
    local, triggers = code.local_queues(context.sources), code.queues(context.sources)
    if local.keys() != triggers:
        message = f"queues are {sorted(local)}, triggers listen to {sorted(triggers)}"
        yield Problem(where=code.LOCAL_QUEUES, message=message)
    for case in context.resources:
        found = {q.name.rpartition("/")[2]: q for q in context.of(case, f"{NAMESPACE}/queues")}
        if found.keys() != triggers:
            message = f"makes {sorted(found)}, triggers listen to {sorted(triggers)}"
            yield Problem(where=f"{case}: main.bicep", message=message)
        for name, queue in found.items():
            for message in _queue_problems(queue.properties, local.get(name, {})):
                yield problem(case, queue, message)
            told = context.settings(case).get("MAX_DELIVERY_COUNT")
            if told != str(queue.properties.get("maxDeliveryCount")):
                yield problem(case, queue, f"MAX_DELIVERY_COUNT tells the app {told}")


def _queue_problems(properties: Any, local: Any) -> Iterator[str]:
    if properties.get("lockDuration") != "PT5M":
        yield f"lockDuration is {properties.get('lockDuration')}: the longest, PT5M, spares renewals"
    if not 3 <= properties.get("maxDeliveryCount", 0) <= 10:
        yield f"maxDeliveryCount is {properties.get('maxDeliveryCount')}"
    if not re.fullmatch(r"P\d{1,2}D", properties.get("defaultMessageTimeToLive", "")):
        yield "defaultMessageTimeToLive is not a number of days"
    if properties.get("requiresDuplicateDetection") is not True:
        yield "requiresDuplicateDetection is not true, and can not be changed later"
    if properties.get("deadLetteringOnMessageExpiration") is not True:
        yield "an expired message would vanish"
    for theirs, ours in _SAME_AS_LOCAL.items():
        if theirs in local and properties.get(ours) != local[theirs]:
            yield f"{ours} is {properties.get(ours)}, the local broker has {local[theirs]}"


@property_(
    21,
    "host.json outlasts the longest job, and the model keeps up",
    cure="see docs/operations/capacity-and-cost.md",
)
def host_json_outlasts_the_longest_job(context: Context) -> Iterator[Problem]:
    """Lock renewal >= function time-out >= longest attempt; nothing is fetched ahead; jobs in flight fit the tokens."""
    host = context.sources.json("host.json")
    bus = deep(host, "extensions", "serviceBus") or {}
    timeout, renewal = _seconds(host.get("functionTimeout")), _seconds(bus.get("maxAutoLockRenewalDuration"))
    longest = 60 * code.limits(context.sources, "JOB_TIMEOUT_MINUTES").get("le", float("inf"))
    if not renewal >= timeout > longest:
        yield Problem(
            where="host.json",
            message=f"lock renewal {renewal:.0f} s >= functionTimeout {timeout:.0f} s > longest attempt {longest:.0f} s does not hold",
        )
    if bus.get("prefetchCount") != 0:
        yield Problem(
            where="host.json", message="prefetchCount is not 0: the locks of waiting messages would run out"
        )
    if bus.get("autoCompleteMessages") is not True:
        yield Problem(
            where="host.json", message="autoCompleteMessages is not true: functions settle by returning"
        )
    if deep(host, "extensions", "http", "routePrefix") != "":
        yield Problem(where="host.json", message="routePrefix is not empty: routes carry their own")
    if not isinstance(bus.get("maxConcurrentCalls"), int):
        yield Problem(where="host.json", message="maxConcurrentCalls is not set")
    for case, site in context.each(SITE):
        yield from _capacity(context, case, site, bus.get("maxConcurrentCalls"))


def _seconds(text: Any) -> float:
    parts = re.fullmatch(r"(\d\d):(\d\d):(\d\d)", text or "")
    return (
        sum(int(part) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True))
        if parts
        else 0.0
    )


def _capacity(context: Context, case: str, site: Any, in_host_json: Any) -> Iterator[Problem]:
    settings = context.settings(case)
    calls = settings.get(
        "AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls", str(in_host_json)
    )
    instances = deep(config(site), "scaleAndConcurrency", "maximumInstanceCount") or 0
    if not calls.isdigit() or not 1 <= int(calls) <= 32:
        yield problem(case, site, f"maxConcurrentCalls is {calls}, not 1 to 32")
        return
    per_minute = instances * int(calls) * TOKENS_PER_JOB * 60 / SECONDS_PER_JOB
    quota = 1000 * context.profile(case)["llmThousandTokensPerMinute"]
    if per_minute > _HEADROOM * quota:
        yield problem(
            case,
            site,
            f"{instances} x {calls} jobs want {per_minute:,.0f} tokens a minute, the model gives {quota:,}",
        )


@property_(22, "Web PubSub lets in nobody without a token of the app", cure="see modules/web-pubsub.bicep")
def web_pubsub_lets_in_tokens_alone(context: Context) -> Iterator[Problem]:
    """No keys, no anonymous clients, the hub of the code, events to the app and signed by its own identity."""
    for case, service in context.each(PUBSUB):
        if service.properties.get("disableLocalAuth") is not True:
            yield problem(case, service, "disableLocalAuth is not true")
        if service.get("identity", "type") != "SystemAssigned":
            yield problem(case, service, "has no identity to sign upstream calls with")
        if CASES[case]["profile"] != "dev" and service.get("sku", "name") == "Free_F1":
            yield problem(case, service, "Free has 20 connections and no service level")
        private = context.profile(case).get("vnetEnabled") is True
        allowed = service.get("properties", "networkACLs", "publicNetwork", "allow")
        if private and (
            allowed != ["ClientConnection"]
            or service.get("properties", "networkACLs", "defaultAction") != "Deny"
        ):
            yield problem(case, service, f"servers may come from outside: {allowed}")
        hubs = [h for h in context.of(case, f"{PUBSUB}/hubs") if h.id.startswith(service.id)]
        names = {h.name.rpartition("/")[2] for h in hubs}
        told = context.settings(case).get("WEB_PUBSUB_HUB")
        if names != {told} or told != code.settings(context.sources)["WEB_PUBSUB_HUB"]:
            yield problem(case, service, f"hubs are {sorted(names)}, the app is told {told}")
        for hub in hubs:
            yield from _hub_problems(context, case, hub, service)


def _hub_problems(context: Context, case: str, hub: Any, service: Any) -> Iterator[Problem]:
    settings, audience = context.settings(case), CASES[case].get("entraClientId", "")
    if hub.properties.get("anonymousConnectPolicy") != "deny":
        yield problem(case, hub, "anonymousConnectPolicy is not deny")
    wanted = {
        "urlTemplate": settings.get("CONTENT_ARCHITECT_API_URL", "") + UPSTREAM,
        "userEventPattern": "*",
        "systemEvents": ["connect", "connected", "disconnected"],
        "auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": audience}},
    }
    if hub.properties.get("eventHandlers") != ([wanted] if audience else []):
        yield problem(case, hub, f"eventHandlers is {hub.properties.get('eventHandlers')}, not {wanted}")
    told = (settings.get("WEB_PUBSUB_UPSTREAM_AUDIENCE"), settings.get("WEB_PUBSUB_UPSTREAM_PRINCIPAL"))
    if told != ((audience, filled("{guid}", service, "identity.principalId")) if audience else ("", "")):
        yield problem(case, hub, f"the app expects upstream calls of {told}")
