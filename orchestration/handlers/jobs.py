"""Handlers of job management: listing, statistics, retry, fork, delete, dead letters.

Part of the HTTP face: each takes the controller and a call, as the controller's own methods do.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

from orchestration.controller import ContentArchitectController, actor_of, job_id_of, read_json
from orchestration.errors import FieldError, InvalidRequest
from orchestration.http import HttpCall, HttpReply, json_reply
from orchestration.jobs import JobError, stamp
from orchestration.management.job_statistics import parse_period
from orchestration.management.letters import QUEUES, DeadLetter
from orchestration.management.listing import CursorKey, next_link, page_size, parse_query
from orchestration.management.redrive import parse_redrive
from orchestration.management.reruns import parse_fork
from orchestration.sockets.groups import user_of
from orchestration.views import Links, error_view, summary_view

if TYPE_CHECKING:
    from orchestration.contract.answers import JobList
    from orchestration.contract.management_answers import LetterList, LetterView

_SHOWN_BYTES = 2048
_BOOLEANS = {"true": True, "false": False}


async def list_jobs(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET jobs``: the tenant's jobs, newest first."""
    key = _cursor_key(controller, call)
    query = parse_query(call.query, key)
    page = await controller.management.page(key.tenant, query)
    links = Links(base=controller.settings.api_url)
    body: JobList = {"value": [summary_view(job, links) for job in page.jobs]}
    if page.place is not None:
        cursor = key.sign(query.parameters, page.place)
        body["nextLink"] = next_link(
            links.base, "jobs", [*query.parameters, ("pageSize", str(query.page_size))], cursor
        )
    return json_reply(200, body)


async def job_statistics(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET jobs/statistics?from=&to=``."""
    tenant = call.caller.tenant
    period = parse_period(call.query, controller.clock.now())
    return json_reply(200, await controller.management.report(tenant, period))


async def retry_job(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST job/{id}/retry``, with ``?fromScratch=true`` to keep nothing."""
    text = call.query.get("fromScratch", "false").lower()
    if text not in _BOOLEANS:
        raise InvalidRequest([FieldError(pointer="/fromScratch", detail="should be true or false")])
    actor, job_id = actor_of(call), job_id_of(call)
    async with controller.room(call):
        job = await controller.management.retry(actor, job_id, from_scratch=_BOOLEANS[text])
    return controller.accepted(job, {})


async def fork_job(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST job/{id}/fork``: 202 with the new job."""
    actor, job_id = actor_of(call), job_id_of(call)
    fork = parse_fork(read_json(call))
    submitter = user_of(call.caller)
    async with controller.room(call):
        job = await controller.management.fork(
            actor, job_id, fork, submitter=submitter, traceparent=call.traceparent
        )
    return controller.accepted(job, {})


async def delete_job(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``DELETE job/{id}``: 204 when all rows of a terminal job are gone."""
    await controller.management.delete(actor_of(call), job_id_of(call))
    return HttpReply(status=204)


async def dead_letters(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET deadletters?queue=&pageSize=&cursor=``: queue by queue, oldest first."""
    key = _cursor_key(controller, call)
    errors: list[FieldError] = []
    size = page_size(call.query, errors)
    queue = call.query.get("queue")
    if queue is not None and queue not in QUEUES:
        errors.append(FieldError(pointer="/queue", detail=f"should be one of: {', '.join(QUEUES)}"))
    if errors:
        raise InvalidRequest(errors)
    queues = (queue,) if queue else QUEUES
    parameters = [("queue", queue or "")]
    place = key.place(parameters, call.query["cursor"]) if call.query.get("cursor") else f"{queues[0]} 0"
    first, _, after = place.partition(" ")
    actor = actor_of(call)
    page = await controller.letters.page(actor, queues, (first, int(after)), size)
    shown = zip(page.letters, await controller.letters.errors(actor, page.letters), strict=True)
    body: LetterList = {"value": [_letter(controller, letter, error) for letter, error in shown]}
    if page.place:
        cursor = key.sign(parameters, f"{page.place[0]} {page.place[1]}")
        asked = [("queue", queue)] if queue else []
        base = controller.settings.api_url
        body["nextLink"] = next_link(base, "deadletters", [*asked, ("pageSize", str(size))], cursor)
    return json_reply(200, body)


async def redrive(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST deadletters/redrive``: what became of the letters that were asked for."""
    actor = actor_of(call)
    request = parse_redrive(read_json(call))
    return json_reply(200, await controller.letters.redrive(actor, request))


def _cursor_key(controller: ContentArchitectController, call: HttpCall) -> CursorKey:
    return CursorKey(secret=controller.settings.signing_secret, tenant=call.caller.tenant)


def _letter(controller: ContentArchitectController, letter: DeadLetter, error: JobError | None) -> LetterView:
    """A letter as operators see it; a body that is no text is shown as base64."""
    job_id = controller.letters.job_id(letter)
    delivery = letter.delivery
    try:
        body = delivery.body[:_SHOWN_BYTES].decode()
    except UnicodeDecodeError:
        body = base64.b64encode(delivery.body[:_SHOWN_BYTES]).decode()
    view: LetterView = {
        "queue": delivery.queue,
        "sequenceNumber": letter.sequence_number,
        "messageId": delivery.message_id,
        "jobId": job_id,
        "reason": letter.reason,
        "description": letter.description,
        "deliveryCount": delivery.delivery_count,
        "enqueuedAt": _time(letter.enqueued_at),
        "body": body,
        "links": {"job": Links(base=controller.settings.api_url).job(job_id)} if job_id else {},
    }
    if error:
        view["error"] = error_view(error)
    return view


def _time(value: datetime | None) -> str | None:
    return stamp(value) if value else None
