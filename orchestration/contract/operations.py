"""What the contract says about each route beyond the table: words, parameters, bodies, answers, refusals.

Read by :mod:`orchestration.openapi` alone, so it costs nothing where calls are answered. A test holds this
to :data:`orchestration.routes.ROUTES`: no route without an entry, no parameter that only one of them knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or a header."""

    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer. ``shape`` is the type of its JSON; ``media`` are other forms. Headers by name."""

    description: str
    shape: Any = None
    media: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route's documentation. ``body`` is the type of its JSON body; ``refusals`` are codes by status."""

    tag: str
    summary: str
    description: str = ""
    query: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, Parameter] = field(default_factory=dict)
    body: Any = None
    body_required: bool = True
    body_example: Any = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    refusals: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def whole(minimum: int, maximum: int, default: int | None = None) -> Schema:
    """Schema of a whole number in a query."""
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return schema if default is None else {**schema, "default": default}


TIME: Schema = {"type": "string", "format": "date-time"}
LABEL: Schema = {"type": "string", "minLength": 1, "maxLength": 100}

TAGS = {
    "Jobs": "Submit content requests, watch them, take their results.",
    "Job management": "List, count, run again, fork and remove jobs.",
    "Realtime": "Updates over Web PubSub.",
    "Workflows": "Predefined workflows, and the tenant's own.",
    "Callbacks": "Calls that this service makes to you.",
    "Operations": "Dead letters, keys, the audit trail.",
    "Service": "Health and this contract; open to everybody.",
}

PATH_PARAMETERS: Mapping[str, Parameter] = {
    "jobId": Parameter(description="Id of the job.", schema={"type": "string", "format": "uuid"}),
    "workflowId": Parameter(
        description="Id of the workflow.", schema={"type": "string", "pattern": "^[a-z][a-z0-9_-]{1,63}$"}
    ),
    "deliveryId": Parameter(
        description="Id of the delivery.", schema={"type": "string", "pattern": "^[0-9]{1,8}$"}
    ),
    "keyId": Parameter(description="Id of the key.", schema={"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "file": Parameter(
        description="Name of the file.",
        schema={"type": "string", "enum": ["start.js", "swagger-ui.css", "swagger-ui.js"]},
    ),
}

ETAG = {"ETag": "Changes with whatever the caller can see change."}
RETRY_AFTER = {
    "Retry-After": "Seconds until it is worth asking again, 0 after a long poll; absent once the job has ended."
}
JOB_LOCATION = {
    "Location": "The job.",
    "Operation-Location": "The same, where Azure's clients look for it.",
    **RETRY_AFTER,
}
IF_NONE_MATCH = {
    "If-None-Match": Parameter(description="ETag of an earlier answer: 304 where nothing has changed.")
}
WAIT = Parameter(
    description="Long poll: wait up to so many seconds (20 at most) for news, or with `If-None-Match` for what the "
    "caller has not seen.",
    schema=whole(0, 999_999_999),
)
PAGE = {
    "pageSize": Parameter(description="Items on a page.", schema=whole(1, 200, 50)),
    "cursor": Parameter(description="Where to go on; take `nextLink` as it is."),
}
NO_BODY: Mapping[int, Answer] = {204: Answer(description="Done.")}

OPEN_REFUSALS: Mapping[int, tuple[str, ...]] = {
    414: ("uri_too_long",),
    431: ("headers_too_large",),
    500: ("internal_error", "configuration_error", "cancelled"),
}
"""What every route may answer."""
ROLE_REFUSALS: Mapping[int, tuple[str, ...]] = {
    401: ("unauthorized",),
    403: ("forbidden",),
    422: ("invalid_request",),
    429: ("rate_limited", "too_many_failures"),
    503: ("storage_unavailable", "identity_unavailable", "dependency_unavailable"),
}
"""What every route with a role may answer as well."""
CHANGE_REFUSALS: Mapping[int, tuple[str, ...]] = {501: ("repeatability_not_supported",)}
BODY_REFUSALS: Mapping[int, tuple[str, ...]] = {
    400: ("bad_json",),
    411: ("length_required",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
}
JOB_REFUSALS: Mapping[int, tuple[str, ...]] = {404: ("job_not_found",)}
WORKFLOW_REFUSALS: Mapping[int, tuple[str, ...]] = {404: ("workflow_not_found",)}
NOT_PREDEFINED = {**WORKFLOW_REFUSALS, 409: ("workflow_predefined", "conflict")}

REFUSAL_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "How to authenticate."},
    406: {"Vary": "`Accept`"},
    412: {"Repeatability-Result": "`rejected`"},
    429: {"Retry-After": "Seconds until it is worth trying again."},
    503: {"Retry-After": "Seconds until it is worth trying again."},
}
"""Headers that go with a refusal, by status."""

CODES: Mapping[str, str] = {
    "bad_event": "No event, or not as it should be.",
    "bad_idempotency_key": "A key is malformed, or two names for it differ.",
    "bad_json": "The body is not JSON as it should be, or nested too deep.",
    "bad_repeatability": "The two Repeatability headers do not fit.",
    "cancelled": "The call was cut off.",
    "configuration_error": "The service is not set up; its operator has to act.",
    "conflict": "Somebody else changed it at the same moment; repeat.",
    "delivery_not_found": "The job has no such delivery.",
    "delivery_outdated": "The delivery belongs to the job's life before its last retry.",
    "dependency_unavailable": "Something this service needs does not answer; repeat later.",
    "forbidden": "The credential's role is too small.",
    "gone": "The job was deleted at the same moment; send the request again.",
    "headers_too_large": "There are too many headers, or they are too long.",
    "identity_unavailable": "The identity provider does not answer; repeat later.",
    "internal_error": "A defect here; name the trace id.",
    "invalid_request": "`errors` names every wrong field and parameter.",
    "job_ended": "The job has ended already.",
    "job_not_ended": "The job has not ended yet.",
    "job_not_found": "There is no such job, or it is not yours.",
    "job_not_retryable": "Only failed and cancelled jobs can be retried.",
    "job_rows_gone": "The job's rows are gone.",
    "key_not_found": "There is no such key.",
    "last_admin_key": "Make another admin key first.",
    "length_required": "Send a Content-Length: chunked bodies do not arrive.",
    "method_not_allowed": "`Allow` names the methods of this path.",
    "no_result": "The job ended without a result.",
    "not_acceptable": "The result has no such form.",
    "not_found": "There is nothing here.",
    "queue_unavailable": "Service Bus does not answer; repeat later.",
    "rate_limited": "The tenant's calls of this minute are used up.",
    "realtime_unavailable": "Web PubSub does not answer; read the event log instead.",
    "repeatability_expired": "First sent before what is remembered.",
    "repeatability_not_supported": "Repeatability headers are honoured by generate alone.",
    "result_not_ready": "The job is not through yet.",
    "storage_unavailable": "Table Storage does not answer; repeat with the same key.",
    "too_large": "The body is too large.",
    "too_many_failures": "Too many wrong credentials from this address; wait.",
    "too_many_jobs": "The tenant has as many jobs at work as it can; wait for some to end.",
    "too_many_keys": "The tenant has as many live keys as it can.",
    "too_many_versions": "The workflow has as many versions as it can.",
    "too_many_workflows": "The tenant has as many workflows as it can.",
    "unauthorized": "No credential, or one that does not let anybody in.",
    "unknown_event": "There is no such event.",
    "unsupported_media_type": "Send application/json.",
    "uri_too_long": "The query is too long.",
    "workflow_exists": "A workflow has this id.",
    "workflow_not_found": "There is no such workflow or version.",
    "workflow_predefined": "Predefined workflows cannot be changed.",
}
"""What each code of a problem means."""
