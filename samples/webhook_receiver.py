"""Receive callbacks as one should: check the signature, put the callback aside, answer at once, work afterwards.

    CONTENT_ARCHITECT_WEBHOOK_SECRETS=whsec_... .venv/bin/python samples/webhook_receiver.py

While a secret is being replaced, give the old and the new one, separated by a space. Prints one line per callback.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients" / "python"))

from content_architect_client import Callback, CallbackRefused, verify_callback

LONGEST_BODY = 64 * 1024


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once a callback is put aside, 400 for one that nobody signed."""

    secrets: ClassVar[list[str]] = []
    waiting: ClassVar[queue.SimpleQueue[tuple[str, Callback]]] = queue.SimpleQueue()

    def do_POST(self) -> None:
        """One callback."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY))
        try:
            callback = verify_callback(self.secrets, dict(self.headers.items()), body)
        except CallbackRefused as error:
            self.send_error(400, str(error))
            return
        self.waiting.put((self.headers["webhook-id"], callback))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing for each call."""


def work() -> None:
    """Take what was put aside. A callback may come twice: its id tells."""
    seen: set[str] = set()
    while True:
        identifier, callback = Receiver.waiting.get()
        if identifier not in seen:
            seen.add(identifier)
            data = callback["data"]
            print(f"{callback['type']} {data.get('jobId', '-')} {data.get('data', {})}", flush=True)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Receive callbacks.")
    parser.add_argument("--port", type=int, default=8020)
    arguments = parser.parse_args()
    Receiver.secrets = os.environ.get("CONTENT_ARCHITECT_WEBHOOK_SECRETS", "").split()
    if not Receiver.secrets:
        raise SystemExit(
            "Set CONTENT_ARCHITECT_WEBHOOK_SECRETS: POST webhooks/secret/rotate shows a new secret."
        )
    threading.Thread(target=work, daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), Receiver) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
