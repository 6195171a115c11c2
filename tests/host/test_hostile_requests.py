"""Requests that no honest client sends: the runner bounds them before the app sees anything."""

import asyncio

import pytest

from localcloud.host import http_server

ECHO = """
@app.route(route="echo")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(len(req.headers)))
"""


async def talk(port, *parts, endless=None):
    """Send parts, then ``endless`` until the other side has had enough; what it said before it hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    sent = 0
    try:
        async with asyncio.timeout(20):
            while endless is not None and not reader.at_eof() and not reader._buffer:
                writer.write(endless)
                sent += len(endless)
                await writer.drain()
                await asyncio.sleep(0)
            answer = await reader.read(65_536)
    except ConnectionError:
        answer = b""
    writer.close()
    return answer, sent


async def test_s3_resource_use_an_endless_chunked_body_ends_at_the_limit(serve, monkeypatch):
    monkeypatch.setattr(http_server, "MAX_BODY_BYTES", 256 * 1024)
    app = await serve(ECHO)
    head = b"POST /api/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer, sent = await talk(app.host.port, head, endless=chunk)
    assert answer.startswith(b"HTTP/1.1 413")
    assert sent < 64 * 1024 * 1024
    assert (await app.get("/api/echo"))[0] == 200, "the runner goes on"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /api/echo HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", b"400"),
        (b"GET /api/echo?" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (
            b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"400",
        ),
        (b"GET /api/echo HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n", b"400"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
    ],
    ids=range(7),
)
async def test_s3_resource_use_a_request_that_is_none_is_refused_with_a_4xx(serve, head, status):
    app = await serve(ECHO)
    answer, _ = await talk(app.host.port, head)
    assert answer.startswith(b"HTTP/1.")
    assert answer.split(b" ", 2)[1] == status
    assert (await app.get("/api/echo"))[0] == 200


async def test_many_headers_are_refused_by_the_server_or_reach_the_app_which_has_a_limit_of_its_own(serve):
    """The app's is tested in tests/orchestration/test_hardening.py."""
    app = await serve(ECHO)
    status, body = await app.get("/api/echo", headers={f"X-{number}": "1" for number in range(105)})
    assert (status, int(body) > 105) == (200, True)
    status, _ = await app.get("/api/echo", headers={f"X-{number}": "1" for number in range(1000)})
    assert 400 <= status < 500
