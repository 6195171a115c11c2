"""A web that never leaves the process: names resolve to what a test says, connections answer from a table."""

from __future__ import annotations

import httpcore

PUBLIC = "93.184.216.34"


def response(status=200, body=b"", **headers):
    """The bytes of an HTTP/1.1 answer."""
    named = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(body)),
        "connection": "close",
    }
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


class StubWeb(httpcore.AsyncNetworkBackend):
    """``pages`` maps "host/path" to an answer; ``names`` maps hosts to addresses; what was connected is kept."""

    def __init__(self, pages, names=None):
        self.pages = pages
        self.names = names or {}
        self.connected = []
        self.asked = []
        self.agents = []
        self.requests = []

    async def resolve(self, host, port):
        found = self.names.get(host, [PUBLIC])
        if isinstance(found, OSError):
            raise found
        return found

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.connected.append((host, port))
        return _Stream(self)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, web):
        self._web = web
        self._sent = b""
        self._answer = None

    async def write(self, buffer, timeout=None):
        self._sent += buffer

    async def read(self, max_bytes, timeout=None):
        if self._answer is None:
            self._answer = self._find()
        if isinstance(self._answer, Exception):
            raise self._answer
        part, self._answer = self._answer[:max_bytes], self._answer[max_bytes:]
        return part

    async def aclose(self):
        self._answer = b""

    async def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        return self

    def get_extra_info(self, info):
        return None

    def _find(self):
        self._web.requests.append(self._sent)
        lines = self._sent.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        asked = headers["host"] + lines[0].split(" ")[1]
        self._web.asked.append(asked)
        self._web.agents.append(headers["user-agent"])
        exact = self._web.pages.get(asked)
        return exact if exact is not None else self._web.pages.get(asked.partition("?")[0], response(404))
