"""HTTP as values: media types, traces, job views, tags, problem documents, results."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestration.errors import ContentArchitectError, FieldError, InvalidRequest, StorageUnavailable
from orchestration.http import HttpCall, accepted_type
from orchestration.jobs import JobError, JobStatus, stamp
from orchestration.results import render_result, result_body
from orchestration.views import Links, entity_tag, job_view, problem
from tests.orchestration.support import API, START, new_job

OFFERED = ("application/json", "text/markdown", "text/html")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LINKS = Links(base=API + "/")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/HTML;charset=utf-8", "text/html"),
        ("text/*", "text/markdown"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("application/json;q=0.5, text/markdown;q=0.7", "text/markdown"),
        ("text/*;q=0.9, text/markdown;q=0.1", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json;q=0, */*", "text/markdown"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/html;q=nonsense", None),
        (",,", None),
    ],
)
def test_the_media_type_is_the_one_that_the_caller_likes_best(accept: str, chosen: str | None) -> None:
    assert accepted_type(accept, OFFERED) == chosen


def test_a_wellformed_traceparent_gives_the_trace_and_anything_else_a_new_one() -> None:
    call = HttpCall(method="GET", headers={"traceparent": TRACE})
    assert (call.trace_id, call.traceparent) == ("0af7651916cd43dd8448eb211c80319c", TRACE)
    for bad in ("", "00-short-1-01", TRACE + "\n", TRACE.upper()):
        other = HttpCall(method="GET", headers={"traceparent": bad})
        assert other.traceparent is None
        assert len(other.trace_id) == 32


def test_links_are_built_from_the_base_and_fit_the_status() -> None:
    queued = LINKS.of(new_job())
    assert set(queued) == {"self", "events", "cancel", "negotiate"}
    assert queued["self"] == f"{API}/content-architect/job/{new_job().job_id}"
    assert set(LINKS.of(new_job(status=JobStatus.COMPLETED))) == {"self", "events", "result", "negotiate"}
    assert set(LINKS.of(new_job(status=JobStatus.FAILED))) == {"self", "events", "retry", "negotiate"}


def test_the_view_of_a_finished_job_has_times_and_no_estimate() -> None:
    done = stamp(START + timedelta(seconds=90.5))
    job = new_job(status=JobStatus.COMPLETED, started_at=stamp(START), completed_at=done)
    view = job_view(job, LINKS)
    assert view["estimatedCompletionTime"] is None
    assert view["metadata"]["processingTime"] == 90.5
    assert view["progress"]["percentage"] == 100
    json.dumps(view)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "The job waits for its turn."),
        ({"status": JobStatus.PROCESSING}, "The job is being worked on."),
        (
            {"status": JobStatus.PROCESSING, "cancel_requested_at": stamp(START)},
            "The job stops at the next step boundary.",
        ),
        ({"status": JobStatus.FAILED, "error": JobError(code="c", message="It broke.")}, "It broke."),
        ({"status": JobStatus.CANCELLED}, "The job was cancelled."),
    ],
)
def test_the_view_says_in_words_where_the_job_stands(changes: dict[str, Any], message: str) -> None:
    view = job_view(new_job(**changes), LINKS)
    assert view["message"] == message
    assert view.get("error", {}).get("message") == ("It broke." if "error" in changes else None)


def test_the_estimate_counts_from_the_next_attempt_on() -> None:
    later = stamp(START + timedelta(hours=1))
    assert (
        job_view(new_job(next_attempt_at=later), LINKS)["estimatedCompletionTime"]
        == "2026-11-22T13:00:10.000Z"
    )


def test_the_tag_changes_with_all_that_a_caller_can_see_change_and_with_nothing_else() -> None:
    job = new_job()
    tags = {
        entity_tag(replace(job, **changes))
        for changes in (
            {},
            {"run": 2},
            {"sequence": 2},
            {"status": JobStatus.CANCELLED},
            {"cancel_requested_at": "now"},
            {"job_id": "another"},
        )
    }
    assert len(tags) == 6
    assert entity_tag(replace(job, lease_epoch=4, last_commit_id="x", updated_at="later")) == entity_tag(job)


def test_a_problem_document_has_code_fields_and_trace() -> None:
    error = InvalidRequest([FieldError(pointer="/topic", detail="is required")])
    body = problem(error, "trace")
    assert body["type"] == "urn:content-architect:problem:invalid-request"
    assert (body["status"], body["code"], body["traceId"]) == (422, "invalid_request", "trace")
    assert body["errors"] == [{"pointer": "/topic", "detail": "is required"}]
    assert problem(StorageUnavailable("down"), "t")["status"] == 503
    assert problem(ContentArchitectError("x"), "t")["code"] == "internal_error"


def test_a_result_carries_what_differs_from_run_to_run_beside_the_package() -> None:
    job = new_job(status=JobStatus.COMPLETED, completed_at=stamp(START), tokens_in=3)
    body = result_body(job, {"sources": [{"title": "S"}], "article": {"html": "<p>"}})
    assert body["sources"] == [{"title": "S", "accessed": "2026-11-22"}]
    assert (body["jobId"], body["created"], body["usage"]["tokensIn"]) == (job.job_id, job.completed_at, 3)


def test_a_package_without_an_article_is_shown_as_json_whatever_was_asked_for() -> None:
    job = new_job(status=JobStatus.COMPLETED)
    assert render_result(job, {"article": None}, "text/html").content_type == "application/json"
    page = render_result(job, {"article": {"html": "<h1>", "markdown": "#"}}, "text/html")
    assert page.content_type.startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
