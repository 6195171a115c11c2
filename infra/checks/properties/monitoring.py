"""Properties 25 to 28: telemetry, diagnostics, alerts, budget and workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.checks import code, kql
from infra.checks.context import SITE, Context, problem
from infra.checks.findings import Problem
from infra.checks.registry import property_

WORKSPACE: Final = "Microsoft.OperationalInsights/workspaces"
METRIC_ALERT: Final = "Microsoft.Insights/metricAlerts"
QUERY_ALERT: Final = "Microsoft.Insights/scheduledQueryRules"
RUNBOOKS: Final = "docs/operations/runbooks"
INDEX: Final = "docs/operations/README.md"
_DIAGNOSED: Final = {
    "Microsoft.ServiceBus/namespaces",
    "Microsoft.SignalRService/webPubSub",
    "Microsoft.Web/sites",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.CognitiveServices/accounts",
    "Microsoft.KeyVault/vaults",
}
_NEEDED: Final = {
    "dead-letters",
    "stuck-jobs",
    "job-failures",
    "servicebus-throttled",
    "realtime-load",
    "realtime-connections",
    "llm-throttled",
    "llm-spend",
    "breaker-open",
    "callbacks-failing",
    "server-errors",
    "no-telemetry",
    "auth-failures",
    "queue-time",
    "jobs-not-sent",
    "slow-jobs",
}
_FREQUENCIES: Final = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT1H": 60, "P1D": 1440}


@property_(25, "Telemetry comes from identities and is bounded", cure="see modules/monitoring.bicep")
def telemetry_comes_from_identities(context: Context) -> Iterator[Problem]:
    """Workspace-based, no ingestion by key, kept for 30 days at least, capped by day; no trace is sampled away."""
    for case, insights in context.each("Microsoft.Insights/components"):
        spaces = {space.id for space in context.of(case, WORKSPACE)}
        if insights.properties.get("WorkspaceResourceId") not in spaces:
            yield problem(case, insights, "is not based on the workspace")
        if insights.properties.get("DisableLocalAuth") is not True:
            yield problem(case, insights, "takes telemetry by key")
    for case, space in context.each(WORKSPACE):
        if space.get("properties", "features", "disableLocalAuth") is not True:
            yield problem(case, space, "takes logs by key")
        if space.properties.get("retentionInDays", 0) < 30:
            yield problem(case, space, f"keeps logs for {space.properties.get('retentionInDays')} days")
        if (space.get("properties", "workspaceCapping", "dailyQuotaGb") or 0) < 1:
            yield problem(case, space, "has no daily cap")
    mode = context.sources.json("host.json").get("telemetryMode")
    for case, site in context.each(SITE):
        settings = context.settings(case)
        if mode != "OpenTelemetry" or settings.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY") != "true":
            yield problem(
                case, site, "host and worker do not both use OpenTelemetry: traces would break between them"
            )
        sampler = (settings.get("OTEL_TRACES_SAMPLER"), settings.get("OTEL_TRACES_SAMPLER_ARG"))
        if sampler != ("microsoft.fixed_percentage", "1.0"):
            yield problem(case, site, f"traces are sampled by {sampler}: some jobs would have none")
        if f"ClientId={settings.get('AZURE_CLIENT_ID')};Authorization=AAD" != settings.get(
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
        ):
            yield problem(case, site, "APPLICATIONINSIGHTS_AUTHENTICATION_STRING does not name the identity")


@property_(
    26, "What may be asked later is logged", cure="add a diagnosticSettings with scope: <the resource>"
)
def what_may_be_asked_later_is_logged(context: Context) -> Iterator[Problem]:
    """Every service has a diagnostic setting that sends logs and metrics to the workspace."""
    for case, resources in context.resources.items():
        spaces = {space.id for space in context.of(case, WORKSPACE)}
        sent = {
            setting.scope
            for setting in context.of(case, "Microsoft.Insights/diagnosticSettings")
            if setting.properties.get("workspaceId") in spaces
            and _is_on(setting.properties.get("logs"))
            and _is_on(setting.properties.get("metrics"))
        }
        for resource in resources:
            if resource.type in _DIAGNOSED and resource.id not in sent:
                yield problem(case, resource, "sends no logs and metrics to the workspace")


def _is_on(categories: Any) -> bool:
    return any(each.get("enabled") is True for each in categories or [])


@property_(
    27,
    "Alerts reach somebody who finds a runbook",
    cure="see modules/alerts.bicep and docs/operations/runbooks",
)
def alerts_reach_somebody_with_a_runbook(context: Context) -> Iterator[Problem]:
    """The needed alerts are there, say what happens, name their runbook, resolve themselves and call the action group."""
    named: set[str] = set()
    for case in context.resources:
        groups = {group.id for group in context.of(case, "Microsoft.Insights/actionGroups")}
        alerts = [*context.of(case, METRIC_ALERT), *context.of(case, QUERY_ALERT)]
        names = {alert.name for alert in alerts}
        for name in sorted(_NEEDED - names):
            yield Problem(where=case, message=f"there is no alert {name}")
        for alert in alerts:
            named.add(f"{RUNBOOKS}/{alert.name}.md")
            for message in _alert_problems(context, alert, groups):
                yield problem(case, alert, message)
    index = context.sources.text(INDEX)
    for path in context.sources.files(RUNBOOKS, "*.md"):
        if path not in named:
            yield Problem(where=path, message="no alert leads to this runbook")
        if f"](runbooks/{path.rpartition('/')[2]})" not in index:
            yield Problem(where=INDEX, message=f"does not list {path}")
    known = kql.Names.load(context.sources, set()).platform
    for case, alert in context.each(METRIC_ALERT):
        for criterion in alert.get("properties", "criteria", "allOf") or []:
            if criterion.get("metricName") not in known.get(criterion.get("metricNamespace", ""), ()):
                yield problem(
                    case,
                    alert,
                    f"there is no metric {criterion.get('metricName')} of {criterion.get('metricNamespace')}",
                )


def _alert_problems(context: Context, alert: Any, groups: set[str]) -> Iterator[str]:
    values: Mapping[str, Any] = alert.properties
    runbook = f"{RUNBOOKS}/{alert.name}.md"
    if f"Runbook: {runbook}" not in values.get("description", ""):
        yield f"its description does not name {runbook}"
    elif not context.sources.exists(runbook):
        yield f"its runbook {runbook} is not written"
    actions = values.get("actions", [])
    called = (
        {a.get("actionGroupId") for a in actions}
        if isinstance(actions, list)
        else set(actions.get("actionGroups", []))
    )
    if not called & groups:
        yield "calls no action group"
    if values.get("autoMitigate") is not True or values.get("enabled") is not True:
        yield "is not enabled, or does not resolve by itself"
    if values.get("severity") not in range(5):
        yield f"severity is {values.get('severity')}"
    frequency, window = (
        _FREQUENCIES.get(values.get(key, ""), 0) for key in ("evaluationFrequency", "windowSize")
    )
    if not 5 <= frequency <= window:
        yield f"looks every {values.get('evaluationFrequency')} at {values.get('windowSize')}"


@property_(
    28, "Cost is watched and queries name what there is", cure="compare with infra/checks/telemetry.yaml"
)
def cost_is_watched_and_queries_name_what_there_is(context: Context) -> Iterator[Problem]:
    """A budget with three warnings; the workbook is JSON; its queries and those of alerts use known names."""
    for case in context.resources:
        for budget in context.of(case, "Microsoft.Consumption/budgets"):
            warnings = list((budget.properties.get("notifications") or {}).values())
            kinds = [w.get("thresholdType") for w in warnings if w.get("enabled") and w.get("contactGroups")]
            if len(kinds) < 3 or "Forecasted" not in kinds:
                yield problem(case, budget, f"warns {len(kinds)} times ({kinds})")
        if len(context.of(case, "Microsoft.Consumption/budgets")) != 1:
            yield Problem(where=case, message="there is no budget, or more than one")
    names = kql.Names.load(context.sources, code.log_messages(context.sources))
    for where, query in _queries(context):
        if not kql.tables_of(query, names):
            yield Problem(where=where, message="the query reads no known table")
        for line, message in kql.problems(query, names):
            yield Problem(where=f"{where} line {line}", message=message)
    yield from _estimates(context)
    yield from _metrics(context, names)


def _metrics(context: Context, names: kql.Names) -> Iterator[Problem]:
    """The list of the checks is the table of the telemetry module."""
    emitted = code.metrics(context.sources)
    if emitted is None:
        return
    for name in sorted(emitted.keys() | names.metrics.keys()):
        ours, theirs = names.metrics.get(name), emitted.get(name)
        if ours is None or theirs is None or ours != frozenset(theirs):
            known = f"{sorted(ours or ())}, the code emits {theirs}"
            yield Problem(where=kql.PATH, message=f"metric {name} has {known}")


def _queries(context: Context) -> Iterator[tuple[str, str]]:
    for item in context.sources.json("infra/workbook.json")["items"]:
        content = item.get("content", {})
        if content.get("version") == "KqlItem/1.0":
            yield f"infra/workbook.json: {item.get('name')}", content["query"]
    used = set()
    for case, alert in context.each(QUERY_ALERT):
        for criterion in alert.get("properties", "criteria", "allOf") or []:
            query = criterion.get("query", "")
            used.add(query.partition("\n")[0])
            yield f"{case}: alert {alert.name}", query
            if "{" in query or criterion.get("timeAggregation") != "Count" or criterion.get("threshold") != 0:
                yield (
                    f"{case}: alert {alert.name}: rows mean that something is wrong; it has gaps or other conditions",
                    "",
                )
    for path in context.sources.files("docs/operations", "*.md"):
        for query in re.findall(
            r"^```kusto\n(.*?)^```", context.sources.text(path), re.MULTILINE | re.DOTALL
        ):
            yield path, query
    for path in context.sources.files("infra/kql", "*.kql"):
        if context.sources.text(path).partition("\n")[0] not in used:
            yield f"{path}: no alert uses it", ""


def _estimates(context: Context) -> Iterator[Problem]:
    path = "infra/kql/slow-jobs.kql"
    written = re.findall(r'"(\w+)", (\d+)', context.sources.text(path))
    found = {name: float(seconds) for name, seconds in written}
    wanted = code.estimates(context.sources)
    if found != wanted:
        yield Problem(where=path, message=f"estimates are {found}, the code has {wanted}")
