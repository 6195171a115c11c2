"""Job management over HTTP, on the whole stack."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from tests.stack.conftest import until

pytestmark = pytest.mark.stack


def test_jobs_are_listed_counted_forked_and_deleted_over_http(stack: Any) -> None:
    label = uuid.uuid4().hex
    made = [stack.submit(userId=label, tags=[f"n{number}"]) for number in range(3)]
    for job_id in made:
        assert stack.ended(job_id)["status"] == "completed"

    def listed(path: str) -> Any:
        reply = stack.call("GET", path)
        assert reply.status == 200, reply.body
        return reply.json

    first = listed(f"/jobs?userId={label}&pageSize=2")
    second = listed(first["nextLink"].split("/content-architect")[1])
    assert [job["jobId"] for job in first["value"] + second["value"]] == made[::-1]
    assert listed(f"/jobs?userId={label}&status=completed&tag=n1")["value"][0]["jobId"] == made[1]
    foreign = stack.call("GET", first["nextLink"].split("/content-architect")[1].replace(label, "other"))
    assert (foreign.status, foreign.json["errors"][0]["pointer"]) == (422, "/cursor")
    assert listed("/jobs/statistics")["byStatus"]["completed"] >= 3

    changes = {"fromStep": "optimize_content", "request": {"userId": "another"}}
    fork = stack.call("POST", f"/job/{made[0]}/fork", changes)
    assert fork.status == 202
    assert stack.ended(fork.json["jobId"])["status"] == "completed"

    assert stack.call("POST", f"/job/{made[0]}/retry").status == 409
    assert stack.call("DELETE", f"/job/{made[0]}").status == 204
    assert stack.call("DELETE", f"/job/{made[0]}").status == 404
    assert [job["jobId"] for job in listed(f"/jobs?userId={label}")["value"]] == made[:0:-1]
    assert stack.call("POST", "/jobs").status == 405


async def test_a_malformed_message_is_shown_and_purged_over_http(stack: Any) -> None:
    async with ServiceBusClient.from_connection_string(stack.endpoints["serviceBus"]) as client:
        async with client.get_queue_sender("content-jobs-low") as sender:
            await sender.send_messages(ServiceBusMessage("not json", message_id=uuid.uuid4().hex))
    path = "/deadletters?queue=content-jobs-low"
    until(lambda: stack.call("GET", path).json["value"] or None)
    shown = stack.call("GET", path)
    assert [letter["body"] for letter in shown.json["value"]] == ["not json"], shown.body
    assert shown.json["value"][0]["jobId"] is None
    error = shown.json["value"][0]["error"]
    assert ("message_refused", "not JSON: Expecting value at line 1, column 1") == (
        error["code"],
        error["message"],
    )
    asked = {"queue": "content-jobs-low", "all": True}
    assert stack.call("POST", "/deadletters/redrive", {**asked, "purgeMalformed": True}).json["purged"] == 1
    assert stack.call("GET", path).json["value"] == []
