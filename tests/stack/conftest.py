"""One local stack for all tests that need it: two runners, storage in memory, thrown away at the end."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

import pytest

from devtools.stack import RunningStack, start
from localcloud.supervisor.options import StackOptions

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The running stack, with the few calls that tests make."""

    running: RunningStack

    @property
    def endpoints(self) -> dict[str, Any]:
        """As written now: process ids change when a part was restarted."""
        return json.loads((self.running.folder.path / "endpoints.json").read_text())

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoints['api']}/content-architect{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return Reply(status=answer.status, headers=answer.headers, body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(status=error.code, headers=error.headers, body=error.read())

    def submit(self, **fields: Any) -> str:
        """Submit a valid request with these fields; the job's id."""
        request = {
            "topic": "Artificial intelligence in healthcare",
            "contentType": "blog_post",
            "audience": "b2b",
        }
        reply = self.call("POST", "/generate", {**request, **fields})
        assert reply.status == 202, reply.body
        return reply.json["jobId"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.call("GET", f"/job/{job_id}").json

    def ended(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it has ended."""
        return until(lambda: self._if_ended(job_id), seconds)

    def _if_ended(self, job_id: str) -> dict[str, Any] | None:
        job = self.call("GET", f"/job/{job_id}?wait=5").json
        return job if job.get("status") in ("completed", "failed", "cancelled") else None

    def events(self, job_id: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/job/{job_id}/events").json["value"]

    def queue(self, name: str) -> dict[str, int]:
        with urllib.request.urlopen(self.endpoints["serviceBusStats"], timeout=10) as answer:
            return json.loads(answer.read())["queues"][name]


def until(look: Callable[[], T | None], seconds: float = 60) -> T:
    """What ``look`` finds, asked again and again for at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if (found := look()) is not None:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not (ROOT / "node_modules" / "azurite").exists():
        pytest.skip("needs Azurite from npm: run ./dev up once")
    options = StackOptions(
        repository=ROOT, data=tmp_path_factory.mktemp("stack"), instances=2, in_memory=True
    )
    os.environ.setdefault("LEASE_SECONDS", "4")
    os.environ.setdefault("CALLBACK_ALLOWED_HOSTS", "127.0.0.1")
    os.environ.setdefault("STEP_CACHE", "false")  # tests send the same request again and mean real work
    os.environ.setdefault("SWEEP_SCHEDULE", "*/2 * * * * *")
    running = start(options, tied=True)
    yield Stack(running=running)
    running.throw_away()
