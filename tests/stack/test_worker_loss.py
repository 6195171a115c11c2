"""Processes die; jobs do not."""

from __future__ import annotations

import os
import signal

import pytest

from tests.stack.conftest import Stack, until

pytestmark = pytest.mark.stack

JOBS = 20


def test_jobs_survive_the_death_of_a_runner_and_then_of_the_broker(stack: Stack) -> None:
    jobs = [stack.submit(workflowType="research_heavy") for _ in range(JOBS)]
    until(lambda: True if any(stack.job(job)["status"] == "processing" for job in jobs) else None)
    processes = stack.endpoints["processes"]

    os.kill(processes["functions-2"], signal.SIGKILL)
    until(lambda: True if stack.endpoints["processes"]["functions-2"] != processes["functions-2"] else None)
    os.kill(processes["servicebus"], signal.SIGKILL)

    ended = [stack.ended(job, 240) for job in jobs]
    assert [job["status"] for job in ended] == ["completed"] * JOBS
    for job in ended:
        events = stack.events(job["jobId"])
        steps = [event["data"]["step"] for event in events if event["type"] == "step_completed"]
        assert len(steps) == len(set(steps)) == job["progress"]["totalSteps"]
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
