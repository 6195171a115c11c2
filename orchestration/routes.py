"""The table of routes: what is called how, which role it takes, who handles it.

A route is named as its function in ``function_app.py``; a test compares this table with the real bindings. What a
route's contract says beyond that (parameters, bodies, answers) is in :mod:`orchestration.contract.operations`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestration.controller import ContentArchitectController as Face
from orchestration.controller import Handler
from orchestration.errors import FieldError, InvalidRequest, RequestRefused
from orchestration.handlers import audit, callbacks, contract, jobs, keys, realtime, workflows
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Role
from orchestration.management.listing import FILTERS
from orchestration.request_headers import REPEATABILITY

BASE = "content-architect"


_SAFE = ("GET", "HEAD", "OPTIONS")
_NAME = re.compile(r"^[A-Za-z]{1,40}$")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. ``path`` is below ``/content-architect``; ``role`` None admits everybody.

    ``query`` are the parameters that it knows. ``repeatable`` ones honour ``Repeatability-Request-ID``.
    """

    name: str
    method: str
    path: str
    role: Role | None
    handler: Handler
    query: tuple[str, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether a repeat of the same request is the same operation."""
        return self.name == "generate"

    def values(self, path: str) -> dict[str, str] | None:
        """The parameters of a path below the base, None where it is not this route's. Case matters to ids alone."""
        pattern = _PARAMETER.sub(lambda name: f"(?P<{name.group(1)}>[^/]+)", self.path)
        found = re.fullmatch(pattern, path, re.IGNORECASE)
        return found.groupdict() if found else None

    def check(self, call: HttpCall) -> None:
        """Refuse what would be silently ignored: unknown parameters, and a promise that is not kept here.

        Open routes ignore unknown parameters: probes and browsers add some. Raises :class:`InvalidRequest`, and
        :class:`RequestRefused` 501 as Azure's guidelines ask for.
        """
        unknown = [name for name in call.query if name not in self.query]
        if unknown and self.role is not None:
            known = f"known: {', '.join(self.query)}" if self.query else "there are none here"
            detail = f"is not a known parameter; {known}"
            # A name that is no name is not repeated in the answer.
            pointers = [f"/{name}" if _NAME.match(name) else "" for name in unknown]
            raise InvalidRequest([FieldError(pointer=pointer, detail=detail) for pointer in pointers])
        if call.method not in _SAFE and not self.repeatable and any(n in call.headers for n in REPEATABILITY):
            raise RequestRefused(
                "Repeatability-Request-ID is honoured by generate alone",
                code="repeatability_not_supported",
                status=501,
            )


def routes_of(path: str) -> Sequence[tuple[Route, dict[str, str]]]:
    """The routes of a whole path, with the path's parameters. Text of a path stands before a parameter."""
    base, _, rest = path.strip("/").partition("/")
    if base.lower() != BASE:
        return []
    fixed: list[tuple[Route, dict[str, str]]] = [
        (route, {}) for route in ROUTES.values() if route.path == rest.lower()
    ]
    found = ((route, route.values(rest)) for route in ROUTES.values())
    return fixed or [(route, values) for route, values in found if values is not None]


def as_get(route: Route, call: HttpCall) -> tuple[Route, HttpCall]:
    """A HEAD that came to the catch-all as the GET that it asks about (RFC 9110, section 9.3.2).

    Functions bind GET alone; whoever sends the answer leaves the body out.
    """
    if route is CATCH_ALL and call.method == "HEAD":
        for found, values in routes_of(call.route.get("rest", "")):
            if found.method == "GET":
                return found, replace(call, method="GET", route=values)
    return route, call


async def not_found(controller: Face, call: HttpCall) -> HttpReply:
    """The catch-all: for a known path the methods that it takes, else 404. CORS is off: no origin is named."""
    del controller  # nothing is asked of the services
    found = [route.method for route, _ in routes_of(call.route.get("rest", ""))]
    if not found:
        raise RequestRefused("there is nothing here", code="not_found", status=404)
    methods = {*found, "OPTIONS", *(["HEAD"] if "GET" in found else [])}
    allow = {"Allow": ", ".join(sorted(methods))}
    if call.method == "OPTIONS":
        return HttpReply(status=204, headers=allow)
    detail = f"this path takes {allow['Allow']}"
    raise RequestRefused(detail, code="method_not_allowed", status=405, headers=allow)


_JOB = "job/{jobId}"
_WORKFLOW = "workflows/{workflowId}"
_VIEWER, _SUBMITTER, _OPERATOR, _ADMIN = Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN

_TABLE: tuple[tuple[str, str, str, Role | None, Handler], ...] = (
    ("generate", "POST", "generate", _SUBMITTER, Face.generate),
    ("job", "GET", _JOB, _VIEWER, Face.job),
    ("job_result", "GET", f"{_JOB}/result", _VIEWER, Face.result),
    ("job_events", "GET", f"{_JOB}/events", _VIEWER, Face.events),
    ("job_cancel", "POST", f"{_JOB}/cancel", _SUBMITTER, Face.cancel),
    ("job_retry", "POST", f"{_JOB}/retry", _SUBMITTER, jobs.retry_job),
    ("job_fork", "POST", f"{_JOB}/fork", _SUBMITTER, jobs.fork_job),
    ("job_delete", "DELETE", _JOB, _SUBMITTER, jobs.delete_job),
    ("job_negotiate", "POST", f"{_JOB}/negotiate", _VIEWER, realtime.negotiate_job),
    ("job_deliveries", "GET", f"{_JOB}/deliveries", _SUBMITTER, callbacks.list_deliveries),
    (
        "job_redeliver",
        "POST",
        f"{_JOB}/deliveries/{{deliveryId}}/redeliver",
        _SUBMITTER,
        callbacks.redeliver,
    ),
    ("jobs", "GET", "jobs", _VIEWER, jobs.list_jobs),
    ("jobs_statistics", "GET", "jobs/statistics", _VIEWER, jobs.job_statistics),
    ("workflows", "GET", "workflows", _VIEWER, workflows.list_workflows),
    ("workflow_create", "POST", "workflows", _OPERATOR, workflows.create_workflow),
    ("workflow_validate", "POST", "workflows/validate", _VIEWER, workflows.validate_workflow),
    ("workflow", "GET", _WORKFLOW, _VIEWER, workflows.get_workflow),
    ("workflow_update", "PUT", _WORKFLOW, _OPERATOR, workflows.update_workflow),
    ("workflow_delete", "DELETE", _WORKFLOW, _OPERATOR, workflows.delete_workflow),
    (
        "workflow_activate",
        "POST",
        f"{_WORKFLOW}/activate",
        _OPERATOR,
        workflows.activate_workflow,
    ),
    ("dead_letters", "GET", "deadletters", _OPERATOR, jobs.dead_letters),
    ("dead_letters_redrive", "POST", "deadletters/redrive", _OPERATOR, jobs.redrive),
    ("webhooks_rotate", "POST", "webhooks/secret/rotate", _ADMIN, callbacks.rotate_secret),
    ("webhooks_test", "POST", "webhooks/test", _ADMIN, callbacks.test_call),
    ("realtime_negotiate", "POST", "realtime/negotiate", _VIEWER, realtime.negotiate_user),
    ("realtime_connections", "GET", "realtime/connections", _OPERATOR, realtime.list_connections),
    # Open to everybody, since their handlers check the sender: Web PubSub has no credential of this app.
    ("realtime_handshake", "OPTIONS", "realtime/upstream", None, realtime.handshake),
    ("realtime_upstream", "POST", "realtime/upstream", None, realtime.receive),
    ("apikeys", "GET", "apikeys", _ADMIN, keys.list_keys),
    ("apikey_create", "POST", "apikeys", _ADMIN, keys.issue_key),
    ("apikey_revoke", "DELETE", "apikeys/{keyId}", _ADMIN, keys.revoke_key),
    ("audit", "GET", "audit", _ADMIN, audit.list_audit),
    ("health", "GET", "health", None, Face.health_overall),
    ("health_live", "GET", "health/live", None, Face.health_live),
    ("health_ready", "GET", "health/ready", None, Face.health_overall),
    ("openapi", "GET", "openapi.json", None, contract.contract),
    ("docs", "GET", "docs", None, contract.docs_page),
    ("docs_file", "GET", "docs/{file}", None, contract.docs_file),
)

_WAIT = ("wait",)
_QUERY: dict[str, tuple[str, ...]] = {
    "generate": _WAIT,
    "job": _WAIT,
    "job_events": ("after",),
    "job_retry": ("fromScratch",),
    "jobs": (*FILTERS, "pageSize", "cursor"),
    "jobs_statistics": ("from", "to"),
    "workflow": ("version",),
    "dead_letters": ("queue", "pageSize", "cursor"),
    "audit": ("from", "to", "action", "jobId", "pageSize", "cursor"),
}
"""What each route's query may hold; all others take none."""

ROUTES = {
    name: Route(name=name, method=method, path=path, role=role, handler=handler, query=_QUERY.get(name, ()))
    for name, method, path, role, handler in _TABLE
}

CATCH_ALL = Route(name="zz_not_found", method="*", path="{*rest}", role=None, handler=not_found)
"""Takes what no other route took, outside ``/content-architect`` too; not part of the contract."""
