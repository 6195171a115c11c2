"""Handlers of callbacks: deliveries of a job, redelivery, the signing secret, a test call.

Part of the HTTP face: each takes the controller and a call, as the controller's own methods do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.callbacks import Attempt, Callback, webhook_id
from orchestration.controller import ContentArchitectController, actor_of, job_id_of, read_json
from orchestration.errors import InvalidRequest, RequestRefused
from orchestration.http import HttpCall, HttpReply, json_reply
from orchestration.jobs import Job
from orchestration.management.audit import Action
from orchestration.schemas import WebUrl, field_errors
from orchestration.views import Links

if TYPE_CHECKING:
    from orchestration.contract.management_answers import (
        AttemptView,
        DeliveryList,
        DeliveryView,
        NewSecret,
        TestCallReport,
    )


class CallTest(BaseModel):
    """The body of ``POST webhooks/test``."""

    model_config = ConfigDict(extra="forbid")

    url: WebUrl


async def list_deliveries(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET job/{id}/deliveries``: the job's callbacks with every try."""
    job = await _owned(controller, call)
    found = await controller.callbacks.deliveries(job)
    body: DeliveryList = {"value": [_view(controller, job, callback, tries) for callback, tries in found]}
    return json_reply(200, body)


async def redeliver(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST job/{id}/deliveries/{deliveryId}/redeliver``: 202, its schedule begins again."""
    actor, job = actor_of(call), await _owned(controller, call)
    number = call.route.get("deliveryId", "")
    if not number.isascii() or not number.isdigit() or len(number) > 8:
        raise RequestRefused("the job has no such delivery", code="delivery_not_found", status=404)
    callback = await controller.callbacks.redeliver(job, int(number))
    await controller.management.audit.record(actor, Action.REDELIVER, job.job_id, f"delivery {number}")
    return json_reply(202, _view(controller, job, callback, []))


async def rotate_secret(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST webhooks/secret/rotate``: the new secret, shown this once."""
    actor = actor_of(call)
    secret, until = await controller.callbacks.secrets.rotate(actor.tenant)
    await controller.management.audit.record(actor, Action.ROTATE_SECRET, "", f"number {secret.number}")
    body: NewSecret = {"secret": secret.text, "createdAt": secret.created_at, "previousSignsUntil": until}
    return json_reply(200, body, {"Cache-Control": "no-store"})


async def test_call(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST webhooks/test``: one signed call, and what came of it."""
    tenant = call.caller.tenant
    try:
        wanted = CallTest.model_validate(read_json(call))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    answer = await controller.callbacks.test(tenant, wanted.url)
    body: TestCallReport = {
        "delivered": answer.accepted,
        "status": answer.status,
        "error": answer.error or None,
        "durationMs": answer.duration_ms,
    }
    return json_reply(200, body)


async def _owned(controller: ContentArchitectController, call: HttpCall) -> Job:
    return (await controller.service.owned(call.caller.tenant, job_id_of(call))).job


def _view(
    controller: ContentArchitectController, job: Job, callback: Callback, tries: list[Attempt]
) -> DeliveryView:
    links = Links(base=controller.settings.api_url)
    return {
        "id": str(callback.sequence),
        "webhookId": webhook_id(job.job_id, callback.sequence),
        "type": callback.type,
        "url": job.callback_url,
        "status": callback.status.value,
        "createdAt": callback.created_at,
        "nextAttemptAt": callback.next_attempt_at,
        "endedAt": callback.ended_at,
        "attempts": [_attempt_view(attempt) for attempt in tries],
        "links": {"redeliver": links.job(job.job_id, f"/deliveries/{callback.sequence}/redeliver")},
    }


def _attempt_view(attempt: Attempt) -> AttemptView:
    return {
        "number": attempt.number,
        "at": attempt.at,
        "status": attempt.status,
        "error": attempt.error or None,
        "durationMs": attempt.duration_ms,
    }
