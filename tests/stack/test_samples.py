"""The samples of the clients do what their first lines say, on the real parts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.stack.conftest import ROOT, Stack

pytestmark = pytest.mark.stack

TOPIC = "How much sleep do adults need?"


def environment(stack: Stack, **more: str) -> dict[str, str]:
    return {**os.environ, "CONTENT_ARCHITECT_API_URL": stack.endpoints["api"], **more}


@pytest.mark.parametrize("options", [[], ["--no-socket"]], ids=["socket", "polling"])
def test_the_python_sample_prints_an_article(stack: Stack, options: list[str]) -> None:
    command = [sys.executable, str(ROOT / "samples" / "client_python.py"), TOPIC, *options]
    said = subprocess.run(
        command, env=environment(stack), capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("# ")
    numbers = [line.split()[0] for line in said.stderr.splitlines() if line.split()[0].isdigit()]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert "result_ready" in said.stderr.splitlines()[-1]


def test_the_python_sample_says_what_is_wrong(stack: Stack) -> None:
    command = [sys.executable, str(ROOT / "samples" / "client_python.py"), "ab"]
    said = subprocess.run(
        command, env=environment(stack), capture_output=True, text=True, timeout=60, check=False
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert "/topic" in said.stderr


@contextmanager
def receiver(secrets: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "samples" / "webhook_receiver.py"), "--port", "0"],
        env={**os.environ, "CONTENT_ARCHITECT_WEBHOOK_SECRETS": secrets},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_receiver_takes_what_the_service_signed_and_nothing_else(stack: Stack) -> None:
    secret = stack.call("POST", "/webhooks/secret/rotate").json["secret"]
    with receiver(secret) as (url, process):
        tried = stack.call("POST", "/webhooks/test", {"url": url}).json
        assert (tried["delivered"], tried["status"]) == (True, 204)
        job_id = stack.submit(callbackUrl=url)
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[0].startswith("webhook.test")
        assert lines[1].startswith(f"job.result_ready {job_id}")
    other = "whsec_" + "A" * 43 + "="
    with receiver(other) as (url, _):
        assert stack.call("POST", "/webhooks/test", {"url": url}).json["status"] == 400


@pytest.mark.node
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_javascript_sample_watches_two_jobs_over_one_socket(stack: Stack) -> None:
    command = ["node", str(ROOT / "samples" / "client_js.mjs"), TOPIC, "Cybersecurity for small businesses"]
    said = subprocess.run(
        command, env=environment(stack), capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("# ")
    told: dict[str, list[int]] = {}
    for job, number, *_ in (line.split() for line in said.stderr.splitlines()):
        if number != "-":
            told.setdefault(job, []).append(int(number))
    assert len(told) == 2, said.stderr
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in told.values()), said.stderr
