"""The table of routes: what is called how, which role it takes, who handles it.

A route is named as its function in ``function_app.py``; a test compares this table with the real bindings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestration import (
    controller_callbacks,
    controller_jobs,
    controller_keys,
    controller_realtime,
    controller_workflows,
)
from orchestration.controller import ContentArchitectController as Face
from orchestration.controller import Handler
from orchestration.errors import RequestRefused
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Role

BASE = "content-architect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. ``path`` is below ``/content-architect``; ``role`` None admits everybody."""

    name: str
    method: str
    path: str
    role: Role | None
    handler: Handler

    def matches(self, path: str) -> bool:
        """Whether a path below the base is one of this route's. Text of a path stands before a parameter."""
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.path), path) is not None


async def not_found(controller: Face, call: HttpCall) -> HttpReply:
    """The catch-all: 405 with ``Allow`` for a known path, else 404."""
    del controller  # nothing is asked of the services
    path = call.route.get("rest", "").strip("/")
    fixed = [route for route in ROUTES.values() if route.path == path]
    found = fixed or [route for route in ROUTES.values() if route.matches(path)]
    if found:
        allow = {"Allow": ", ".join(sorted({route.method for route in found}))}
        detail = f"{call.method} is not for this"
        raise RequestRefused(detail, code="method_not_allowed", status=405, headers=allow)
    raise RequestRefused("there is nothing here", code="not_found", status=404)


_JOB = "job/{jobId}"
_WORKFLOW = "workflows/{workflowId}"
_VIEWER, _SUBMITTER, _OPERATOR, _ADMIN = Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN

_TABLE: tuple[tuple[str, str, str, Role | None, Handler], ...] = (
    ("generate", "POST", "generate", _SUBMITTER, Face.generate),
    ("job", "GET", _JOB, _VIEWER, Face.job),
    ("job_result", "GET", f"{_JOB}/result", _VIEWER, Face.result),
    ("job_events", "GET", f"{_JOB}/events", _VIEWER, Face.events),
    ("job_cancel", "POST", f"{_JOB}/cancel", _SUBMITTER, Face.cancel),
    ("job_retry", "POST", f"{_JOB}/retry", _SUBMITTER, controller_jobs.retry_job),
    ("job_fork", "POST", f"{_JOB}/fork", _SUBMITTER, controller_jobs.fork_job),
    ("job_delete", "DELETE", _JOB, _SUBMITTER, controller_jobs.delete_job),
    ("job_negotiate", "POST", f"{_JOB}/negotiate", _VIEWER, controller_realtime.negotiate_job),
    ("job_deliveries", "GET", f"{_JOB}/deliveries", _SUBMITTER, controller_callbacks.list_deliveries),
    (
        "job_redeliver",
        "POST",
        f"{_JOB}/deliveries/{{deliveryId}}/redeliver",
        _SUBMITTER,
        controller_callbacks.redeliver,
    ),
    ("jobs", "GET", "jobs", _VIEWER, controller_jobs.list_jobs),
    ("jobs_statistics", "GET", "jobs/statistics", _VIEWER, controller_jobs.job_statistics),
    ("workflows", "GET", "workflows", _VIEWER, controller_workflows.list_workflows),
    ("workflow_create", "POST", "workflows", _OPERATOR, controller_workflows.create_workflow),
    ("workflow_validate", "POST", "workflows/validate", _VIEWER, controller_workflows.validate_workflow),
    ("workflow", "GET", _WORKFLOW, _VIEWER, controller_workflows.get_workflow),
    ("workflow_update", "PUT", _WORKFLOW, _OPERATOR, controller_workflows.update_workflow),
    ("workflow_delete", "DELETE", _WORKFLOW, _OPERATOR, controller_workflows.delete_workflow),
    (
        "workflow_activate",
        "POST",
        f"{_WORKFLOW}/activate",
        _OPERATOR,
        controller_workflows.activate_workflow,
    ),
    ("dead_letters", "GET", "deadletters", _OPERATOR, controller_jobs.dead_letters),
    ("dead_letters_redrive", "POST", "deadletters/redrive", _OPERATOR, controller_jobs.redrive),
    ("webhooks_rotate", "POST", "webhooks/secret/rotate", _ADMIN, controller_callbacks.rotate_secret),
    ("webhooks_test", "POST", "webhooks/test", _ADMIN, controller_callbacks.test_call),
    ("realtime_negotiate", "POST", "realtime/negotiate", _VIEWER, controller_realtime.negotiate_user),
    ("realtime_connections", "GET", "realtime/connections", _OPERATOR, controller_realtime.list_connections),
    # Open to everybody, since their handlers check the sender: Web PubSub has no credential of this app.
    ("realtime_handshake", "OPTIONS", "realtime/upstream", None, controller_realtime.handshake),
    ("realtime_upstream", "POST", "realtime/upstream", None, controller_realtime.receive),
    ("apikeys", "GET", "apikeys", _ADMIN, controller_keys.list_keys),
    ("apikey_create", "POST", "apikeys", _ADMIN, controller_keys.issue_key),
    ("apikey_revoke", "DELETE", "apikeys/{keyId}", _ADMIN, controller_keys.revoke_key),
    ("health", "GET", "health", None, Face.health_overall),
    ("health_live", "GET", "health/live", None, Face.health_live),
    ("health_ready", "GET", "health/ready", None, Face.health_overall),
)

ROUTES = {
    name: Route(name=name, method=method, path=path, role=role, handler=handler)
    for name, method, path, role, handler in _TABLE
}

CATCH_ALL = Route(name="zz_not_found", method="*", path="{*rest}", role=None, handler=not_found)
"""Takes what no other route took; not part of the contract."""
