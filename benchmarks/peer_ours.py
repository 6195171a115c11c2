"""The product in the same harness as its peers: one worker process, queue, durable steps, realtime on.

The harness (workload, driver, kill test) lies beside the repository; where it is absent this benchmark says so and
ends. Storage, broker and Web PubSub are the local stack's; the worker is the Functions runner alone.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from benchmarks.batch_writer import IDLE_APP
from benchmarks.rig import Rig, app_folder, stack_with
from devtools.paths import ROOT

PEERS = ROOT.parent / "shared" / "bench" / "peers"
_START_SECONDS = 60.0


class Worker:
    """Starts the runner, and submits to it over one kept connection: the first of the two doors."""

    config = "http"

    def __init__(self, rig: Rig, folder: Path, spawn: Any) -> None:
        self._rig, self._folder, self._spawn = rig, folder, spawn
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self._connection: http.client.HTTPConnection | None = None

    def start(self, env: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start it: what the stack's own runner gets, and the harness' environment on top."""
        endpoints = self._rig.running.endpoints
        settings = {
            "AzureWebJobsStorage": endpoints["storage"],
            "CONTENT_STORAGE_CONNECTION_STRING": endpoints["storage"],
            "AZURE_SERVICE_BUS_CONNECTION_STRING": endpoints["serviceBus"],
            "WEB_PUBSUB_CONNECTION_STRING": endpoints["webPubSub"],
            "SWEEP_SCHEDULE": "*/15 * * * * *",
            "BENCH_PEERS": str(PEERS),
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "localcloud.host", "--app", str(self._folder)]
        command += ["--port", str(self._port), "--data", str(self._folder.parent / "functions")]
        os.chdir(self._folder)
        self._connection = None
        worker: subprocess.Popen[bytes] = self._spawn(
            [*command, "--instance-id", "peer-1"],
            {**env, **settings},
            logf=str(self._folder.parent / "worker.log"),
        )
        return worker

    def ready(self) -> None:
        """Wait until the API says that work can be accepted."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self._call("GET", "/health/ready", None) == 200:
                    return
            except OSError:
                self._connection = None
            time.sleep(0.02)
        raise RuntimeError("the runner is not ready")

    def submit(self, job: str) -> None:
        """Submit one job; its name travels as the topic."""
        status = self._call("POST", "/generate", json.dumps(_request(job)))
        if status != 202:
            raise RuntimeError(f"submit was answered {status}")

    def _call(self, method: str, path: str, body: str | None) -> int:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, f"/content-architect{path}", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


class Producer(Worker):
    """The other door, and what the peers do when they enqueue: a message into the queue, with the official client."""

    config = "producer"

    def __init__(self, rig: Rig, folder: Path, spawn: Any) -> None:
        super().__init__(rig, folder, spawn)
        client = ServiceBusClient.from_connection_string(rig.running.endpoints["serviceBus"])
        self._sender = client.get_queue_sender("content-jobs")

    def submit(self, job: str) -> None:
        """Send one message; it is the job's from the moment the broker has it."""
        body = json.dumps({"type": "content_generation", "request": _request(job)})
        self._sender.send_messages(ServiceBusMessage(body, message_id=job))


def _request(job: str) -> dict[str, str]:
    return {"topic": job, "contentType": "blog_post", "audience": "b2b"}


def main() -> None:
    """Run the harness once for each door; it prints JSON lines in the form of its peers."""
    if not (PEERS / "common.py").is_file():
        print(json.dumps({"case": "peer_ours", "skipped": "no peer harness beside the repository"}))
        return
    sys.path.insert(0, str(PEERS))
    for door in (Worker, Producer):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            os.environ["PEER_DIR"] = folder
            _drive(door, Path(folder))


def _drive(door: type[Worker], folder: Path) -> None:
    from common import drive, spawn

    app = app_folder(folder / "app", ROOT / "benchmarks" / "noop_app.py")
    with stack_with(IDLE_APP) as rig:
        worker = door(rig, app, spawn)
        drive(
            "content-architect",
            door.config,
            start_worker=worker.start,
            submit=worker.submit,
            ready=worker.ready,
            checkpoint_default="every step",
            worker_kind="1 Functions runner, 16 calls a queue",
            backend_pids=[rig.pid(part) for part in ("azurite", "servicebus", "webpubsub")],
            note="realtime on; storage in memory",
            runs=int(os.environ.get("PEER_RUNS", "5")),
        )


if __name__ == "__main__":
    main()
