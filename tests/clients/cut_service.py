"""A service whose sockets are real and are cut: a job's log over HTTP, its events through the Web PubSub stand-in."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from content_architect_client.models import Event
from tests.clients.world import JOB_ID, whole_log
from tests.webpubsub.support import LIMIT_SECONDS, StandIn

GROUP = f"job:{JOB_ID}"
EVENTS, CUTS = 24, 10


@dataclass
class CutService:
    """Tells one job's events; ``tell`` cuts every connection ten times on the way."""

    stand_in: StandIn
    hub: str
    events: list[Event] = field(default_factory=lambda: whole_log(EVENTS))
    told: int = 1
    cuts: int = 0
    negotiations: int = 0
    base: str = ""

    def answer(self, method: str, path: str) -> Any:
        parts = urlsplit(path)
        if method == "POST":
            self.negotiations += 1
            with self.stand_in.service(self.hub) as service:
                return {"url": service.get_client_access_token(user_id="u", groups=[GROUP])["url"]}
        if parts.path.endswith("/events"):
            return {"value": self.events[int(parse_qs(parts.query)["after"][0]) : self.told]}
        ended = self.told == len(self.events)
        status = "completed" if ended else "processing"
        return {"jobId": JOB_ID, "status": status, "sequence": self.told, "message": "made up"}

    def tell(self) -> None:
        """Every second event is told to a socket that is cut right before or right after it."""
        with self.stand_in.service(self.hub) as service:
            for number in range(1, len(self.events)):
                if number % 4 == 1:
                    self._cut(service)
                self.told = number + 1
                service.send_to_group(GROUP, dict(self.events[number]))
                if number % 4 == 3:
                    self._cut(service)

    def _cut(self, service: Any) -> None:
        """Lose the network of whoever is connected, once somebody is."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline and self.cuts < CUTS:
            request = urllib.request.Request(
                f"{self.stand_in.endpoint}/_faults/drop",
                data=json.dumps({"hub": self.hub}).encode(),
                headers={"Content-Type": "application/json"},
            )
            if service.group_exists(GROUP):
                with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
                    if json.loads(answer.read())["dropped"]:
                        self.cuts += 1
                        return
            time.sleep(0.01)


@contextmanager
def cutting(stand_in: StandIn, hub: str) -> Iterator[CutService]:
    """The service at ``base``; its job goes on once somebody listens."""
    service = CutService(stand_in=stand_in, hub=hub)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = json.dumps(service.answer(self.command, self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _reply  # noqa: N815 - the base class looks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        service.base = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        telling = threading.Thread(target=service.tell)
        telling.start()
        try:
            yield service
        finally:
            telling.join(60)
            server.shutdown()
            serving.join(LIMIT_SECONDS)
