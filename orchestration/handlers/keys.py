"""Handlers of API keys: list, issue, revoke.

Part of the HTTP face: each takes the controller and a call, as the controller's own methods do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.access.apikeys import ApiKey, parse_key_request
from orchestration.controller import ContentArchitectController, actor_of, read_json
from orchestration.http import HttpCall, HttpReply, json_reply
from orchestration.management.audit import Action

if TYPE_CHECKING:
    from orchestration.contract.management_answers import KeyList, KeyView, NewKey


async def list_keys(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET apikeys``: the tenant's keys, oldest first, without their secrets."""
    keys = await controller.keys.of_tenant(call.caller.tenant)
    body: KeyList = {"value": [_view(key) for key in keys]}
    return json_reply(200, body)


async def issue_key(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST apikeys``: 201 with the key, shown this once."""
    request = parse_key_request(read_json(call))
    key, text = await controller.keys.issue(call.caller, request)
    await controller.management.audit.record(actor_of(call), Action.KEY, "", f"issued {key.id} {key.role}")
    body: NewKey = {**_view(key), "key": text}
    return json_reply(201, body)


async def revoke_key(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``DELETE apikeys/{id}``: 204; other processes admit the key for some seconds more."""
    key = await controller.keys.revoke(call.caller.tenant, call.route.get("keyId", ""))
    await controller.management.audit.record(actor_of(call), Action.KEY, "", f"revoked {key.id}")
    return HttpReply(status=204)


def _view(key: ApiKey) -> KeyView:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "createdAt": key.created_at,
        "createdBy": key.created_by,
        "expiresAt": key.expires_at,
        "revokedAt": key.revoked_at,
    }
