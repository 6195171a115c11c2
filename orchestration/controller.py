"""ContentArchitectController: the HTTP face. Reads calls, asks the services, answers; decides nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from orchestration.access.apikeys import ApiKeyService
from orchestration.access.job_limits import JobLimits
from orchestration.checkpoints import result_key
from orchestration.errors import (
    ContentArchitectError,
    FieldError,
    InvalidRequest,
    RequestRefused,
    StorageUnavailable,
)
from orchestration.health import HealthService
from orchestration.http import HttpCall, HttpReply, accepted_type, json_reply, matches_tag
from orchestration.ids import canonical_job_id
from orchestration.job_management import JobManagementService
from orchestration.jobs import Job, JobStatus, StoredJob
from orchestration.management.audit import Action, Actor
from orchestration.management.audit_log import AuditLog
from orchestration.management.deadletters import DeadLetterService
from orchestration.ports import Clock, JobStore
from orchestration.realtime import RealtimeUpdatesService
from orchestration.request_headers import preferred_wait, read_operation_key
from orchestration.results import render_result, result_body
from orchestration.schemas import (
    MAX_BODY_BYTES,
    MAX_BODY_WITH_SOURCES_BYTES,
    GenerateRequest,
    parse_json,
    parse_request,
)
from orchestration.service import OrchestrationService, Origin
from orchestration.settings import Settings
from orchestration.sockets.groups import user_of
from orchestration.sockets.wiring import SocketServices
from orchestration.views import Links, entity_tag, job_view, problem
from orchestration.webhooks.service import CallbackService
from orchestration.workflow.service import WorkflowService

if TYPE_CHECKING:
    from orchestration.contract.answers import EventList, JobUpdateView, JobView, Liveness

PROBLEM = "application/problem+json"
RETRY_AFTER = "2"
MAX_LONG_POLL = 20.0
MAX_EVENTS = 500
RESULT_TYPES = ("application/json", "text/markdown", "text/html")

_log = logging.getLogger(__name__)

Handler = Callable[["ContentArchitectController", HttpCall], Awaitable[HttpReply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentArchitectController:
    """The services, and the handlers of the main routes; those of management are modules of their own.

    A handler takes a call whose caller was admitted (:mod:`orchestration.api`), and raises what is to be refused.
    """

    service: OrchestrationService
    store: JobStore
    realtime: RealtimeUpdatesService
    health: HealthService
    management: JobManagementService
    letters: DeadLetterService
    callbacks: CallbackService
    workflows: WorkflowService
    sockets: SocketServices
    keys: ApiKeyService
    audit_log: AuditLog
    limits: JobLimits
    clock: Clock
    settings: Settings
    languages: frozenset[str] = frozenset({"en"})

    async def generate(self, call: HttpCall) -> HttpReply:
        """``POST generate``: 202 with the job, or 200 with the result when the caller waits and it is done."""
        request = self._request(call)
        wait, preferred = self._wait_budget(call, request)
        kept = timedelta(days=self.settings.retention_days)
        named = read_operation_key(call.headers, now=self.clock.now(), kept=kept)
        origin = Origin(
            tenant=call.caller.tenant,
            key=named.key,
            traceparent=call.traceparent,
            submitter=user_of(call.caller),
            actor=actor_of(call),
        )
        async with self.room(call, known=origin.known_id):
            submission = await self.service.submit(request, origin)
        job = submission.job
        headers = named.answer_headers(job.job_id, replayed=submission.replayed)
        if preferred:
            headers["Preference-Applied"] = f"wait={wait:.0f}"
        if wait and (ended := await self._ended_in_time(job, wait)):
            where = {"Content-Location": self._links.job(job.job_id), "ETag": entity_tag(ended[0])}
            return json_reply(200, ended[1], {**headers, **where})
        return self.accepted(job, headers)

    @asynccontextmanager
    async def room(self, call: HttpCall, *, known: str | None = None) -> AsyncIterator[None]:
        """Accept a job within, if there is room for one more.

        Raises :class:`RequestRefused` 429, but for one that was accepted before.
        """
        tenant = call.caller.tenant
        try:
            if call.caller.limited:
                await self.limits.admit(tenant)
        except RequestRefused:
            if known is None or await self.store.read_job(known) is None:
                raise
        with self.limits.on_its_way(tenant):
            yield

    async def _ended_in_time(self, job: Job, seconds: float) -> tuple[Job, JobView] | None:
        """As :meth:`_ended_view`, and None when storage fails meanwhile.

        The job is accepted by then: a 503 would make its caller send it twice.
        """
        try:
            return await self._ended_view(job, seconds)
        except StorageUnavailable as error:
            _log.warning("waiting was cut short", extra={"job_id": job.job_id, "reason": str(error)})
            return None

    async def _ended_view(self, job: Job, seconds: float) -> tuple[Job, JobView] | None:
        """The job and its view with the result, once it has ended; None when it has not within that time."""
        stored = await self.service.wait_for_end(job.job_id, seconds)
        if stored is None or not stored.job.status.terminal:
            return None
        view = self._view(stored.job)
        if stored.job.status is JobStatus.COMPLETED:
            view["result"] = result_body(stored.job, await self._package(stored.job))
        return stored.job, view

    async def job(self, call: HttpCall) -> HttpReply:
        """``GET job/{id}``, with ETag and long poll."""
        stored = await self._owned(call)
        wait = _seconds(call.query.get("wait"), "/wait", MAX_LONG_POLL)
        known = call.headers.get("if-none-match", "")
        stale = bool(known) and not matches_tag(known, entity_tag(stored.job))
        if wait and not stored.job.status.terminal and not stale:
            seen = stored.job.sequence
            stored = await self.service.wait_for_end(stored.job.job_id, wait, until=seen) or stored
        job = stored.job
        headers = {"ETag": entity_tag(job)}
        if not job.status.terminal:
            headers["Retry-After"] = "0" if wait else RETRY_AFTER  # a long poll is paced by the news
        if matches_tag(known, entity_tag(job)):
            return HttpReply(status=304, headers=headers)
        return json_reply(200, self._view(job), headers)

    async def result(self, call: HttpCall) -> HttpReply:
        """``GET job/{id}/result`` as JSON, Markdown or HTML."""
        job = (await self._owned(call)).job
        if job.status is not JobStatus.COMPLETED:
            code = "result_not_ready" if not job.status.terminal else "no_result"
            raise RequestRefused(f"the job is {job.status}", code=code, status=409)
        wanted = accepted_type(call.headers.get("accept", ""), RESULT_TYPES)
        if wanted is None:
            raise RequestRefused(
                f"offered: {', '.join(RESULT_TYPES)}",
                code="not_acceptable",
                status=406,
                headers={"Vary": "Accept"},
            )
        reply = render_result(job, await self._package(job), wanted)
        if matches_tag(call.headers.get("if-none-match", ""), reply.headers["ETag"]):
            return HttpReply(status=304, headers={name: reply.headers[name] for name in ("ETag", "Vary")})
        return reply

    async def events(self, call: HttpCall) -> HttpReply:
        """``GET job/{id}/events?after=N``: the durable event log."""
        job = (await self._owned(call)).job
        after = whole_number(call.query.get("after", "0"), "/after")
        updates = await self.store.read_events(job.job_id, after=after, limit=MAX_EVENTS)
        body: EventList = {"value": [cast("JobUpdateView", update.to_wire()) for update in updates]}
        if len(updates) == MAX_EVENTS:
            last = updates[-1].sequence
            body["nextLink"] = self._links.job(job.job_id, f"/events?after={last}")
        return json_reply(200, body)

    async def cancel(self, call: HttpCall) -> HttpReply:
        """``POST job/{id}/cancel``."""
        actor = actor_of(call)
        job = await self.service.cancel(actor.tenant, job_id_of(call))
        await self.management.audit.record(actor, Action.CANCEL, job.job_id)
        return self.accepted(job, {})

    async def health_overall(self, call: HttpCall) -> HttpReply:
        """``GET health`` and ``health/ready``: dependencies, with 503 when one that is needed is down."""
        del call  # health takes nothing from its caller
        report = await self.health.report()
        return json_reply(200 if report["status"] != "unhealthy" else 503, report)

    async def health_live(self, call: HttpCall) -> HttpReply:
        """``GET health/live``: the process answers."""
        del call  # liveness asks nothing but an answer
        alive: Liveness = {"status": "healthy"}
        return json_reply(200, alive)

    @property
    def _links(self) -> Links:
        return Links(base=self.settings.api_url)

    def _view(self, job: Job) -> JobView:
        return job_view(job, self._links)

    def accepted(self, job: Job, headers: dict[str, str]) -> HttpReply:
        """202 with the job and where to watch it."""
        url = self._links.job(job.job_id)
        where = {"Location": url, "Operation-Location": url}
        if not job.status.terminal:
            where["Retry-After"] = RETRY_AFTER
        return json_reply(202, self._view(job), {**headers, **where})

    def _request(self, call: HttpCall) -> GenerateRequest:
        value = read_json(call)
        has_sources = isinstance(value, dict) and bool(value.get("sources"))
        if len(call.body) > MAX_BODY_BYTES and not has_sources:
            raise _too_large(MAX_BODY_BYTES)
        return parse_request(value, now=self.clock.now(), can_write=self.languages)

    def _wait_budget(self, call: HttpCall, request: GenerateRequest) -> tuple[float, bool]:
        """Seconds to wait for the end, and whether ``Prefer`` asked: with ``async: false`` and ``?wait=`` one thing."""
        limit = self.settings.sync_wait_seconds
        if (asked := call.query.get("wait")) is not None:
            return _seconds(asked, "/wait", limit), False
        if (preferred := preferred_wait(call.headers)) is not None:
            return _seconds(preferred, "/wait", limit), True
        return (0.0 if request.run_async else limit), False

    async def _owned(self, call: HttpCall) -> StoredJob:
        return await self.service.owned(call.caller.tenant, job_id_of(call))

    async def _package(self, job: Job) -> dict[str, Any]:
        data = await self.store.read_rows(job.job_id, result_key(job.run), job.result_rows)
        package: dict[str, Any] = json.loads(data)
        return package


def read_json(call: HttpCall) -> Any:
    """The JSON body of a call. Raises :class:`RequestRefused` 400, 411, 413 or 415."""
    if "chunked" in call.headers.get("transfer-encoding", "").lower():
        raise RequestRefused(
            "send a Content-Length; chunked bodies do not arrive", code="length_required", status=411
        )
    if len(call.body) > MAX_BODY_WITH_SOURCES_BYTES:
        raise _too_large(MAX_BODY_WITH_SOURCES_BYTES)
    if call.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        detail = "send the body as it is, without a content coding"
        raise RequestRefused(detail, code="unsupported_media_type", status=415)
    media_type = call.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise RequestRefused("send application/json", code="unsupported_media_type", status=415)
    if not call.body:
        raise RequestRefused("the body is empty; send a JSON object", code="bad_json", status=400)
    try:
        return parse_json(call.body)
    except ValueError as error:
        raise RequestRefused(str(error), code="bad_json", status=400) from error


def _too_large(limit: int) -> RequestRefused:
    text = f"at most {MAX_BODY_BYTES // 1024} KB, or {MAX_BODY_WITH_SOURCES_BYTES // 1024} KB with sources"
    return RequestRefused(f"the body is over {limit // 1024} KB ({text})", code="too_large", status=413)


def actor_of(call: HttpCall) -> Actor:
    """Who acts, for the audit rows."""
    caller = call.caller
    return Actor(
        tenant=caller.tenant,
        user=caller.subject,
        trace_id=call.trace_id,
        address=caller.address,
        everywhere=caller.everywhere,
    )


def job_id_of(call: HttpCall) -> str:
    """The id in the path. Raises :class:`RequestRefused` 404 for what is no id."""
    job_id = canonical_job_id(call.route.get("jobId", ""))
    if job_id is None:
        raise RequestRefused("there is no such job", code="job_not_found", status=404)
    return job_id


def whole_number(text: str, pointer: str) -> int:
    """The number of a query parameter. Raises :class:`InvalidRequest` that names it."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest([FieldError(pointer=pointer, detail="should be a whole number from 0")])
    return int(text)


def _seconds(text: str | None, pointer: str, most: float) -> float:
    return min(float(whole_number(text, pointer)), most) if text else 0.0


def refusal(error: ContentArchitectError, trace_id: str) -> HttpReply:
    """A problem document for what went wrong."""
    headers = dict(error.headers) if isinstance(error, RequestRefused) else {}
    headers["x-ms-error-code"] = error.code  # where Azure's own clients look
    if error.status == 503:
        headers["Retry-After"] = RETRY_AFTER
    return json_reply(error.status, problem(error, trace_id), headers, content_type=PROBLEM)
