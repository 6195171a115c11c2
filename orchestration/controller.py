"""ContentArchitectController: the HTTP face. Reads calls, asks the services, answers; decides nothing else."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from orchestration.apikeys import ApiKeyService
from orchestration.audit import Action, Actor
from orchestration.callback_service import CallbackService
from orchestration.checkpoints import result_key
from orchestration.deadletters import DeadLetterService
from orchestration.errors import (
    ContentArchitectError,
    FieldError,
    InvalidRequest,
    RequestRefused,
    StorageUnavailable,
)
from orchestration.groups import user_of
from orchestration.health import HealthService
from orchestration.http import HttpCall, HttpReply, accepted_type, json_reply
from orchestration.ids import canonical_job_id
from orchestration.job_management import JobManagementService
from orchestration.jobs import Job, JobStatus, StoredJob
from orchestration.ports import Clock, JobStore
from orchestration.realtime import RealtimeUpdatesService
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
from orchestration.socket_services import SocketServices
from orchestration.views import Links, entity_tag, job_view, problem
from orchestration.workflow_service import WorkflowService

PROBLEM = "application/problem+json"
RETRY_AFTER = "2"
MAX_LONG_POLL = 20.0
MAX_EVENTS = 500
RESULT_TYPES = ("application/json", "text/markdown", "text/html")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})", re.IGNORECASE)

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
    clock: Clock
    settings: Settings
    languages: frozenset[str] = frozenset({"en"})

    async def generate(self, call: HttpCall) -> HttpReply:
        """``POST generate``: 202 with the job, or 200 with the result when the caller waits and it is done."""
        request = self._request(call)
        wait = self._wait_budget(call, request)
        origin = Origin(
            tenant=call.caller.tenant,
            key=_idempotency_key(call),
            traceparent=call.traceparent,
            submitter=user_of(call.caller),
        )
        submission = await self.service.submit(request, origin)
        headers = {"Idempotent-Replayed": "true"} if submission.replayed else {}
        if wait:
            try:
                ended = await self._ended_view(submission.job, wait)
            except StorageUnavailable as error:
                # The job is accepted: a 503 would make its caller send it twice.
                _log.warning(
                    "waiting was cut short", extra={"job_id": submission.job.job_id, "reason": str(error)}
                )
            else:
                if ended:
                    return json_reply(200, ended[1], {**headers, "ETag": entity_tag(ended[0])})
        return self.accepted(submission.job, headers)

    async def _ended_view(self, job: Job, seconds: float) -> tuple[Job, dict[str, Any]] | None:
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
        if wait and not stored.job.status.terminal:
            seen = stored.job.sequence
            stored = await self.service.wait_for_end(stored.job.job_id, wait, until=seen) or stored
        job = stored.job
        headers = {"ETag": entity_tag(job)}
        if not job.status.terminal:
            headers["Retry-After"] = RETRY_AFTER
        if _matches(call.headers.get("if-none-match", ""), entity_tag(job)):
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
            raise RequestRefused(f"offered: {', '.join(RESULT_TYPES)}", code="not_acceptable", status=406)
        return render_result(job, await self._package(job), wanted)

    async def events(self, call: HttpCall) -> HttpReply:
        """``GET job/{id}/events?after=N``: the durable event log."""
        job = (await self._owned(call)).job
        after = whole_number(call.query.get("after", "0"), "/after")
        updates = await self.store.read_events(job.job_id, after=after, limit=MAX_EVENTS)
        body: dict[str, Any] = {"value": [update.to_wire() for update in updates]}
        if len(updates) == MAX_EVENTS:
            last = updates[-1].sequence
            body["nextLink"] = self._links.job(job.job_id, f"/events?after={last}")
        return json_reply(200, body)

    async def cancel(self, call: HttpCall) -> HttpReply:
        """``POST job/{id}/cancel``."""
        actor = actor_of(call)
        job = await self.service.cancel(actor.tenant, job_id_of(call))
        await self.management.audit.record(actor, Action.CANCEL, job.job_id)
        return json_reply(202, self._view(job), {"Location": self._links.job(job.job_id)})

    async def health_overall(self, call: HttpCall) -> HttpReply:
        """``GET health`` and ``health/ready``: dependencies, with 503 when one that is needed is down."""
        del call  # health takes nothing from its caller
        report = await self.health.report()
        return json_reply(200 if report["status"] != "unhealthy" else 503, report)

    async def health_live(self, call: HttpCall) -> HttpReply:
        """``GET health/live``: the process answers."""
        del call  # liveness asks nothing but an answer
        return json_reply(200, {"status": "healthy"})

    @property
    def _links(self) -> Links:
        return Links(base=self.settings.api_url)

    def _view(self, job: Job) -> dict[str, Any]:
        return job_view(job, self._links)

    def accepted(self, job: Job, headers: dict[str, str]) -> HttpReply:
        """202 with the job and where to watch it."""
        url = self._links.job(job.job_id)
        where = {"Location": url, "Operation-Location": url, "Retry-After": RETRY_AFTER}
        return json_reply(202, self._view(job), {**headers, **where})

    def _request(self, call: HttpCall) -> GenerateRequest:
        value = read_json(call)
        has_sources = isinstance(value, dict) and bool(value.get("sources"))
        if len(call.body) > MAX_BODY_BYTES and not has_sources:
            raise _too_large(MAX_BODY_BYTES)
        return parse_request(value, now=self.clock.now(), can_write=self.languages)

    def _wait_budget(self, call: HttpCall, request: GenerateRequest) -> float:
        """Seconds to wait for the end: ``async: false``, ``Prefer: wait=N`` and ``?wait=N`` are one thing."""
        limit = self.settings.sync_wait_seconds
        match = _PREFER_WAIT.search(call.headers.get("prefer", ""))
        asked = call.query.get("wait") or (match.group(1) if match else None)
        if asked is not None:
            return _seconds(asked, "/wait", limit)
        return 0.0 if request.run_async else limit

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


def _idempotency_key(call: HttpCall) -> str | None:
    key = call.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise RequestRefused(
            "Idempotency-Key takes 1 to 255 visible ASCII characters", code="bad_idempotency_key", status=400
        )
    return key


def actor_of(call: HttpCall) -> Actor:
    """Who acts, for the audit rows."""
    return Actor(tenant=call.caller.tenant, user=call.caller.subject, trace_id=call.trace_id)


def job_id_of(call: HttpCall) -> str:
    """The id in the path. Raises :class:`RequestRefused` 404 for what is no id."""
    job_id = canonical_job_id(call.route.get("jobId", ""))
    if job_id is None:
        raise RequestRefused("there is no such job", code="job_not_found", status=404)
    return job_id


def _matches(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110, section 13.1.2): proxies that compress make a tag weak."""
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in given or "*" in given


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
    if error.status == 503:
        headers["Retry-After"] = RETRY_AFTER
    return json_reply(error.status, problem(error, trace_id), headers, content_type=PROBLEM)
