"""Entra's adapter: forged tokens, key documents that fail, grow or change, and how often they are asked for."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from aiohttp import web

from orchestration.adapters.entra import MAX_TOKEN, EntraTokenVerifier
from orchestration.adapters.entra_keys import KEPT_AT_MOST, REFRESH_EVERY, RENEW_AFTER, KeySource
from orchestration.breaker import BreakerState
from orchestration.connections import connect
from orchestration.errors import IdentityUnavailable, TokenRefused
from orchestration.settings import load_settings
from tests.orchestration.support import FakeClock
from tests.orchestration.tokens import (
    AUDIENCE,
    DIRECTORY,
    ENTRA,
    OTHER_DIRECTORY,
    Authority,
    claims,
    jwk,
    public_pem,
    raw_token,
    rsa_key,
    signed,
)

USES_SERVICES = True


@dataclass
class Desk:
    """The adapter, its authority and its clock (which the times in tokens do not follow)."""

    authority: Authority
    source: KeySource
    verifier: EntraTokenVerifier
    clock: FakeClock

    async def verify(self, token: str) -> Any:
        return await self.verifier.verify(token, audience=AUDIENCE)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = FakeClock()
    async with Authority().running() as authority:
        source = KeySource(authority.url, clock)
        served = frozenset({DIRECTORY, OTHER_DIRECTORY})
        verifier = EntraTokenVerifier(source, authority=authority.url, directories=served, clock=clock)
        yield Desk(authority, source, verifier, clock)
        await verifier.aclose()


# ---------------------------------------------------------------- forged tokens


async def test_issuers_of_both_versions_are_known(desk: Desk) -> None:
    second = f"{desk.authority.url}/{DIRECTORY}/v2.0"
    assert (await desk.verify(signed(claims(iss=second))))["iss"] == second
    foreign = f"{desk.authority.url}/{OTHER_DIRECTORY}/v2.0"
    with pytest.raises(TokenRefused, match="issuer"):
        await desk.verify(signed(claims(iss=foreign)))


async def test_s3_auth_unsigned_tokens_are_refused_whatever_they_call_themselves(desk: Desk) -> None:
    for name in ("none", "None", "nOnE", "NONE", "", "RS256"):
        for signature in (b"", b"x", b"\x00" * 256):
            with pytest.raises(TokenRefused):
                await desk.verify(raw_token({"alg": name, "kid": "first"}, claims(), signature))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_s3_auth_the_public_key_is_no_shared_secret(desk: Desk, algorithm: str) -> None:
    """The classic confusion: a token signed with HMAC under the text of the public key."""
    import hashlib
    import hmac

    unsigned = raw_token({"alg": algorithm, "kid": "first", "typ": "JWT"}, claims()).rpartition(".")[0]
    digest = getattr(hashlib, algorithm.replace("HS", "sha"))
    forged = hmac.new(public_pem("first"), unsigned.encode(), digest).digest()
    signature = raw_token({}, {}, forged).rpartition(".")[2]
    with pytest.raises(TokenRefused, match="RS256"):
        await desk.verify(f"{unsigned}.{signature}")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
async def test_s3_auth_only_one_algorithm_is_allowed(desk: Desk, algorithm: str) -> None:
    token = jwt.encode(claims(), rsa_key("first"), algorithm=algorithm, headers={"kid": "first"})
    with pytest.raises(TokenRefused, match="RS256"):
        await desk.verify(token)


async def test_s3_auth_a_tampered_token_is_refused(desk: Desk) -> None:
    header, _, signature = signed(claims()).split(".")
    richer = signed(claims(roles=["admin"])).split(".")[1]
    with pytest.raises(TokenRefused, match="not genuine"):
        await desk.verify(f"{header}.{richer}.{signature}")
    with pytest.raises(TokenRefused, match="not genuine"):
        await desk.verify(signed(claims(), key="stranger", kid="first"))


@pytest.mark.parametrize(
    "header", [{"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/"}, {"jwk": jwk("stranger")}]
)
async def test_s3_auth_a_token_cannot_bring_its_own_key(desk: Desk, header: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        await desk.verify(signed(claims(), key="stranger", kid="first", **header))
    assert len(desk.authority.asked) == 1


@pytest.mark.parametrize(
    "token",
    [
        raw_token(b"[" * 5000, claims()),
        raw_token({"alg": "RS256", "kid": "first"}, b'{"a":' * 5000),
        raw_token({"alg": "RS256", "kid": "first", "x": float("nan")}, claims()),
        raw_token({"alg": "RS256", "kid": ["first"]}, claims()),
        raw_token({"alg": "RS256"}, claims()),
        raw_token({"alg": ["RS256"], "kid": "first"}, claims()),
        raw_token([], claims()),
        raw_token({"alg": "RS256", "kid": "first"}, []),
        raw_token({"alg": "RS256", "kid": "first"}, claims(tid={"a": 1})),
        raw_token(b"\xff\xfe", claims()),
        "ü.ü.ü",
        "\udcff.\udcff.x",
        "a" * (MAX_TOKEN + 1),
        "a.b.c.d.e",
    ],
    ids=range(14),
)
async def test_s3_auth_what_is_no_token_is_refused_before_any_key_is_asked_for(
    desk: Desk, token: str
) -> None:
    with pytest.raises(TokenRefused):
        await desk.verify(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "soon"},
        {"exp": 1e400},
        {"exp": [1]},
        {"nbf": "x"},
        {"iat": "x"},
        {"aud": 5},
        {"aud": [5]},
        {"iss": 5},
        {"sub": 5},
        {"exp": -1},
    ],
    ids=str,
)
async def test_s3_auth_claims_of_the_wrong_kind_are_refused(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        await desk.verify(signed(claims(**changes)))


async def test_s3_auth_critical_headers_that_nobody_understands_are_refused(desk: Desk) -> None:
    with pytest.raises(TokenRefused):
        await desk.verify(signed(claims(), crit=["x"], x=1))


async def test_the_app_is_connected_to_the_authority_that_the_settings_name() -> None:
    local = {
        "CONTENT_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=AAAA;TableEndpoint=http://127.0.0.1:9/a",
        "AZURE_SERVICE_BUS_CONNECTION_STRING": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=AAAA",
        "WEB_PUBSUB_CONNECTION_STRING": "Endpoint=http://127.0.0.1:9;AccessKey=AAAA;Version=1.0;",
    }
    async with Authority().running() as authority:
        settings = load_settings({**local, **ENTRA, "ENTRA_AUTHORITY": f"{authority.url}/"})
        outside = await connect(settings)
        issuer = f"{authority.url}/{DIRECTORY}/v2.0"
        token = signed(claims(iss=issuer))
        assert issuer == (await outside.tokens.verify(token, audience=settings.entra_audience))["iss"]
        assert "closed" == outside.circuits.states()["identityProvider"]
        await outside.close()


# ---------------------------------------------------------------- keys


async def test_keys_are_asked_for_once_and_by_directory(desk: Desk) -> None:
    for _ in range(3):
        await asyncio.gather(desk.verify(signed(claims())), desk.verify(signed(claims())))
    assert [f"/{DIRECTORY}/discovery/v2.0/keys"] == desk.authority.asked
    await desk.verify(signed(claims(tid=OTHER_DIRECTORY)))
    assert f"/{OTHER_DIRECTORY}/discovery/v2.0/keys" == desk.authority.asked[-1]


async def test_calls_that_come_while_keys_are_fetched_share_the_fetch(desk: Desk) -> None:
    desk.authority.waiting = asyncio.Event()
    calls = [asyncio.create_task(desk.verify(signed(claims()))) for _ in range(5)]
    while not desk.authority.asked:
        await asyncio.sleep(0.001)
    desk.authority.waiting.set()
    assert len(await asyncio.gather(*calls)) == 5
    assert 1 == len(desk.authority.asked)


async def test_a_new_key_is_found_but_a_flood_of_invented_ones_costs_one_fetch_a_minute(desk: Desk) -> None:
    await desk.verify(signed(claims()))
    desk.authority.keys.append(jwk("second"))
    for number in range(20):
        with pytest.raises(TokenRefused):
            await desk.verify(signed(claims(), kid=f"invented-{number}"))
    assert 1 == len(desk.authority.asked)
    desk.clock.advance(REFRESH_EVERY)
    assert await desk.verify(signed(claims(), key="second"))
    assert 2 == len(desk.authority.asked)


async def test_a_withdrawn_key_ends_with_the_next_renewal(desk: Desk) -> None:
    await desk.verify(signed(claims()))
    desk.authority.keys[:] = [jwk("second")]
    desk.clock.advance(RENEW_AFTER)
    with pytest.raises(TokenRefused, match="not genuine"):
        await desk.verify(signed(claims()))


async def test_known_keys_outlive_an_authority_that_is_down_for_a_day_but_no_longer(desk: Desk) -> None:
    await desk.verify(signed(claims()))
    desk.authority.reply = lambda: web.Response(status=503)
    desk.clock.advance(RENEW_AFTER)
    assert await desk.verify(signed(claims()))
    desk.clock.advance(KEPT_AT_MOST - RENEW_AFTER)
    with pytest.raises(IdentityUnavailable):
        await desk.verify(signed(claims()))
    desk.authority.reply = None
    desk.clock.advance(REFRESH_EVERY)
    assert await desk.verify(signed(claims()))


BAD_DOCUMENTS = {
    "an error": lambda: web.Response(status=500),
    "a redirect": lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "no JSON": lambda: web.Response(text="<html>"),
    "too deep": lambda: web.Response(text="[" * 100_000),
    "too large": lambda: web.Response(body=b" " * 300_000 + b'{"keys":[]}'),
    "no keys": lambda: web.json_response({"keys": []}),
    "keys of another kind": lambda: web.json_response(
        {"keys": [{"kty": "oct", "k": "AAAA", "kid": "first"}]}
    ),
    "keys for encryption": lambda: web.json_response({"keys": [jwk("first", use="enc")]}),
    "a short key": lambda: web.json_response({"keys": [jwk("short", bits=1024, kid="first")]}),
    "half a key": lambda: web.json_response({"keys": [{"kty": "RSA", "kid": "first", "n": "x"}, 5]}),
    "a list": lambda: web.json_response([1]),
}


@pytest.mark.parametrize("reply", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
async def test_without_keys_a_token_cannot_be_told_and_that_is_no_refusal(desk: Desk, reply: Any) -> None:
    """401 would make callers throw a good token away."""
    desk.authority.reply = reply
    with pytest.raises(IdentityUnavailable) as caught:
        await desk.verify(signed(claims()))
    assert 503 == caught.value.status


async def test_an_authority_that_is_down_is_left_alone_for_a_while(desk: Desk) -> None:
    desk.authority.reply = lambda: web.Response(status=503)
    for _ in range(8):
        with pytest.raises(IdentityUnavailable):
            await desk.source.fetch(DIRECTORY)
    assert BreakerState.OPEN is desk.source.breaker.state
    assert 5 == len(desk.authority.asked)
