"""Who gets in: client tokens at the handshake, access-key tokens at the REST API."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from yarl import URL

from localcloud.webpubsub.tokens import TokenError, verify_rest_token
from tests.webpubsub.support import JSON, KEY, RELIABLE, StandIn, connected, socket_to, started

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def handshake_status(stand_in: StandIn, path: str, **options: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with socket_to(stand_in, path, **options):
            pass
    return refused.value.status


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": YESTERDAY},
        {"exp": None},
        {"aud": None},
        {"aud": "http://127.0.0.1/client/hubs/other"},
        {"nbf": datetime.now(UTC) + timedelta(days=1)},
    ],
    ids=["expired", "no expiry", "no audience", "other hub", "not yet"],
)
async def test_a_client_token_with_bad_claims_is_refused(
    stand_in: StandIn, hub: str, claims: dict[str, Any]
) -> None:
    token = stand_in.client_token(hub, **claims)
    assert await handshake_status(stand_in, f"/client/hubs/{hub}?access_token={token}") == 401


async def test_a_client_without_a_genuine_token_is_refused(stand_in: StandIn, hub: str) -> None:
    claims = {"aud": f"{stand_in.endpoint}/client/hubs/{hub}", "exp": 2**33}
    rest_claims = {**claims, "aud": f"{stand_in.endpoint}/api/hubs/{hub}/:send"}
    forged = [
        jwt.encode(claims, "another-key-that-is-long-enough-for-hs256", "HS256"),
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, "x" * 64, "HS512"),
        stand_in.client_token(hub, aud=rest_claims["aud"]),
        "rubbish",
    ]
    paths = [f"/client/hubs/{hub}", *(f"/client/hubs/{hub}?access_token={token}" for token in forged)]
    assert [await handshake_status(stand_in, path) for path in paths] == [401] * 6


@pytest.mark.parametrize("path", ["/client/hubs/{hub}", "/client/?hub={hub}", "/client?hub={hub}"])
async def test_a_token_may_also_come_in_the_authorization_header(
    stand_in: StandIn, hub: str, path: str
) -> None:
    token = stand_in.client_token(hub, sub="ünï")
    async with socket_to(stand_in, path.format(hub=hub), Authorization=f"Bearer {token}") as client:
        assert (await client.receive())["userId"] == "ünï"


async def test_a_browser_page_from_a_file_may_connect(stand_in: StandIn, hub: str) -> None:
    path = f"/client/hubs/{hub}?access_token={stand_in.client_token(hub)}"
    async with socket_to(stand_in, path, Origin="null") as client:
        assert (await client.receive())["event"] == "connected"


@pytest.mark.parametrize("role", ["webpubsub.joinLeaveGroup", ["webpubsub.joinLeaveGroup"]])
async def test_a_role_may_be_a_string_or_a_list(stand_in: StandIn, hub: str, role: Any) -> None:
    async with connected(stand_in, hub, roles=role) as client:
        assert (await client.ask(type="joinGroup", group="g", ackId=1))["success"]


async def test_a_handshake_for_something_else_is_refused_clearly(stand_in: StandIn, hub: str) -> None:
    path = f"/client/hubs/{hub}?access_token={stand_in.client_token(hub)}"
    assert await handshake_status(stand_in, path, subprotocols=["mqtt"]) == 400
    assert await handshake_status(stand_in, "/client/") == 400
    async with socket_to(stand_in, path, subprotocols=["mqtt", JSON, RELIABLE]) as client:
        assert client.socket.protocol == JSON


async def test_a_page_view_of_a_socket_address_is_a_clear_error(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    url = f"{stand_in.endpoint}/client/hubs/{hub}?access_token={stand_in.client_token(hub)}"
    async with http.get(url) as response:
        assert (response.status, (await response.json())["code"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 202),
        ({"aud": "http://127.0.0.1/api/hubs/other/:send"}, 401),
        ({"aud": "not a url :"}, 401),
        ({"exp": YESTERDAY}, 401),
    ],
    ids=["good", "other path", "no url", "expired"],
)
async def test_a_rest_token_is_good_for_its_own_request_only(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession, changes: dict[str, Any], code: int
) -> None:
    url = f"{stand_in.endpoint}/api/hubs/{hub}/:send?api-version=2024-12-01"
    async with http.post(url, json={}, headers=stand_in.rest_headers(url, **changes)) as response:
        assert code == response.status


async def test_rest_without_a_token_is_refused_and_health_is_open(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    async with http.post(f"{stand_in.endpoint}/api/hubs/{hub}/:send?api-version=2024-12-01") as response:
        assert (response.status, response.headers["x-ms-error-code"]) == (401, "Unauthorized")
    async with http.get(f"{stand_in.endpoint}/api/health") as response:
        assert response.status == 200


async def test_a_rest_call_without_a_genuine_token_is_refused(
    stand_in: StandIn, hub: str, http: aiohttp.ClientSession
) -> None:
    url = f"{stand_in.endpoint}/api/hubs/{hub}/:send?api-version=2024-12-01"
    claims = {"aud": url, "exp": 2**33}
    forged = [
        jwt.encode(claims, "another-key-that-is-long-enough-for-hs256", "HS256"),
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, "x" * 64, "HS512"),
        stand_in.client_token(hub),
    ]
    for token in forged:
        async with http.post(url, json={}, headers={"Authorization": f"Bearer {token}"}) as response:
            assert response.status == 401


async def test_while_keys_are_replaced_tokens_of_both_are_good(hub: str, http: aiohttp.ClientSession) -> None:
    second = "the-second-key-is-long-enough-for-hs256-too"
    with started(secondary_key=second) as server:
        url = f"{server.endpoint}/api/hubs/{hub}/:send?api-version=2024-12-01"
        for key, status in ((KEY, 202), (second, 202), ("x" * 40, 401)):
            token = jwt.encode({"aud": url, "exp": 2**33}, key, "HS256")
            async with http.post(url, json={}, headers={"Authorization": f"Bearer {token}"}) as response:
                assert (key, response.status) == (key, status)
        client = jwt.encode({"aud": f"{server.endpoint}/client/hubs/{hub}", "exp": 2**33}, second, "HS256")
        async with socket_to(server, f"/client/hubs/{hub}?access_token={client}") as connection:
            assert (await connection.receive())["event"] == "connected"


def test_a_token_that_was_good_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    key, url = "k" * 32, URL("http://127.0.0.1/api/hubs/h/:send")
    token = jwt.encode({"aud": str(url), "exp": int(time.time()) + 60}, key, "HS256")
    for _ in range(2):
        verify_rest_token(token, keys=[key], url=url)
    later = time.time() + 61
    monkeypatch.setattr("localcloud.webpubsub.tokens.time.time", lambda: later)
    with pytest.raises(TokenError, match="expired"):
        verify_rest_token(token, keys=[key], url=url)


def test_a_good_token_is_good_for_its_own_key_and_address_alone() -> None:
    key, other, url = "k" * 32, "o" * 32, URL("http://127.0.0.1/api/hubs/h/:send")
    token = jwt.encode({"aud": str(url), "exp": int(time.time()) + 60}, key, "HS256")
    verify_rest_token(token, keys=[other, key], url=url)
    with pytest.raises(TokenError, match="refused"):
        verify_rest_token(token, keys=[other], url=url)
    with pytest.raises(TokenError, match="audience"):
        verify_rest_token(token, keys=[key], url=url / "other")
