"""Callbacks and custom workflows on the stack: over HTTP and the real queue, to a receiver on this machine."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.orchestration.receiver import receiving
from tests.orchestration.test_webhooks import accepts
from tests.stack.conftest import until

pytestmark = pytest.mark.stack


def delivered(stack: Any, job_id: str) -> Any:
    """The job's deliveries once none is pending."""

    def look() -> Any:
        found = stack.call("GET", f"/job/{job_id}/deliveries").json["value"]
        return found if found and all(item["status"] != "pending" for item in found) else None

    return until(look, 60)


def test_a_job_calls_back_signed_and_again_after_a_failure(stack: Any) -> None:
    secret = stack.call("POST", "/webhooks/secret/rotate").json["secret"]
    with receiving() as receiver:
        receiver.answers.append((500, {}))
        job_id = stack.submit(callbackUrl=receiver.url)
        job = stack.ended(job_id)
        (item,) = delivered(stack, job_id)
        assert [attempt["status"] for attempt in item["attempts"]] == [500, 200]
        again = stack.call("POST", item["links"]["redeliver"].split("/content-architect")[1])
        assert again.status == 202
        until(lambda: True if len(receiver.received) == 3 else None, 30)
        test = stack.call("POST", "/webhooks/test", {"url": receiver.url}).json
        assert (test["delivered"], test["status"]) == (True, 200)
    called = receiver.received[:3]
    assert {headers["webhook-id"] for _, headers in called} == {f"{job_id}.{job['sequence']}"}
    assert len({body for body, _ in called}) == 1
    assert all(accepts(secret, headers, body) for body, headers in receiver.received)
    assert json.loads(called[0][0])["data"] == stack.events(job_id)[-1]


def test_all_events_that_were_asked_for_arrive_once(stack: Any) -> None:
    with receiving() as receiver:
        job_id = stack.submit(
            callbackUrl=receiver.url, webhookEvents=["status_change", "step_completed", "result_ready"]
        )
        stack.ended(job_id)
        delivered(stack, job_id)
    expected = [f"{job_id}.{event['sequence']}" for event in stack.events(job_id)]
    assert sorted(headers["webhook-id"] for _, headers in receiver.received) == sorted(expected)


def test_an_address_inside_is_refused_with_the_job(stack: Any) -> None:
    request = {"topic": "A topic", "contentType": "blog_post", "audience": "b2b"}
    for url in ("https://127.0.0.3/", "https://169.254.169.254/", "http://127.0.0.2:80/"):
        reply = stack.call("POST", "/generate", {**request, "callbackUrl": url})
        assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/callbackUrl")


def test_a_custom_workflow_is_validated_created_run_and_deleted(stack: Any) -> None:
    standard = stack.call("GET", "/workflows/standard").json
    workflow_id = f"w-{uuid.uuid4().hex[:12]}"
    mine = {"id": workflow_id, "name": "Mine", "steps": standard["steps"]}
    assert stack.call("POST", "/workflows/validate", mine).json["valid"] is True
    created = stack.call("POST", "/workflows", mine)
    assert created.status == 201
    assert created.json["plan"]["waves"] == standard["plan"]["waves"]
    job = stack.ended(stack.submit(workflowType="custom", workflowId=workflow_id))
    assert (job["status"], job["workflowType"], job["workflowId"]) == ("completed", "custom", workflow_id)
    changed = stack.call("PUT", f"/workflows/{workflow_id}", {**mine, "name": "Other"}).json
    assert (changed["latestVersion"], changed["activeVersion"]) == (2, 1)
    assert stack.call("POST", f"/workflows/{workflow_id}/activate").json["activeVersion"] == 2
    assert workflow_id in [item["id"] for item in stack.call("GET", "/workflows").json["value"]]
    assert stack.call("DELETE", f"/workflows/{workflow_id}").status == 204
    assert stack.call("GET", f"/workflows/{workflow_id}").status == 404
    many = {"name": "Many", "steps": [{"name": f"s{n}", "service": "wand"} for n in range(10_000)]}
    answer = stack.call("POST", "/workflows/validate", many)
    assert (answer.json["valid"], answer.json["errors"][0]["pointer"]) == (False, "/steps")
