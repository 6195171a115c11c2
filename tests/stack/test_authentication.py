"""A stack that lets nobody in without a key: the way of a job with one, and who is kept out."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from content_architect_client import ContentArchitect
from content_architect_client.options import Options
from devtools import cli
from devtools.stack import launch
from localcloud.supervisor.options import StackOptions
from tests.stack.conftest import ROOT, Reply, Stack

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not (ROOT / "node_modules" / "azurite").exists(), reason="needs Azurite from npm"),
]

REQUEST = {"topic": "Sleep and health", "contentType": "blog_post", "audience": "b2c"}
LATER = {**REQUEST, "scheduledFor": (datetime.now(UTC) + timedelta(days=1)).isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The stack, and keys of one tenant and of another."""

    stack: Stack
    submitter: str
    viewer: str
    foreign: str

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Reply:
        return self.stack.call(method, path, body, {"x-api-key": key} if key else None)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    options = StackOptions(repository=ROOT, data=tmp_path_factory.mktemp("locked"), in_memory=True)
    running = launch(
        options, tied=True, environment={"AUTH_MODE": "apikey", "SWEEP_SCHEDULE": "*/2 * * * * *"}
    ).ready()
    try:
        stack = Stack(running=running)
        admin, foreign = (first_key(options, tenant) for tenant in ("acme", "other"))

        def issued(role: str) -> str:
            reply = stack.call("POST", "/apikeys", {"name": role, "role": role}, {"x-api-key": admin})
            assert reply.status == 201, reply.body
            return reply.json["key"]

        yield Locked(stack=stack, submitter=issued("submitter"), viewer=issued("viewer"), foreign=foreign)
    finally:
        running.throw_away()


def first_key(options: StackOptions, tenant: str) -> str:
    """An admin's key, as a person makes the first one of a tenant."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        command = ("apikey", "create", "--tenant", tenant, "--name", "first", "--data", str(options.data))
        assert 0 == cli.main(command)
    return said.getvalue().strip()


def test_s3_auth_with_a_key_a_job_goes_its_whole_way(locked: Locked) -> None:
    options = Options(base_url=locked.stack.endpoints["api"], api_key=locked.submitter)
    with ContentArchitect(options) as client:
        job_id = client.submit(REQUEST)["jobId"]
        events = list(client.watch(job_id))
        log = locked.call("GET", f"/job/{job_id}/events", key=locked.viewer).json["value"]
        assert ("result_ready", log) == (events[-1]["type"], [e for e in events if "sequence" in e])
        assert client.result(job_id, form="markdown").startswith("# ")

        waiting = client.submit(LATER)["jobId"]
        assert "cancelled" == client.cancel(waiting)["status"]
        assert [(waiting, "cancelled"), (job_id, "completed")] == [
            (job["jobId"], job["status"]) for job in client.list()
        ]


def test_s3_auth_without_the_right_key_nobody_comes_to_a_job(locked: Locked) -> None:
    job_id = locked.call("POST", "/generate", LATER, key=locked.submitter).json["jobId"]
    routes = [
        ("GET", f"/job/{job_id}"),
        ("GET", f"/job/{job_id}/result"),
        ("GET", f"/job/{job_id}/events"),
        ("POST", f"/job/{job_id}/negotiate"),
        ("POST", f"/job/{job_id}/cancel"),
    ]
    for key in (None, "ca_0000000000000000_wrong", locked.submitter[:-1]):
        for method, path in [*routes, ("POST", "/generate"), ("GET", "/jobs")]:
            refused = locked.call(method, path, LATER if path == "/generate" else None, key=key)
            assert (401, "unauthorized") == (refused.status, refused.json["code"]), path
            assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    for method, path in routes:
        refused = locked.call(method, path, key=locked.foreign)
        assert (404, "job_not_found") == (refused.status, refused.json["code"]), path
    assert [] == locked.call("GET", "/jobs", key=locked.foreign).json["value"]

    for path, body in (("/generate", LATER), (f"/job/{job_id}/cancel", None)):
        refused = locked.call("POST", path, body, key=locked.viewer)
        assert (403, "forbidden") == (refused.status, refused.json["code"]), path
    shown = locked.call("GET", f"/job/{job_id}", key=locked.viewer)
    assert (200, "queued") == (shown.status, shown.json["status"])
    assert 200 == locked.call("POST", f"/job/{job_id}/negotiate", key=locked.viewer).status
    assert "cancelled" == locked.call("POST", f"/job/{job_id}/cancel", key=locked.submitter).json["status"]
