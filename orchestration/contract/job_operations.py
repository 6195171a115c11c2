"""Documentation of the routes of one job: submit, watch, read, stop, run again. See :mod:`orchestration.contract.operations`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.contract.answers import EventList, JobView
from orchestration.contract.examples import queued_job, running_job
from orchestration.contract.operations import (
    ETAG,
    IF_NONE_MATCH,
    JOB_LOCATION,
    JOB_REFUSALS,
    NO_BODY,
    RETRY_AFTER,
    WAIT,
    Answer,
    Operation,
    Parameter,
    whole,
)
from orchestration.management.reruns import ForkRequest
from orchestration.schemas import GenerateRequest

_KEY = {"type": "string", "pattern": "^[!-~]{1,255}$"}
_SUBMIT_HEADERS = {
    "Idempotency-Key": Parameter(
        description="1 to 255 visible ASCII characters. The same key and body is the same job, for as long as "
        "the job is kept; the same key with another body is refused with 422.",
        schema=_KEY,
    ),
    "Operation-Id": Parameter(
        description="Azure's name for a key; the same as `Idempotency-Key`.", schema=_KEY
    ),
    "Repeatability-Request-ID": Parameter(
        description="OASIS' name for a key; goes with `Repeatability-First-Sent`.", schema=_KEY
    ),
    "Repeatability-First-Sent": Parameter(
        description="When the request was sent the first time, as an HTTP date.",
        schema={
            "type": "string",
            "pattern": "^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$",
        },
    ),
    "Prefer": Parameter(
        description="`wait=N`: wait up to N seconds for the result (RFC 7240). Answered with `Preference-Applied`.",
        schema={"type": "string", "pattern": "^wait=[0-9]{1,5}$"},
    ),
    "traceparent": Parameter(
        description="W3C Trace Context; the job's spans and messages continue it.",
        schema={"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    ),
}
_SUBMIT_ANSWER_HEADERS = {
    "Operation-Id": "The one that was sent, else the job's id.",
    "Idempotent-Replayed": "`true` where the key was seen before.",
    "Repeatability-Result": "`accepted` for a request with Repeatability headers.",
    "Preference-Applied": "The wait that was honoured.",
}
_FORK_EXAMPLE = {"fromStep": "optimize_content", "request": {"toneOfVoice": "friendly"}}

OPERATIONS_OF_A_JOB: Mapping[str, Operation] = {
    "generate": Operation(
        tag="Jobs",
        summary="Submit a content request",
        description="Answers 202 with the job as soon as it is durable. With `async: false`, `?wait=` or "
        "`Prefer: wait=N` it waits for the result: 200 with `result` when there is one in time, else 202, and the "
        "job goes on. On 503 nothing was accepted: repeat with the same key.",
        query={
            "wait": Parameter(
                description="Wait up to so many seconds for the result (the service's limit at most).",
                schema=whole(0, 999_999_999),
            )
        },
        headers=_SUBMIT_HEADERS,
        body=GenerateRequest,
        body_example={
            "topic": "How much sleep do adults need?",
            "contentType": "blog_post",
            "audience": "b2c",
            "targetLength": "short",
        },
        answers={
            202: Answer(
                description="Accepted.",
                shape=JobView,
                headers={**JOB_LOCATION, **_SUBMIT_ANSWER_HEADERS},
                example=queued_job(),
            ),
            200: Answer(
                description="The job has ended within the wait; `result` is its package where it completed.",
                shape=JobView,
                headers={**ETAG, "Content-Location": "The job.", **_SUBMIT_ANSWER_HEADERS},
            ),
        },
        refusals={
            400: ("bad_idempotency_key", "bad_repeatability"),
            409: ("gone",),
            429: ("too_many_jobs",),
            412: ("repeatability_expired",),
        },
    ),
    "job": Operation(
        tag="Jobs",
        summary="Show a job",
        description="Also the status monitor of `Operation-Location`. `?wait=` answers at the first news.",
        query={"wait": WAIT},
        headers=IF_NONE_MATCH,
        answers={
            200: Answer(
                description="The job.",
                shape=JobView,
                headers={**ETAG, **RETRY_AFTER},
                example=running_job(),
            ),
            304: Answer(description="Nothing has changed.", headers={**ETAG, **RETRY_AFTER}),
        },
        refusals=JOB_REFUSALS,
    ),
    "job_result": Operation(
        tag="Jobs",
        summary="Take the result",
        description="The package as JSON, or the article alone as Markdown or HTML, by `Accept`. A job without an "
        "article is always JSON.",
        headers=IF_NONE_MATCH,
        answers={
            200: Answer(
                description="The result.",
                shape="ResultPackage",
                media={"text/markdown": {"type": "string"}, "text/html": {"type": "string"}},
                headers={
                    **ETAG,
                    "Vary": "`Accept`",
                    "Content-Security-Policy": "Of an HTML article: no script, nothing from elsewhere.",
                },
            ),
            304: Answer(description="Nothing has changed.", headers={**ETAG, "Vary": "`Accept`"}),
        },
        refusals={**JOB_REFUSALS, 406: ("not_acceptable",), 409: ("result_not_ready", "no_result")},
    ),
    "job_events": Operation(
        tag="Jobs",
        summary="Read the event log",
        description="What a watcher has missed: events behind `after`, without a gap.",
        query={
            "after": Parameter(
                description="Sequence of the last event seen.", schema=whole(0, 999_999_999, 0)
            )
        },
        answers={200: Answer(description="A page of events.", shape=EventList)},
        refusals=JOB_REFUSALS,
    ),
    "job_cancel": Operation(
        tag="Jobs",
        summary="Stop a job",
        description="At once while it is queued, at the next step boundary while it runs.",
        answers={202: Answer(description="It stops.", shape=JobView, headers=JOB_LOCATION)},
        refusals={**JOB_REFUSALS, 409: ("job_ended",)},
    ),
    "job_retry": Operation(
        tag="Job management",
        summary="Run a failed or cancelled job again",
        description="Finished steps are kept, unless it starts from scratch.",
        query={
            "fromScratch": Parameter(
                description="Keep nothing.", schema={"type": "string", "enum": ["true", "false"]}
            )
        },
        answers={202: Answer(description="It waits for its turn.", shape=JobView, headers=JOB_LOCATION)},
        refusals={**JOB_REFUSALS, 409: ("job_not_retryable",), 429: ("too_many_jobs",)},
    ),
    "job_fork": Operation(
        tag="Job management",
        summary="A new job that reuses a job's first steps",
        body=ForkRequest,
        body_example=_FORK_EXAMPLE,
        answers={202: Answer(description="The new job.", shape=JobView, headers=JOB_LOCATION)},
        refusals={**JOB_REFUSALS, 409: ("job_rows_gone",), 429: ("too_many_jobs",)},
    ),
    "job_delete": Operation(
        tag="Job management",
        summary="Remove a job that has ended",
        answers=NO_BODY,
        refusals={**JOB_REFUSALS, 409: ("job_not_ended",)},
    ),
}
