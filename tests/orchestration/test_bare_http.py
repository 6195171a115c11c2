"""The lean HTTP client: what it sends, what it understands, and that an answer never reaches another request."""

import asyncio
import datetime as dt
import ssl
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestration.adapters import bare_http
from orchestration.adapters.bare_http import BareClient, NoAnswer
from tests.orchestration.raw_server import RawServer, serving

USES_SERVICES = True


def reply(body: bytes = b"ok", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: " + str(len(body)).encode(), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def get(server: RawServer, path: str = "/a") -> bare_http.Answer:
    return await server.client.request("GET", server.endpoint + path, {"Accept": "text/plain"})


async def test_a_request_is_sent_as_it_was_given_and_its_answer_read() -> None:
    async with serving(lambda _: reply(b"hello", b"X-Odd: gr\xfcn")) as server:
        answer = await server.client.request("POST", f"{server.endpoint}/p?q='1'", {"A": "b"}, b"body")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /p?q='1' HTTP/1.1",
        f"Host: {server.endpoint.removeprefix('http://')}".encode(),
        b"A: b",
        b"Content-Length: 4",
    ]
    assert body == b"body"
    assert (answer.status, answer.payload) == (200, b"hello")
    assert answer.headers["x-odd"] == "grün"


@pytest.mark.parametrize(
    ("raw", "status", "payload"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            200,
            b"x",
        ),
    ],
    ids=["chunked", "no content", "empty", "after an interim answer"],
)
async def test_every_framing_of_an_answer_is_understood(raw: bytes, status: int, payload: bytes) -> None:
    async with serving(lambda _: raw) as server:
        for _ in range(2):
            answer = await get(server)
            assert (answer.status, answer.payload) == (status, payload)
    assert server.connections == 1


async def test_an_answer_that_comes_in_small_parts_is_put_together() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in reply(b"slowly"):
            writer.write(bytes([byte]))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, BareClient(endpoint, limit=1, timeout=10) as client:
        assert (await client.request("GET", f"{endpoint}/", {})).payload == b"slowly"


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 12_000
    async with serving(lambda _: reply()) as server:
        await server.client.request("POST", f"{server.endpoint}/", {}, body)
    assert server.requests[0].endswith(body)


async def test_a_connection_is_used_again_until_the_server_says_otherwise() -> None:
    answers = [reply(), reply(b"bye", b"Connection: close"), reply(), reply()]
    async with serving(lambda _: answers.pop(0)) as server:
        for _ in range(4):
            await get(server)
    assert server.connections == 2


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare_http, "KEEP_SECONDS", -1.0)
    async with serving(lambda _: reply()) as server:
        await get(server)
        await get(server)
    assert server.connections == 2


async def test_no_more_requests_are_in_flight_than_agreed() -> None:
    async with serving(lambda _: reply(), limit=2) as server:
        await asyncio.gather(*(get(server) for _ in range(10)))
    assert server.connections <= 2
    assert len(server.requests) == 10


# ---------------------------------------------------------------- no answer


@pytest.mark.parametrize(
    "raw",
    [None, b"not HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"],
    ids=["closed", "nonsense", "wrong length"],
)
async def test_what_is_no_answer_is_told_and_the_next_request_goes_out_anew(raw: bytes | None) -> None:
    answers = [raw, reply()]
    async with serving(lambda _: answers.pop(0)) as server:
        with pytest.raises(NoAnswer):
            await get(server)
        assert (await get(server)).payload == b"ok"
    assert server.connections == 2


async def test_an_answer_that_is_cut_off_is_none() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"never whole")[:-3])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, BareClient(endpoint, limit=1, timeout=10) as client:
        with pytest.raises(NoAnswer, match="ConnectionResetError"):
            await client.request("GET", f"{endpoint}/", {})


async def test_a_server_that_says_nothing_costs_bounded_time() -> None:
    async with serving(lambda _: b"", timeout=0.05) as server:
        with pytest.raises(NoAnswer, match="TimeoutError"):
            await get(server)


async def test_a_server_that_is_not_there_gives_no_answer() -> None:
    async with BareClient("http://127.0.0.1:1", limit=1, timeout=10) as client:
        with pytest.raises(NoAnswer, match="ConnectionRefusedError"):
            await client.request("GET", "http://127.0.0.1:1/", {})


async def test_the_answer_to_a_request_that_was_given_up_reaches_no_other() -> None:
    numbers = count(1)
    async with serving(lambda _: b"" if next(numbers) == 1 else reply(b"second")) as server:
        first = asyncio.create_task(get(server))
        while not server.requests:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await get(server)).payload == b"second"
    assert server.connections == 2


async def test_what_comes_without_having_been_asked_for_ends_the_connection() -> None:
    answers = [reply() + reply(b"smuggled"), reply(b"mine")]
    async with serving(lambda _: answers.pop(0)) as server:
        assert (await get(server)).payload == b"ok"
        await server.closed.wait()
        assert (await get(server)).payload == b"mine"


async def test_requests_to_another_origin_are_refused() -> None:
    async with BareClient("http://127.0.0.1:1", limit=1, timeout=10) as client:
        with pytest.raises(ValueError, match=r"for http://127\.0\.0\.1:1"):
            await client.request("GET", "http://127.0.0.1:2/", {})


async def test_a_closed_client_keeps_no_connection() -> None:
    async with serving(lambda _: reply()) as server:
        await get(server)
        await server.client.close()
        await server.closed.wait()
        await get(server)
        assert server.client._idle == []


# ---------------------------------------------------------------- TLS


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.mark.parametrize("trusted", [True, False])
async def test_https_is_spoken_with_those_whose_certificate_is_trusted(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(file)
    if trusted:
        trusting = ssl.create_default_context(cafile=file)
        monkeypatch.setattr("ssl.create_default_context", lambda: trusting)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"secret"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
    endpoint = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with server, BareClient(endpoint, limit=1, timeout=10) as client:
        if trusted:
            assert (await client.request("GET", f"{endpoint}/", {})).payload == b"secret"
        else:
            with pytest.raises(NoAnswer, match="SSLCertVerificationError"):
                await client.request("GET", f"{endpoint}/", {})
