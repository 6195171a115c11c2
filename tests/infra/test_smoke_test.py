"""The smoke test of a deployment passes where the app answers as it should, and fails with a reason elsewhere."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "hooks" / "smoke-test.sh"
SOUND = {"health/live": 200, "health/ready": 200, "jobs": 401}


@contextmanager
def serving(answers: dict[str, int]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.get(self.path.removeprefix("/content-architect/"), 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(base: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CONTENT_ARCHITECT_API_URL": base,
        "WAIT_SECONDS": "0",
        "no_proxy": "127.0.0.1",
    }
    return subprocess.run(
        ["sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_an_app_that_is_well_passes() -> None:
    with serving(SOUND) as base:
        done = run(base)
    assert (0, 3) == (done.returncode, done.stdout.count("ok: "))


@pytest.mark.parametrize("wrong", [{"health/live": 503}, {"health/ready": 503}, {"jobs": 200}])
def test_an_app_that_is_not_well_or_lets_everybody_in_fails(wrong: dict[str, int]) -> None:
    with serving({**SOUND, **wrong}) as base:
        done = run(base)
    route, status = next(iter(wrong.items()))
    assert 1 == done.returncode
    assert f"{route} answers {status}" in done.stderr
