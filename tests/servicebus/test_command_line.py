"""The command line and the statistics over HTTP, as a supervisor uses them."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from localcloud.servicebus.__main__ import KEY_VARIABLE, main


async def http(port: int, request: bytes) -> tuple[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), json.loads(body) if body else None


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /healthz", "200 OK"),
        ("GET /stats?x=1", "200 OK"),
        ("GET /", "404 Not Found"),
        ("POST /stats", "405 Method Not Allowed"),
    ],
)
async def test_statistics_are_served_to_get_requests(broker: Any, request_line: str, status: str) -> None:
    line, document = await http(
        broker.broker.stats_port, f"{request_line} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    )
    assert line == f"HTTP/1.1 {status}"
    assert ("queues" in document) == request_line.startswith("GET /stats")


@pytest.mark.parametrize("garbage", [b"\x00" * 10_000, b"\r\n\r\n", b"GET"])
async def test_garbage_on_the_statistics_port_hurts_nobody(broker: Any, garbage: bytes) -> None:
    port = broker.broker.stats_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(garbage)
    writer.write_eof()
    async with asyncio.timeout(8):
        await asyncio.gather(reader.read(), return_exceptions=True)
    writer.close()
    assert (await http(port, b"GET /healthz HTTP/1.1\r\n\r\n"))[1] == {"status": "healthy"}


def test_without_a_key_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert main(["--port", "0"]) == 2
    assert KEY_VARIABLE in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--port", "--stats-port"])
def test_a_port_in_use_is_named_and_nothing_stays_open(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--key", "k", "--port", "0", option, str(port)]) == 2
    assert f"{port}" in capsys.readouterr().err


def test_a_missing_configuration_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--key", "k", "--config", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
