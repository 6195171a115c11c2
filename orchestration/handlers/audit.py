"""Handler of the audit rows. Part of the HTTP face: it takes the controller and a call, as its own methods do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestration.checkpoints import Row
from orchestration.controller import ContentArchitectController
from orchestration.http import HttpCall, HttpReply, json_reply
from orchestration.management.audit_log import parse_audit_query
from orchestration.management.listing import CursorKey, next_link

if TYPE_CHECKING:
    from orchestration.contract.management_answers import AuditEntry, AuditList


async def list_audit(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET audit?from=&to=&action=&jobId=&pageSize=&cursor=``: who did what in the tenant, newest first."""
    tenant, settings = call.caller.tenant, controller.settings
    key = CursorKey(secret=settings.signing_secret, tenant=tenant)
    query = parse_audit_query(call.query, key)
    page = await controller.audit_log.page(tenant, query)
    body: AuditList = {"value": [_view(row) for row in page.rows]}
    if page.place is not None:
        cursor = key.sign(query.parameters, page.place)
        asked = [*query.parameters, ("pageSize", str(query.size))]
        body["nextLink"] = next_link(settings.api_url, "audit", asked, cursor)
    return json_reply(200, body)


def _view(row: Row) -> AuditEntry:
    """A row; rows of earlier versions have no address."""
    values: Mapping[str, Any] = row.values
    return {
        "at": values["at"],
        "action": values["action"],
        "actor": values["user"],
        "jobId": values["jobId"] or None,
        "address": values.get("address") or None,
        "result": values["result"],
        "traceId": values["traceId"],
    }
