"""Serve samples/watch.html on loopback, next to the API of the running local stack.

    .venv/bin/python samples/watch.py          # then open the address that it prints

The page comes from here and the API answers under the same origin, so no CORS is needed: the API stays closed to
other origins. Files are served from samples/ and node_modules/ alone.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parent.parent
SERVED = ("samples", "node_modules")
PASSED_ON = ("content-type", "accept", "if-none-match")


class WatchHandler(BaseHTTPRequestHandler):
    """Files of the sample, and the API behind them."""

    api: ClassVar[str] = ""

    def do_GET(self) -> None:
        """A file, or a call of the API."""
        if self.path.startswith("/content-architect/"):
            self._forward()
            return
        path = (ROOT / self.path.partition("?")[0].lstrip("/")).resolve()
        if path.is_file() and any(path.is_relative_to(ROOT / name) for name in SERVED):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self._send(200, kind, path.read_bytes())
        else:
            self._send(404, "text/plain", b"not here")

    def do_POST(self) -> None:
        """A call of the API."""
        self._forward()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing for each file."""

    def _forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: value for name, value in self.headers.items() if name.lower() in PASSED_ON}
        body = self.rfile.read(length) if length else (b"" if self.command == "POST" else None)
        request = urllib.request.Request(  # noqa: S310 - the address is the local stack's own
            self.api + self.path, data=body, headers=headers, method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                self._send(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        except urllib.error.HTTPError as error:
            self._send(error.code, error.headers.get("Content-Type", ""), error.read())
        except urllib.error.URLError as error:
            self._send(502, "text/plain", f"the API does not answer: {error.reason}".encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--data", default=".localcloud", help="data folder of the stack")
    arguments = parser.parse_args()
    endpoints = Path(arguments.data) / "endpoints.json"
    if not endpoints.exists():
        raise SystemExit("No local stack runs here. Start it with: ./dev up --detach")
    WatchHandler.api = json.loads(endpoints.read_text(encoding="utf-8"))["api"]
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), WatchHandler) as server:
        print(f"http://127.0.0.1:{server.server_port}/samples/watch.html", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
